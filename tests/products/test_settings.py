from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.products.model import Product
from harness.products.settings import read
from harness.products.syntax import SYNTAXES
from harness.products.values import Bytes, Plain, Seconds, Typed


def product(syntax: str = "plain", **setting: Any) -> Product:
    return Product.model_validate(
        {"product": "x", "title": "X", "syntax": syntax, "settings": {"it": setting}}
    )


def told(made: Product, written: object) -> str:
    with pytest.raises(ValueError, match="expected") as caught:
        read(made, "it", written)
    return str(caught.value)


@pytest.mark.parametrize(
    ("syntax", "unit", "written", "seconds", "spelt"),
    [
        ("nginx", None, "60s", 60, "60s"),
        ("nginx", None, "60", 60, "60s"),
        ("nginx", None, 60, 60, "60s"),
        ("nginx", None, "1m", 60, "60s"),
        ("nginx", None, "500ms", 0.5, "500ms"),
        ("nginx", None, "1h 30m", 5400, "90m"),
        ("nginx", None, "1M", 30 * 86_400, "30d"),
        ("nginx", None, "0", 0, "0s"),
        ("haproxy", None, "50000", 50, "50s"),
        ("haproxy", None, "50s", 50, "50s"),
        ("haproxy", None, "1500", 1.5, "1500ms"),
        ("envoy", None, "15s", 15, "15s"),
        ("envoy", None, "0.25s", 0.25, "0.25s"),
        ("go", None, "1h30m", 5400, "90m"),
        ("go", None, "300ms", 0.3, "300ms"),
        ("go", "s", "180", 180, "180s"),
        ("go", None, "0", 0, "0s"),
        ("caddy", None, "0", 0, "0s"),
        ("caddy", None, "1d", 86_400, "1d"),
        ("squid", None, "15 minutes", 900, "15 minutes"),
        ("squid", None, "1 day", 86_400, "1 day"),
        ("squid", None, "60", 60, "60 seconds"),
        ("apache", None, "60", 60, "60s"),
        ("apache", None, "500ms", 0.5, "500ms"),
        ("apache", None, "20min", 1200, "20min"),
        ("node", None, "120000", 120, "120000"),
        ("node", None, 1500, 1.5, "1500"),
        ("varnish", None, "60", 60, "60s"),
        ("varnish", None, "0.5s", 0.5, "500ms"),
        ("plain", None, "15m", 900, "15m"),
        ("plain", "s", "60", 60, "60s"),
        ("bare", "s", "350", 350, "350"),
        ("bare", "m", "4", 240, "4"),
    ],
)
def test_a_duration_is_read_as_its_product_writes_it(
    syntax: str, unit: str | None, written: object, seconds: float, spelt: str
) -> None:
    made = product(syntax, type="duration", unit=unit)
    assert read(made, "it", written) == (Seconds(seconds), spelt)
    assert read(made, "it", spelt) == (Seconds(seconds), spelt)


@pytest.mark.parametrize(
    ("syntax", "written", "shows"),
    [
        ("nginx", "1.5s", "60s, 1m, 500ms or 60, got 1.5s"),
        ("nginx", "60 s", "60s, 1m, 500ms or 60, got 60 s"),
        ("nginx", "30m1h", "got 30m1h"),
        ("nginx", "-1", "got -1"),
        ("nginx", "", "got an empty string"),
        ("nginx", None, "got nothing"),
        ("nginx", "off", "got off"),
        ("haproxy", "1h30m", "50s, 50000 (milliseconds) or 1m, got 1h30m"),
        ("envoy", "1m", "15s or 0.25s, got 1m"),
        ("envoy", "15", "15s or 0.25s, got 15"),
        ("go", "60", "1h30m, 60s or 300ms, got 60"),
        ("go", "00", "1h30m, 60s or 300ms, got 00"),
        ("plain", "0", "60s, 15m or 500ms, got 0"),
        ("squid", "15m", "15 minutes or 60 seconds, got 15m"),
        ("apache", "1d", "60, 60s or 500ms, got 1d"),
        ("node", "2s", "120000 (milliseconds), got 2s"),
        ("varnish", "1h30m", "60s, 1m or 60, got 1h30m"),
        ("plain", "60", "60s, 15m or 500ms, got 60"),
        ("bare", "60s", "60, got 60s"),
        ("nginx", "9" * 200, "got 9"),
    ],
)
def test_a_wrong_duration_is_told_the_products_syntax(
    syntax: str, written: object, shows: str
) -> None:
    assert shows in told(product(syntax, type="duration"), written)


@pytest.mark.parametrize("name", sorted(SYNTAXES))
@given(milliseconds=st.integers(0, 10**9))
def test_a_duration_is_read_again_as_it_is_written(name: str, milliseconds: int) -> None:
    made = product(name, type="duration", unit=None)
    syntax = SYNTAXES[name]
    seconds = milliseconds / 1000
    exact = syntax.read(f"{milliseconds}ms") if "ms" in syntax.units else None
    if exact is not None:
        assert read(made, "it", syntax.write(exact))[0] == seconds


@pytest.mark.parametrize("text", ["1h30m", "60s, 1m", "0.25s"])
def test_what_a_message_shows_is_what_would_do(text: str) -> None:
    shown = [it for it in SYNTAXES.values() if text in it.examples]
    assert shown
    for syntax in shown:
        for example in syntax.examples.replace(" or ", ", ").split(", "):
            syntax.read(example.split(" (")[0])


def test_zero_may_mean_never() -> None:
    made = product("haproxy", type="duration", zero="never")
    assert read(made, "it", "0") == (Seconds(math.inf), "0s")
    assert read(product("haproxy", type="duration"), "it", "0") == (Seconds(0), "0s")


def test_a_product_may_bound_its_settings() -> None:
    made = product("bare", type="duration", unit="s", least=1, most=4000)
    assert read(made, "it", "4000")[0] == 4000
    assert told(made, "0") == "expected at least 1, got 0"
    assert told(made, "4001") == "expected at most 4000, got 4001"


@pytest.mark.parametrize(
    ("setting", "written", "value", "spelt"),
    [
        ({"type": "size"}, "4k", Bytes(4096), "4k"),
        ({"type": "size"}, "4096", Bytes(4096), "4k"),
        ({"type": "size"}, "16 KB", Bytes(16_384), "16k"),
        ({"type": "size"}, "1000", Bytes(1000), "1000"),
        ({"type": "size"}, "0", Bytes(0), "0"),
        ({"type": "size"}, "2M", Bytes(2 * 1024**2), "2m"),
        ({"type": "flag"}, "off", False, "off"),
        ({"type": "flag"}, True, True, "on"),
        ({"type": "flag"}, "YES", True, "on"),
        ({"type": "flag", "default": "false", "evidence": "measured", "source": "x"}, "1", True,
         "true"),
        ({"type": "flag", "default": 0, "evidence": "measured", "source": "x"}, "no", False, "0"),
        ({"type": "choice", "choices": ["1.0", "1.1"]}, "1.0", "1.0", "1.0"),
        ({"type": "count"}, "3", 3, 3),
        ({"type": "count"}, 0, 0, 0),
        ({"type": "words"}, "a/b  c", ("a/b", "c"), "a/b c"),
        ({"type": "words"}, ["a", "b"], ("a", "b"), "a b"),
        ({"type": "words"}, [], (), ""),
        ({"type": "fields"}, {"X-A": "1", "X-B": 2}, {"X-A": "1", "X-B": "2"},
         {"X-A": "1", "X-B": "2"}),
        ({"type": "fields"}, {"X-A": ""}, {"X-A": ""}, {"X-A": ""}),
        ({"type": "times"}, "60s", Seconds(60), "60s"),
        ({"type": "times"}, "404 1m;  any 10m", Seconds(600), "404 60s, any 10m"),
        ({"type": "times"}, "404 1m, 200 302 1h, any 5s", Seconds(3600),
         "404 60s, 200 302 1h, any 5s"),
        ({"type": "times"}, "404 1m", None, "404 60s"),
        ({"type": "buffers"}, "8 4k", Bytes(4096), "8 4k"),
        ({"type": "buffers"}, "04  16384", Bytes(16384), "4 16k"),
        ({"type": "text"}, "any thing", "any thing", "any thing"),
    ],
)  # fmt: skip
def test_a_setting_has_a_value_and_one_spelling(
    setting: dict[str, Any], written: object, value: Typed, spelt: Plain
) -> None:
    made = product(**setting)
    found = read(made, "it", written)
    assert (found, type(found[0])) == ((value, spelt), type(value))
    assert read(made, "it", found[1]) == found


@pytest.mark.parametrize(
    ("setting", "written", "message"),
    [
        ({"type": "size"}, "4KiBs", "expected a size such as 4k, 1m or 4096 (bytes), got 4KiBs"),
        ({"type": "size"}, None, "expected a size such as 4k, 1m or 4096 (bytes), got nothing"),
        ({"type": "flag"}, "maybe", "expected on or off, got maybe"),
        ({"type": "flag"}, [], "expected on or off, got a list"),
        (
            {"type": "choice", "choices": ["gzip", "deflate"]},
            "gzpi",
            "expected gzip or deflate, got gzpi; did you mean gzip?",
        ),
        ({"type": "count"}, "1.5", "expected a whole number, zero or more, got 1.5"),
        ({"type": "count"}, -1, "expected a whole number, zero or more, got -1"),
        ({"type": "words"}, ["a b"], "expected words with blanks between them, or a list of words"),
        ({"type": "words"}, 5, "expected words with blanks between them, or a list of words"),
        ({"type": "fields"}, "X-A", "expected header fields, such as {X-Name: value}, got X-A"),
        ({"type": "fields"}, {"X-A": []}, "expected header fields, such as {X-Name: value}, got a"),
        ({"type": "times"}, "all 1m", "expected a time, with statuses or any before it, such as"),
        ({"type": "times"}, "200", "expected a duration such as"),
        ({"type": "times"}, "1m;", "expected a duration such as"),
        ({"type": "buffers"}, "4k", "expected a number and a size, such as 8 4k, got 4k"),
        ({"type": "buffers"}, "8 x", "expected a number and a size, such as 8 4k, got 8 x"),
        ({"type": "buffers"}, "0 4k", "expected a number and a size, such as 8 4k, got 0 4k"),
        ({"type": "buffers"}, "8 0", "expected a number and a size, such as 8 4k, got 8 0"),
        ({"type": "text"}, "", "expected a text, got an empty string"),
    ],
)
def test_a_wrong_value_is_told_what_is_expected(
    setting: dict[str, Any], written: object, message: str
) -> None:
    assert told(product(**setting), written).startswith(message)

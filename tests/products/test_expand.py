"""What the programs are made of, as transcripts: settings in, faults out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import products
from harness.errors import ScenarioError
from harness.model.scenario import FaultSpec, Hop
from harness.products.load import load

TEXT = """\
product: x
title: X
measured: "2.4"
version: "2.0"
versions:
  "2.0": {}
  "3": {limit: 5s}
syntax: haproxy
settings:
  limit: {type: duration, default: 10s, zero: never, evidence: measured, source: a}
  hold it: {type: flag, default: off, evidence: documented, source: b}
  tell: {type: words}
  age: {type: duration}
faults:
  - idle_timeout: {after: $limit, mid_stream: reset}
    setting: limit
  - buffer: {flush_after: "${limit / 2}", unless_response_header: {X: "${'y' if tell else None}"}}
    if: hold_it and limit < never
    setting: hold it
    source: c
  - max_duration: {after: $age}
    if: age != None
    arms: acting
    evidence: reported
    source: d
"""


def made(tmp_path: Path, version: str = "", **settings: object) -> Hop:
    file = tmp_path / "x.yaml"
    file.write_text(TEXT)
    return products.hop(load(file), version, settings)


def faults(hop: Hop) -> list[tuple[str, Any]]:
    return [(it.name, it.settings) for it in hop.faults]


def test_a_bare_product_is_its_defaults(tmp_path: Path) -> None:
    hop = made(tmp_path)
    assert hop.faults == (
        FaultSpec(
            name="idle_timeout",
            settings={"after": "10s", "mid_stream": "reset"},
            evidence="measured",
            source="a",
            setting="limit",
            value="10s",
            is_limit=True,
        ),
    )
    assert str(hop.product) == "x@2.0"


def test_a_setting_replaces_its_default_and_is_kept_as_the_product_writes_it(
    tmp_path: Path,
) -> None:
    hop = made(tmp_path, limit="1500", age="1m")
    assert faults(hop) == [
        ("idle_timeout", {"after": "1.5s", "mid_stream": "reset"}),
        ("max_duration", {"after": "60s"}),
    ]
    assert hop.product is not None
    assert hop.product.settings == {"limit": "1500ms", "age": "60s"}
    assert hop.as_yaml() == {"x@2.0": {"limit": "1500ms", "age": "60s"}}


def test_a_key_whose_expression_is_none_is_left_out_and_so_is_what_is_empty_then(
    tmp_path: Path,
) -> None:
    held = made(tmp_path, **{"hold it": "on"}).faults[1]
    assert held.settings == {"flush_after": "5s"}
    told = made(tmp_path, **{"hold it": "on", "tell": "me"}).faults[1]
    assert told.settings == {"flush_after": "5s", "unless_response_header": {"X": "y"}}


def test_a_limit_of_never_leaves_its_fault_out(tmp_path: Path) -> None:
    assert faults(made(tmp_path, limit="0")) == []


def test_a_version_holds_until_the_next_one(tmp_path: Path) -> None:
    limits = [made(tmp_path, it).faults[0].value for it in ("2.0", "2.99.1", "3", "3.1")]
    assert limits == ["10s", "10s", "5s", "5s"]
    assert str(made(tmp_path, "2.99.1").product) == "x@2.99.1"


def test_what_was_measured_of_another_version_is_no_measurement(tmp_path: Path) -> None:
    evidence = [made(tmp_path, it).faults[0].evidence for it in ("2.0", "2.9", "3")]
    assert evidence == ["measured", "measured", "documented"]


def test_a_product_may_be_measured_and_list_no_versions(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    lines = [it for it in TEXT.splitlines() if not it.startswith(("version", '  "', "measured"))]
    file.write_text("\n".join([*lines[:2], 'measured: "2.4"', *lines[2:]]))
    hop = products.hop(load(file))
    assert [it.evidence for it in hop.faults] == ["measured"]
    assert str(hop.product) == "x"


def test_a_behaviour_may_be_known_otherwise_than_its_setting(tmp_path: Path) -> None:
    (_, _, old) = made(tmp_path, **{"hold it": "on", "age": "5s"}).faults
    assert (old.evidence, old.source, old.arms, old.setting) == ("reported", "d", "acting", "")


def test_every_mistake_is_told_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        made(tmp_path, limti="5s", age="1.5s")
    problems = [caught.value, *caught.value.also]
    assert [(it.path, it.message) for it in problems] == [
        ("limti", "unknown setting; did you mean limit?"),
        ("age", "expected a duration such as 50s, 50000 (milliseconds) or 1m, got 1.5s"),
    ]


def test_a_value_its_faults_cannot_have_is_told_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        made(tmp_path, age="0")
    assert caught.value.message.startswith("x makes no sense with this: max_duration.after")


# -- the programs ----------------------------------------------------------------------------------


def transcript(name: str, version: str = "", **settings: object) -> list[tuple[str, Any]]:
    return faults(products.hop(products.product(name), version, settings))


def nginx_idle(after: str) -> dict[str, Any]:
    ends = {"before_head": {"status": 504}, "mid_stream": "truncation", "upstream": "fin"}
    return {"after": after, **ends}


def nginx_buffer(first: str, block: str, *, is_heeding: bool = True) -> dict[str, Any]:
    held = {"block": block, "first_block": first, "head_counts": True, "hold_head": True}
    held |= {"when": {"framing": ["close", "length"], "client_version": ["HTTP/1.0", "HTTP/1.1"]}}
    return held | ({"unless_response_header": {"X-Accel-Buffering": "no"}} if is_heeding else {})


@pytest.mark.parametrize(
    ("version", "settings", "asks_in", "idle", "buffer"),
    [
        ("", {}, "1.0", nginx_idle("60s"), nginx_buffer("4KiB", "4KiB")),
        (
            "",
            {"proxy_http_version": "1.1", "proxy_buffers": "4 16k"},
            "1.1",
            nginx_idle("60s"),
            nginx_buffer("4KiB", "16KiB"),
        ),
        ("1.29.7", {}, "1.1", nginx_idle("60s"), nginx_buffer("4KiB", "4KiB")),
        (
            "",
            {"proxy_buffering": "off", "proxy_read_timeout": "1h"},
            "1.0",
            nginx_idle("1h"),
            None,
        ),
        (
            "",
            {"proxy_ignore_headers": "x-accel-buffering", "proxy_buffer_size": "8k"},
            "1.0",
            nginx_idle("60s"),
            nginx_buffer("8KiB", "4KiB", is_heeding=False),
        ),
    ],
)
def test_nginx(
    version: str,
    settings: dict[str, Any],
    asks_in: str,
    idle: dict[str, Any],
    buffer: dict[str, Any] | None,
) -> None:
    """Whatever it asks in, what upstream delimits by closing waits in buffers."""
    # Of two alike, the one for HTTP/1, which comes first.
    made = dict(reversed(transcript("nginx", version, **settings)))
    found = made["http_version"], made["idle_timeout"], made.get("buffer")
    assert found == ({"upstream": asks_in}, idle, buffer)


@pytest.mark.parametrize(
    ("settings", "is_coded"),
    [
        ({}, False),
        ({"gzip": "on"}, False),
        ({"gzip_types": "*"}, False),
        ({"gzip": "on", "gzip_types": "text/plain text/event-stream"}, True),
        ({"gzip": "on", "gzip_types": "*"}, True),
    ],
)
def test_nginx_compresses_streams_only_where_it_is_told_to(
    settings: dict[str, Any], is_coded: bool
) -> None:
    assert ("compress" in dict(transcript("nginx", **settings))) is is_coded


def test_envoy_may_close_a_cut_connection_at_once() -> None:
    assert dict(transcript("envoy"))["delayed_close"] == {"after": "1s"}
    assert "delayed_close" not in dict(transcript("envoy", delayed_close_timeout="0s"))


def test_haproxy() -> None:
    steps = dict(transcript("haproxy"))
    ends = {"before_head": {"status": 504}, "mid_stream": "truncation", "upstream": "rst"}
    assert steps["idle_timeout"] == {"after": "50s", **ends}
    assert steps["deferred_flush"]["after"] == "200ms"
    assert "idle_timeout" not in dict(transcript("haproxy", **{"timeout server": "0"}))
    assert "deferred_flush" not in dict(transcript("haproxy", **{"option http-no-delay": "on"}))
    coded = dict(transcript("haproxy", **{"compression algo": "gzip"}))
    assert coded["compress"]["types"] == ["*/*"]
    assert "lag_one_event" in coded

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from harness.model.secret_values import Secrets, of
from harness.model.target import Command, Target

BASIC = base64.b64encode(b"me:pass-word").decode()


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ({"headers": (("Authorization", "Bearer abc.def"),)}, {"Bearer abc.def", "abc.def"}),
        ({"headers": (("Authorization", f"Basic {BASIC}"),)},
         {f"Basic {BASIC}", BASIC, "pass-word"}),
        ({"headers": (("Cookie", "sid=0123456789; lang=en"),)}, {"0123456789"}),
        ({"headers": (("X-Api-Key", "k" * 8), ("X-Plain", "plain value"))}, {"k" * 8}),
        ({"headers": (("X-Own", "own-secret"),), "secrets": ("x-own",)}, {"own-secret"}),
        ({"url": "http://me:pass%2Fword@h/?a=1234567&token=abc%20def"},
         {"me:pass%2Fword", "me:pass/word", "pass%2Fword", "pass/word", "abc%20def", "abc def"}),
        ({"url": "http://h/?sid=1234567", "secrets": ("sid",)}, {"1234567"}),
        ({"body": '{"a": [{"password": "hunter22"}], "q": "question"}'}, {"hunter22"}),
        ({"body": '{"password": 123456, "token": ["abcdef", [7.50, true], {"q": "plain"}]}'},
         {"123456", "abcdef", "7.50"}),
        ({"body": '{"password": true, "token": null, "q": [1234567], "pin": 98765}',
          "secrets": ("pin",)}, {"98765"}),
        ({"body": '"a text alone"'}, set()),
        ({"body": "password=hunter22&q=question"}, {"hunter22"}),
        ({"command": Command(words=("x",), env=(("DB_PASSWORD", "hunter22"), ("A", "plain value"),
          ("DATABASE_URL", "postgres://u:pw123456@h/d")))},
         {"hunter22", "u:pw123456", "pw123456"}),
        ({"headers": (("Cookie", "sid=abcd"),), "secrets": ("sid",)}, {"abcd"}),
        ({"headers": (("Authorization", "abc"),)}, set()),
    ],
)  # fmt: skip
def test_the_secrets_of_a_target(target: dict[str, Any], values: set[str]) -> None:
    found = of(Target(**{"url": "http://h/", **target}))
    assert set(found.values) == values
    assert [len(it) for it in found.values] == sorted(map(len, found.values), reverse=True)


def test_they_are_struck_out_of_text_and_plain_data() -> None:
    secrets = Secrets(('quo"te-é', "plain-secret"))
    assert secrets.text('a quo"te-é plain-secret b') == "a [redacted] [redacted] b"
    assert secrets.plain({"plain-secret": ["a plain-secret", 12, ('x quo"te-é', None)]}) == {
        "plain-secret": ["a [redacted]", 12, ["x [redacted]", None]]
    }


SECRET = 'p/l&n+é "se<ret'


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET).lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET).replace("/", r"\/")[1:-1],
        json.dumps(SECRET, ensure_ascii=False)
        .replace("&", r"\u0026")
        .replace("<", r"\u003c")[1:-1],
    ],
)
def test_they_are_known_however_they_are_escaped(spelt: str) -> None:
    assert Secrets((SECRET,)).text(f"<{spelt}>") == "<[redacted]>"
    assert json.dumps(spelt)[1:-1].encode() in Secrets((SECRET,)).in_json or not spelt.isascii()


@pytest.mark.parametrize("before", ["", "u", "me", "you", "user"])
@pytest.mark.parametrize("behind", ["", "x", "yz", "more"])
@pytest.mark.parametrize("code", [base64.b64encode, base64.urlsafe_b64encode])
def test_they_are_known_within_base64(
    before: str, behind: str, code: Callable[[bytes], bytes]
) -> None:
    spelt = code(f"{before}{SECRET}{behind}".encode()).decode()
    struck = Secrets((SECRET,)).text(spelt)
    assert "[redacted]" in struck
    # What is left of it are the characters on the two edges.
    left = struck.replace("[redacted]", "").rstrip("=")
    assert len(left) <= len(code(f"{before}{behind}".encode())) + 2


def test_a_word_that_every_stream_has_is_no_secret() -> None:
    target = Target(url="http://h/", headers=(("X-Token", "data"), ("X-Secret", "datum")))
    assert of(target).values == ("datum",)


def test_what_looks_like_a_secret_in_a_url_ends_where_the_url_does() -> None:
    text = "GET /x?token=unknown HTTP/1.1\nsee http://u:pw@h/ for more\n"
    assert Secrets().text(text) == "GET /x?token=[redacted] HTTP/1.1\nsee http://h/ for more\n"


def test_what_has_no_secrets_is_false() -> None:
    assert not Secrets()
    assert Secrets(("plain-secret",))

from __future__ import annotations

import base64
from typing import Any

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
         {"me:pass%2Fword", "pass%2Fword", "pass/word", "abc%20def", "abc def"}),
        ({"url": "http://h/?sid=1234567", "secrets": ("sid",)}, {"1234567"}),
        ({"body": '{"a": [{"password": "hunter22"}], "q": "question"}'}, {"hunter22"}),
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


def test_they_are_struck_out_of_text_and_json() -> None:
    secrets = Secrets(('quo"te-é', "plain-secret"))
    assert secrets.text('a quo"te-é plain-secret b') == "a [redacted] [redacted] b"
    assert secrets.json(rb'{"a":"quo\"te-\u00e9"}') == b'{"a":"[redacted]"}'
    assert secrets.json('{"a":"quo\\"te-é plain-secret"}'.encode()) == (
        b'{"a":"[redacted] [redacted]"}'
    )


def test_what_looks_like_a_secret_in_a_url_ends_where_the_url_does() -> None:
    text = "GET /x?token=unknown HTTP/1.1\nsee http://u:pw@h/ for more\n"
    assert Secrets().text(text) == "GET /x?token=[redacted] HTTP/1.1\nsee http://h/ for more\n"


def test_bytes_of_a_body_keep_their_places() -> None:
    body = b"data: before plain-secret after\n\n"
    cleaned = Secrets(("plain-secret",)).body(body)
    assert cleaned == b"data: before ************ after\n\n"


def test_what_has_no_secrets_is_false() -> None:
    assert not Secrets()
    assert Secrets(("plain-secret",))

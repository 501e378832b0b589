"""`sse-harness explain`, as it is typed."""

from __future__ import annotations

import pytest

from tests.cli.command import Command


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], "Intermediaries"),
        (["nginx"], "proxy_read_timeout"),
        (["buffer"], "flush_after"),
        (["stays_open"], "Bounds"),
        (["no-heartbeat"], "sse-harness run --flaw no-heartbeat"),
        (["idle/proxy-60s"], "has to fail"),
    ],
)
def test_says_what_a_thing_is_about(command: Command, words: list[str], shown: str) -> None:
    said = command("explain", *words)
    assert (said.code, said.err) == (0, "")
    assert shown in said.out
    assert "\x1b" not in said.out


def test_a_name_that_nothing_has_is_a_mistake_in_usage(command: Command) -> None:
    said = command("explain", "ngnix")
    assert said.code == 2
    assert said.err == "error: nothing is called ngnix; did you mean nginx?\n"

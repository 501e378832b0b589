"""A moment with each server that misbehaves at once: one clear line, and no hang."""

from __future__ import annotations

import pytest

from tests.bad_targets.conftest import Answer, Cli
from tests.bad_targets.targets import TARGETS, listening, refusing

# What `trace` ends with, and what it says.
BRIEFLY: dict[str, tuple[int, str]] = {
    "never answers": (4, "no response"),
    "answers 500": (4, "status 500"),
    "answers HTML": (4, "expected content type text/event-stream, got text/html"),
    "answers unasked": (4, "status 503"),
    "a slow line without end": (0, "no events came: 0 events"),
    "a length too long": (0, "cut off by the target"),
    "a length too short": (0, "ended cleanly by the target"),
    "no UTF-8": (0, "message  \ufffd\ufffd\ufffd"),
    "redirects to itself": (4, "redirected more than 20 times"),
    "redirects elsewhere": (4, "the client was led around the chain, to http://elsewhere.invalid/"),
    "closes behind the head": (0, "cut off by the target"),
    "103 before 200": (0, "1 event"),
    "trailers": (0, "ended cleanly by the target"),
    "another protocol": (4, "illegal status line"),
    "garbage": (4, "error: http://127.0.0.1:"),
    "a head without end": (4, "error: http://127.0.0.1:"),
    "a chunk without size": (4, "illegal chunk header"),
    "a chunk beyond all bounds": (4, "illegal chunk header"),
    "retry at once": (0, "reconnects"),
}
# The first is enough on a quiet machine; on a busy one a trace may have to look for longer.
MOMENTS = ("300ms", "2s", "10s")


def traced(cli: Cli, port: int, text: str) -> Answer:
    """Trace until there is a certain text; the last answer, with it or without."""
    for moment in MOMENTS:
        answer = cli("trace", f"http://127.0.0.1:{port}/", "--max-time", moment)
        if text in answer.out + answer.err or moment == MOMENTS[-1]:
            return answer
    raise AssertionError


@pytest.mark.parametrize("name", BRIEFLY)
def test_a_trace_ends_in_time_and_says_what_it_met(name: str, cli: Cli) -> None:
    code, text = BRIEFLY[name]

    with listening(TARGETS[name]) as port:
        answer = traced(cli, port, text)

    assert answer.code == code, answer
    assert text in answer.out + answer.err
    assert "Traceback" not in answer.out + answer.err
    assert len(answer.err.splitlines()) == (code != 0)


def test_who_refuses_is_told_in_one_line(cli: Cli) -> None:
    with refusing() as port:
        answer = cli("trace", f"http://127.0.0.1:{port}/", "--max-time", "300ms")

    assert answer == (4, "", f"error: http://127.0.0.1:{port}: connection refused\n")

"""The reference server's HTTP: methods, connections that are used again, and ASGI."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
import trio

from harness.clock import run
from harness.ends import hosting
from harness.ends.flaws import Behaviour
from harness.ends.reference import ReferenceServer
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import ReferenceSettings
from harness.net import Memory
from harness.wire.http1 import Over, ResponseReader, StatusLine
from tests.ends.visits import QUIET, SHORT, Show, Visit, play

# -- methods, and connections that are used again --------------------------------------------------

ALLOW = ("allow", "GET, HEAD, OPTIONS, POST")


def test_the_answer_to_head_has_the_head_and_no_body() -> None:
    get, head = play(Visit(leaves_s=1.0), Visit(method="HEAD", leaves_s=1.0), traffic=QUIET).seen
    assert get.head is not None
    assert head.head is not None
    assert (head.status, head.head.headers) == (get.status, get.head.headers)
    assert (head.body, head.end, head.end_s) == (b"", "end", 0.0)


@pytest.mark.parametrize("at_s", [0.0, 5.0], ids=["while-it-runs", "after-the-end"])
def test_options_tells_the_methods(at_s: float) -> None:
    [seen] = play(Visit(at_s=at_s, method="OPTIONS"), traffic=SHORT).seen
    assert seen.head == StatusLine(204, "HTTP/1.1", (ALLOW,), "none", is_interim=False)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("at_s", [0.0, 5.0], ids=["while-it-runs", "after-the-end"])
def test_other_methods_are_not_allowed(method: str, at_s: float) -> None:
    show = play(Visit(at_s=at_s, method=method), traffic=SHORT)
    [seen] = show.seen
    assert (seen.status, seen.header("allow"), seen.body) == (405, ALLOW[1], b"")
    assert show.ends == [f"{at_s:g} 1: method not allowed"]


@pytest.mark.parametrize("body", [b"", b'{"stream": true}', b"x" * 100_000])
def test_post_is_answered_as_get_is(body: bytes) -> None:
    [seen] = play(Visit(method="POST", body=body, leaves_s=2.5)).seen
    assert seen.lines == ["0 retry 1000", "0 empty", "1 event 1", "2 event 2"]


def test_a_connection_is_used_again_after_a_clean_end() -> None:
    show = Show()
    server = ReferenceServer(SHORT, ReferenceSettings(), Behaviour(), show.record)
    items: list[object] = []

    async def main() -> None:
        network = Memory()
        async with trio.open_nursery() as nursery:
            listener = await nursery.start(hosting.serve, server, network)
            nursery.start_soon(server.feed.run)
            async with await network.connect("127.0.0.1", listener.port) as stream:
                for wait_s in (0.0, 0.0, 60.0):
                    await trio.sleep(wait_s)
                    await stream.send_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                    reader = ResponseReader()
                    while not reader.is_over:
                        items.extend(reader.feed(bytes(await stream.receive_some())))
            nursery.cancel_scope.cancel()

    run(main, clock="virtual", seed=0, budget_s=1000, wall_limit_s=20)
    assert [it.status for it in items if isinstance(it, StatusLine)] == [200, 204, 204]
    assert [it.how for it in items if isinstance(it, Over)] == ["end"] * 3


def test_requests_are_numbered_and_name_the_port_they_came_from() -> None:
    show = play(Visit(leaves_s=1.0), Visit(at_s=0.5, method="PUT"), traffic=QUIET)
    first, second = show.of(journal.ServerRequest)
    assert (first.x, second.x) == (1, 2)
    assert first.port != second.port


# -- ASGI ------------------------------------------------------------------------------------------


def speak(scope: MutableMapping[str, Any], *messages: str) -> list[str]:
    """What the application sends when it gets these messages."""
    sent: list[str] = []
    waiting = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": waiting.pop(0)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    def record(entry: Entry) -> None:
        raise AssertionError(entry)

    async def main() -> None:
        server = ReferenceServer(QUIET, ReferenceSettings(), Behaviour(), record)
        await server(scope, receive, send)

    run(main, clock="virtual", seed=0, budget_s=1000, wall_limit_s=20)
    return sent


def test_it_starts_and_shuts_down() -> None:
    assert speak({"type": "lifespan"}, "lifespan.startup", "lifespan.shutdown") == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_it_speaks_http_only() -> None:
    with pytest.raises(ValueError, match="unsupported scope 'websocket'"):
        speak({"type": "websocket"})

"""What a hop without faults makes of HTTP/1: nothing, but for what belongs to each connection."""

from __future__ import annotations

from typing import Any

import pytest

from harness.hops.mitm.exchange import ExchangeLayer
from harness.model import journal
from tests.testkit.stage import CHUNKED, STREAM, Peer, Stage, asking, chunk, play

FIELDS = (
    "aCCept: text/event-stream",
    "X-One: 1",
    "x-two:  2, 3",
    "X-One: again",
    "Cookie: a=1; b=2",
)


async def ask(stage: Stage, request: bytes) -> tuple[Peer, Peer, bytes]:
    """Send a request; the client, the target and the head that reached it."""
    client = await stage.connect()
    await client.send(request)
    target = await stage.accept()
    return client, target, await target.head()


def fields(head: bytes) -> list[bytes]:
    return head.split(b"\r\n")[1:-2]


def test_a_request_keeps_its_fields_their_order_and_case() -> None:
    async def scene(stage: Stage) -> None:
        _, _, head = await ask(stage, asking("/a?b=%20c", *FIELDS))
        assert head.startswith(b"GET /a?b=%20c HTTP/1.1\r\nHost: target.test\r\n")
        assert fields(head)[1:] == [
            b"aCCept: text/event-stream",
            b"X-One: 1",
            b"x-two: 2, 3",
            b"X-One: again",
            b"Cookie: a=1; b=2",
        ]

    play(scene, [{}, {}, {}])


def test_a_response_keeps_its_fields_their_order_and_case() -> None:
    said = [
        b"cONTENT-type: text/event-stream",
        b"X-Accel-Buffering: no",
        b"Set-Cookie: a",
        b"Set-Cookie: b",
    ]

    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        await target.send(b"\r\n".join([b"HTTP/1.1 200 OK", *said, b"Content-Length: 0", b"", b""]))
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert fields(head) == [*said, b"Content-Length: 0"]

    play(scene, [{}, {}, {}])


@pytest.mark.parametrize("side", ["request", "response"])
def test_fields_of_one_connection_do_not_cross_a_hop(side: str) -> None:
    extra = (
        "Connection: keep-alive, X-Mine",
        "X-Mine: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Proxy-Connection: x",
        "Upgrade: websocket",
        "X-Kept: 1",
    )

    async def scene(stage: Stage) -> None:
        client, target, head = await ask(stage, asking("/", *(extra if side == "request" else ())))
        if side == "response":
            lines = "\r\n".join(["HTTP/1.1 200 OK", *extra, "Content-Length: 0", "", ""])
            await target.send(lines.encode())
            head = await client.head()
        kept = [b"Host: target.test"] if side == "request" else []
        kept += [b"X-Kept: 1"] + ([b"Content-Length: 0"] if side == "response" else [])
        assert fields(head) == kept

    play(scene)


def test_body_bytes_are_the_same_and_a_read_stays_a_chunk() -> None:
    parts = [bytes(range(256)), b"\r\n0\r\n\r\n", b"data: x\n\n" * 1000]

    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        for part in parts:
            await target.send(chunk(part))
            assert await client.until(chunk(part)) == chunk(part)
        await target.send(chunk(b""))
        assert await client.until(b"0\r\n\r\n") == chunk(b"")

    play(scene, [{}, {}])


def test_early_hints_do_not_cost_the_final_response() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        await target.send(hints, hints + CHUNKED, chunk(b"data: 1\n\n"))
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.chunks(b"data: 1\n\n") == b"data: 1\n\n"
        assert [it.status for it in stage.entries(journal.HopHead)] == [200]

    play(scene)


@pytest.mark.parametrize("is_split", [False, True])
def test_trailers_end_a_chunked_body_cleanly(is_split: bool) -> None:
    last = b"0\r\nX-Sum: 1\r\nServer-Timing: x\r\n\r\n"

    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"data"))
        await target.send(*([last[:9], last[9:]] if is_split else [last]))
        assert await client.until(b"0\r\n\r\n") == chunk(b"data") + chunk(b"")
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["end"]

    play(scene)


def test_an_http_1_0_client_gets_a_close_delimited_body() -> None:
    async def scene(stage: Stage) -> None:
        client, target, head = await ask(stage, asking(version="1.0"))
        assert head.startswith(b"GET /events HTTP/1.1\r\n")
        await target.send(CHUNKED, chunk(b"one"), chunk(b"two"), chunk(b""))
        head = await client.head()
        assert b"Transfer-Encoding" not in head
        assert fields(head) == [b"Content-Type: text/event-stream", b"Connection: close"]
        assert await client.rest() == (b"onetwo", "fin")

    play(scene)


def test_an_http_1_0_client_that_wants_to_be_kept_is_kept_when_the_length_is_known() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking("/", "Connection: keep-alive", version="1.0"))
        await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await client.until(b"hi")
        await client.send(asking("/2", version="1.0"))
        assert (await (await stage.accept()).head()).startswith(b"GET /2 HTTP/1.1\r\n")

    play(scene)


def test_a_hop_may_speak_http_1_0_upstream() -> None:
    async def scene(stage: Stage) -> None:
        client, target, head = await ask(stage, asking())
        assert head.startswith(b"GET /events HTTP/1.0\r\n")
        assert fields(head) == [b"Host: target.test", b"Connection: close"]
        await target.send(
            b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: 1\n\n"
        )
        assert b"Transfer-Encoding: chunked\r\n" in await client.head()
        assert await client.chunks(b"data: 1\n\n") == b"data: 1\n\n"
        await target.close()
        assert await client.until(b"0\r\n\r\n") == chunk(b"")

    play(scene, [{"old_upstream": None}])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_answer_to_head_has_no_body(method: str) -> None:
    async def scene(stage: Stage) -> None:
        client, target, head = await ask(stage, asking("/", method=method))
        assert head.startswith(method.encode())
        body = b"hello" if method == "GET" else b""
        await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        assert fields(await client.head()) == [b"Content-Length: 5"]
        if body:
            await client.until(body)
        await client.send(asking("/2"))
        assert (await (await stage.accept()).head()).startswith(b"GET /2 ")

    play(scene)


def test_the_answer_to_head_may_be_said_to_be_chunked() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking("/", method="HEAD"))
        await target.send(CHUNKED)
        assert fields(await client.head()) == [b"Content-Type: text/event-stream"]
        await client.silence(1)
        assert await target.end() == "fin"
        await client.send(asking("/2"))
        await (await stage.accept()).head()

    play(scene)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_ends_with_its_head(status: int) -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        await target.send(b"HTTP/1.1 %d Whatever\r\nX-A: 1\r\n\r\n" % status)
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert fields(head) == [b"X-A: 1"]
        await client.send(asking("/2"))
        await (await stage.accept()).head()
        assert [it.how for it in stage.entries(journal.HopEnd)] == ["end"]

    play(scene)


def test_a_body_with_a_length_is_forwarded_with_it() -> None:
    async def scene(stage: Stage) -> None:
        client, target, head = await ask(
            stage, asking("/", "Content-Length: 6", method="POST") + b"abc"
        )
        assert fields(head) == [b"Host: target.test", b"Content-Length: 6"]
        assert await target.until(b"abc") == b"abc"
        await client.send(b"def")
        assert await target.until(b"def") == b"def"
        await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK")

    play(scene, [{}, {}])


def test_a_chunked_body_is_forwarded_chunked() -> None:
    async def scene(stage: Stage) -> None:
        client, target, head = await ask(
            stage, asking("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc")
        )
        assert fields(head) == [b"Host: target.test", b"Transfer-Encoding: chunked"]
        assert await target.until(chunk(b"abc")) == chunk(b"abc")
        await client.send(chunk(b"def") + chunk(b""))
        assert await target.until(chunk(b"")) == chunk(b"def") + chunk(b"")
        await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK")

    play(scene, [{}, {}])


def test_a_body_may_follow_the_response() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking("/", "Content-Length: 3", method="POST"))
        await target.send(CHUNKED, chunk(b"early"))
        await client.until(chunk(b"early"))
        await client.send(b"abc")
        assert await target.until(b"abc") == b"abc"
        await target.send(chunk(b""))
        await client.until(chunk(b""))

    play(scene)


def test_expect_100_continue_is_answered_by_the_hop() -> None:
    async def scene(stage: Stage) -> None:
        expecting = asking("/", "Content-Length: 3", "Expect: 100-continue", method="POST")
        client, target, head = await ask(stage, expecting)
        assert fields(head) == [b"Host: target.test", b"Content-Length: 3"]
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"abc")
        assert await target.until(b"abc") == b"abc"
        await target.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 201 Created\r\n")

    play(scene, [{}, {}])


def test_a_request_that_is_answered_at_once_is_not_told_to_continue() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.send(asking("/", "Content-Length: 3", "Expect: 100-continue", method="POST"))
        assert (await client.head()).startswith(b"HTTP/1.1 413 ")
        await client.until(b"no\n")
        await client.silence(1)

    play(scene, [{"answer": {"status": 413, "body": "no\n"}}])


@pytest.mark.parametrize(
    ("said", "length", "rest"),
    [(b"hello", 9, (b"hello", "fin")), (b"", 9, (b"", "fin"))],
    ids=["short", "nothing"],
)
def test_a_length_that_promises_too_much_is_a_truncation(
    said: bytes, length: int, rest: tuple[bytes, str]
) -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        await target.send(STREAM + b"Content-Length: %d\r\n\r\n" % length + said)
        await target.close()
        assert b"Content-Length: %d\r\n" % length in await client.head()
        assert await client.rest() == rest
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["truncation"] * 2

    play(scene, [{}, {}])


def test_what_comes_after_the_length_is_not_of_the_response() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        await target.send(STREAM + b"Content-Length: 5\r\n\r\nhello, world")
        await client.head()
        assert await client.until(b"hello") == b"hello"
        await client.silence(1)
        await client.send(asking("/2"))
        await (await stage.accept()).head()

    play(scene)


def test_a_hop_that_forwards_less_than_its_length_truncates() -> None:
    async def scene(stage: Stage) -> None:
        client, target, _ = await ask(stage, asking())
        await target.send(STREAM + b"Content-Length: 9\r\n\r\n", b"stop")
        await client.head()
        assert await client.rest() == (b"stop", "fin")

    play(scene, [{"ends_at": {}}])


def test_an_attempt_may_follow_another() -> None:
    async def scene(stage: Stage) -> None:
        client, first, head = await ask(stage, asking())
        await first.send(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
        assert await first.end() in {"fin", "rst"}
        second = await stage.accept()
        assert await second.head() == head
        await second.send(CHUNKED, chunk(b"yes"))
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.chunks(b"yes") == b"yes"
        assert [it.attempt for it in stage.entries(journal.HopAttempt)] == [0, 1]

    play(scene, [{"tries_twice": None}])


def test_a_request_that_is_not_http_reaches_nobody() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 400 ")
        assert await client.rest() == (b"bad request\n", "fin")
        assert stage.entries(journal.HopAttempt) == []

    play(scene)


def test_a_request_that_mitmproxy_refused_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ExchangeLayer] = []
    begin = ExchangeLayer.__init__

    def kept(self: ExchangeLayer, *args: Any) -> None:
        made.append(self)
        begin(self, *args)

    monkeypatch.setattr(ExchangeLayer, "__init__", kept)

    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
        assert (await client.rest())[1] == "fin"
        assert [(it.x, it.is_over) for it in made] == [(0, True)]

    play(scene)

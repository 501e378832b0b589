"""The app that says what its upstream says."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from harness.hops.relay import AsgiRelay, Message, WsgiRelay

UPSTREAM = "http://127.0.0.1:9"
READY = "/ready"
FIELDS = [
    ("Content-Type", "text/event-stream"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
    ("Connection", "keep-alive, X-Own"),
    ("X-Own", "of the connection"),
    ("Transfer-Encoding", "chunked"),
]
PASSED = FIELDS[:3]


class Said(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of two reads, and then: its end, an error, or nothing for as long as one waits."""

    def __init__(self, then: str = "end") -> None:
        self.then = then
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"data: 1\n\n", b"data: 2\n\n")
        if self.then == "break":
            raise httpx.RemoteProtocolError("broken off")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in self:
            yield data
        if self.then == "wait":
            await asyncio.Event().wait()

    def close(self) -> None:
        self.is_closed = True

    async def aclose(self) -> None:
        self.is_closed = True


class Upstream:
    """Answers everything alike, and keeps what it was asked."""

    def __init__(self, then: str = "end") -> None:
        self.said = Said(then)
        self.asked: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.said.then == "refuse":
            raise httpx.ConnectError("connection refused")
        return httpx.Response(203, headers=FIELDS, stream=self.said)


def check_asked(upstream: Upstream) -> None:
    (asked,) = upstream.asked
    fields = {name.lower(): value for name, value in asked.headers.items()}
    assert (asked.method, asked.url.raw_path) == ("POST", b"/a%20b?x=%2F")
    assert (fields["host"], fields["last-event-id"]) == ("app.test", "7")
    assert (fields["content-type"], fields["content-length"]) == ("text/plain", "2")
    assert not fields.keys() & {"connection", "user-agent", "accept-encoding"}
    assert asked.content == b"hi"


# -- WSGI ------------------------------------------------------------------------------------------


class Server:
    """Calls the app once, as a WSGI server does."""

    def __init__(self, upstream: Upstream, path: str = "/a b", *, is_ready: bool = True) -> None:
        self.head: tuple[str, list[tuple[str, str]]] | None = None
        app = WsgiRelay(UPSTREAM, READY, lambda: is_ready, upstream.transport)
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "RAW_URI": f"{path.replace(' ', '%20')}?x=%2F",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "2",
            "HTTP_HOST": "app.test",
            "HTTP_LAST_EVENT_ID": "7",
            "HTTP_CONNECTION": "close",
            "wsgi.input": io.BytesIO(b"hi"),
        }
        self.body = app(environ, self.start)

    def start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.head = (status, headers)


def test_wsgi_says_what_upstream_says_read_by_read() -> None:
    upstream = Upstream()
    server = Server(upstream)

    assert next(server.body) == b"data: 1\n\n"
    assert server.head == ("203 Non-Authoritative Information", PASSED)
    assert not upstream.said.is_closed
    assert list(server.body) == [b"data: 2\n\n"]
    assert upstream.said.is_closed
    check_asked(upstream)


def test_wsgi_closes_upstream_when_its_server_closes_it() -> None:
    upstream = Upstream()
    server = Server(upstream)
    next(server.body)

    server.body.close()  # type: ignore[attr-defined]  # servers ask for it by name, PEP 3333

    assert upstream.said.is_closed


def test_wsgi_raises_when_upstream_breaks_off() -> None:
    upstream = Upstream("break")

    with pytest.raises(httpx.RemoteProtocolError):
        list(Server(upstream).body)

    assert upstream.said.is_closed


def test_wsgi_answers_for_an_upstream_that_cannot_be_reached() -> None:
    server = Server(Upstream("refuse"))

    assert list(server.body) == []
    assert server.head == ("502 Bad Gateway", [("Content-Length", "0")])


@pytest.mark.parametrize(
    ("is_ready", "status"), [(True, "200 OK"), (False, "503 Service Unavailable")]
)
def test_wsgi_says_itself_whether_it_is_ready(status: str, *, is_ready: bool) -> None:
    upstream = Upstream()
    server = Server(upstream, READY, is_ready=is_ready)

    assert list(server.body) == []
    assert server.head == (status, [("Content-Length", "0")])
    assert upstream.asked == []


# -- ASGI ------------------------------------------------------------------------------------------

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/a b",
    "raw_path": b"/a%20b",
    "query_string": b"x=%2F",
    "headers": [
        (b"host", b"app.test"),
        (b"last-event-id", b"7"),
        (b"connection", b"close"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"2"),
    ],
}
BODY: list[Message] = [
    {"type": "http.request", "body": b"h", "more_body": True},
    {"type": "http.request", "body": b"i"},
]


def asgi(
    upstream: Upstream, told: list[Message], *, leaves_after: int = 99, is_ready: bool = True
) -> list[Message]:
    """Call the app once, as an ASGI server does.

    Args:
        told: What it is told, one message each time it asks.
        leaves_after: After so many messages of the app its client leaves.
    """
    said: list[Message] = []

    async def call() -> None:
        has_left = asyncio.Event()
        rest = iter(told)

        async def receive() -> Message:
            for message in rest:
                return message
            await has_left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)
            if len(said) == leaves_after:
                has_left.set()

        path = {"path": READY} if not told else {}
        app = AsgiRelay(UPSTREAM, READY, lambda: is_ready, upstream.transport)
        await asyncio.wait_for(app({**SCOPE, **path}, receive, send), 5.0)

    asyncio.run(call())
    return said


def test_asgi_says_what_upstream_says_read_by_read() -> None:
    upstream = Upstream()

    start, *bodies = asgi(upstream, BODY)

    assert (start["type"], start["status"]) == ("http.response.start", 203)
    assert start["headers"] == [(name.lower().encode(), value.encode()) for name, value in PASSED]
    assert [(it["body"], it["more_body"]) for it in bodies] == [
        (b"data: 1\n\n", True),
        (b"data: 2\n\n", True),
        (b"", False),
    ]
    assert upstream.said.is_closed
    check_asked(upstream)


def test_asgi_closes_upstream_as_soon_as_its_client_is_gone() -> None:
    upstream = Upstream("wait")

    said = asgi(upstream, BODY, leaves_after=3)

    assert [it.get("body") for it in said] == [None, b"data: 1\n\n", b"data: 2\n\n"]
    assert upstream.said.is_closed


def test_asgi_does_not_ask_for_a_client_that_left_while_it_spoke() -> None:
    upstream = Upstream()

    assert asgi(upstream, [BODY[0], {"type": "http.disconnect"}]) == []
    assert upstream.asked == []


def test_asgi_raises_when_upstream_breaks_off() -> None:
    upstream = Upstream("break")

    with pytest.raises(httpx.RemoteProtocolError):
        asgi(upstream, BODY)

    assert upstream.said.is_closed


def test_asgi_answers_for_an_upstream_that_cannot_be_reached() -> None:
    start, end = asgi(Upstream("refuse"), BODY)

    assert (start["status"], end["body"], end["more_body"]) == (502, b"", False)


@pytest.mark.parametrize(("is_ready", "status"), [(True, 200), (False, 503)])
def test_asgi_says_itself_whether_it_is_ready(status: int, *, is_ready: bool) -> None:
    upstream = Upstream()

    start, end = asgi(upstream, [], is_ready=is_ready)

    assert (start["status"], end["body"], end["more_body"]) == (status, b"", False)
    assert upstream.asked == []


def test_asgi_has_nothing_to_do_with_a_servers_life() -> None:
    async def never(*_: object) -> Message:
        raise AssertionError

    app = AsgiRelay(UPSTREAM, READY)
    with pytest.raises(NotImplementedError):
        asyncio.run(app({"type": "lifespan"}, never, never))  # type: ignore[arg-type]  # never called

"""An app that says what its upstream says, read by read; a server or a middleware is around it.

What a product does to an app's own response can only be seen with an app, and in a chain that app
has an upstream. It asks each request again, passes on status, fields and body, and closes its
upstream when its server lets it notice that the client has left. An upstream that cannot be reached
it answers for, with 502. It differs from an origin in this: when upstream breaks off, or never
answers, there is nothing it could do but raise, and what the client gets then is what the server
makes of any app that raises, a reset included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import httpx

from harness.wire.headers import Headers, end_to_end

type Scope = Mapping[str, Any]
type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type StartResponse = Callable[[str, list[tuple[str, str]]], object]

_LATIN: Final = "latin-1"
# Every request has a connection of its own, which is closed after it.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=0)


class WsgiRelay:
    """The app under WSGI (PEP 3333): it learns of a client that left when a write fails.

    Args:
        upstream: Where it asks: `http://127.0.0.1:8000`.
        ready: The path that it answers itself: with 200, or 503 as long as it is not ready.
        is_ready: Whether it is.
        transport: Another way to upstream than TCP.
    """

    def __init__(
        self,
        upstream: str,
        ready: str,
        is_ready: Callable[[], bool] = lambda: True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._upstream = httpx.URL(upstream)
        self._ready = ready
        self._is_ready = is_ready
        self._client = httpx.Client(
            limits=_LIMITS,
            timeout=None,  # noqa: S113 - a stream takes as long as it takes
            trust_env=False,
            transport=transport,
        )

    def __call__(
        self, environ: Mapping[str, Any], start_response: StartResponse
    ) -> Iterator[bytes]:
        """Answer one request.

        Raises:
            httpx.TransportError: Upstream broke off.
        """
        if environ["PATH_INFO"] == self._ready:
            status = "200 OK" if self._is_ready() else "503 Service Unavailable"
            start_response(status, [("Content-Length", "0")])
            return
        request = _request(
            environ["REQUEST_METHOD"],
            self._upstream,
            # PATH_INFO is decoded, and cannot be told from what else it may have been.
            environ["RAW_URI"].encode(_LATIN),
            _asked_fields(environ),
            environ["wsgi.input"].read(),
        )
        try:
            response = self._client.send(request, stream=True)
        except httpx.ConnectError:
            start_response("502 Bad Gateway", [("Content-Length", "0")])
            return
        try:
            start_response(f"{response.status_code} {response.reason_phrase}", [*_fields(response)])
            yield from response.iter_raw()
        finally:
            response.close()


class AsgiRelay:
    """The app under ASGI: it learns of a client that left from `http.disconnect`.

    https://asgi.readthedocs.io/en/stable/specs/www.html

    Args:
        upstream: Where it asks: `http://127.0.0.1:8000`.
        ready: The path that it answers itself: with 200, or 503 as long as it is not ready.
        is_ready: Whether it is.
        transport: Another way to upstream than TCP.
    """

    def __init__(
        self,
        upstream: str,
        ready: str,
        is_ready: Callable[[], bool] = lambda: True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._upstream = httpx.URL(upstream)
        self._ready = ready
        self._is_ready = is_ready
        self._client = httpx.AsyncClient(
            limits=_LIMITS,
            timeout=None,  # noqa: S113 - a stream takes as long as it takes
            trust_env=False,
            transport=transport,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            httpx.TransportError: Upstream broke off.
            NotImplementedError: It is no request, as the specification has it of an app that knows
                nothing of a server's life.
        """
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        if scope["path"] == self._ready:
            await _start(send, 200 if self._is_ready() else 503, ())
            await _say(send, b"", is_last=True)
            return
        body = await _body(receive)
        if body is None:
            return
        answering = asyncio.ensure_future(self._answer(scope, body, send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A task that is done stays so.
            leaving.cancel()
            answering.cancel()
            await asyncio.gather(leaving, answering, return_exceptions=True)
        if not answering.cancelled():
            answering.result()

    async def _answer(self, scope: Scope, body: bytes, send: Send) -> None:
        query = scope.get("query_string", b"")
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        request = _request(
            scope["method"],
            self._upstream,
            path + (b"?" + query if query else b""),
            ((name.decode(_LATIN), it.decode(_LATIN)) for name, it in scope["headers"]),
            body,
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.ConnectError:
            await _start(send, 502, ())
            await _say(send, b"", is_last=True)
            return
        try:
            await _start(send, response.status_code, _fields(response))
            async for data in response.aiter_raw():
                await _say(send, data)
            await _say(send, b"", is_last=True)
        finally:
            await response.aclose()


async def _body(receive: Receive) -> bytes | None:
    """The whole of a request's body; None: its client left meanwhile."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, fields: Headers) -> None:
    # In lower case, as the specification has it: by that name middleware looks for them.
    encoded = [(name.lower().encode(_LATIN), it.encode(_LATIN)) for name, it in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _say(send: Send, data: bytes, *, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": not is_last})


def _request(
    method: str,
    upstream: httpx.URL,
    target: bytes,
    fields: Iterable[tuple[str, str]],
    body: bytes,
) -> httpx.Request:
    url = upstream.copy_with(raw_path=target)
    return httpx.Request(method, url, headers=end_to_end(tuple(fields)), content=body or None)


def _asked_fields(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key.removeprefix("HTTP_").replace("_", "-"), value
        elif key in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value:
            yield key.replace("_", "-"), value


def _fields(response: httpx.Response) -> Headers:
    raw = response.headers.raw
    return end_to_end(tuple((name.decode(_LATIN), it.decode(_LATIN)) for name, it in raw))

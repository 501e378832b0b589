"""httpcore and httpx over a byte network, on trio.

`transport` is for httpx.AsyncClient. A response's `extensions["network_stream"]` is then a
`NetworkStream`, whose `stream` a client may reset or half-close.

httpcore's pool expires idle connections by time.monotonic(), which a virtual run must not depend
on; so there is no expiry here. It still reads that clock, and without expiry compares it with
nothing: a test holds the pinned version to that.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import contextmanager
from functools import cache
from typing import Any, Self, cast

import httpcore
import httpx
import trio

from harness.net.base import Address, ByteStream, Network, is_reset
from harness.net.goaway import GoAwayFilter

type ConnectTo = Callable[[str, int], Address]


class NetworkBackend(httpcore.AsyncNetworkBackend):
    """What an httpcore pool connects with.

    Args:
        network: Where to connect.
        connect_to: Maps the host and port of a URL to where they are; None leaves them.
        is_h2: Whether HTTP/2 is spoken, with one stream on each connection.
    """

    def __init__(
        self, network: Network, connect_to: ConnectTo | None = None, *, is_h2: bool = False
    ) -> None:
        self._network = network
        self._connect_to = connect_to
        self._is_h2 = is_h2

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,  # noqa: ARG002 - httpcore's interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - httpcore's interface
    ) -> NetworkStream:
        """Connect."""
        if self._connect_to is not None:
            host, port = self._connect_to(host, port)
        with _mapped(httpcore.ConnectError, httpcore.ConnectTimeout):
            with trio.fail_after(_seconds(timeout)):
                stream = await self._network.connect(host, port)
        return NetworkStream(stream, goaway=GoAwayFilter() if self._is_h2 else None)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await trio.sleep(seconds)


class NetworkStream(httpcore.AsyncNetworkStream):
    """A connection of an httpcore pool. A read gives what one read of `stream` gives.

    Attributes:
        stream: The bytes on the network; below TLS, where there is TLS.
    """

    def __init__(
        self,
        stream: ByteStream,
        tls: trio.SSLStream[ByteStream] | None = None,
        goaway: GoAwayFilter | None = None,
    ) -> None:
        self.stream = stream
        self._tls = tls
        self._goaway = goaway
        self._top: trio.abc.Stream = stream if tls is None else tls

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> bytes:
        """Read once."""
        with _mapped(httpcore.ReadError, httpcore.ReadTimeout):
            with trio.fail_after(_seconds(timeout)):
                while True:
                    data = bytes(await self._top.receive_some(max_bytes))
                    if self._goaway is None:
                        return data
                    shown = self._goaway.feed(data) if data else self._goaway.end()
                    if shown or not data:
                        return shown

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> None:
        """Write everything."""
        if not buffer:
            return
        with _mapped(httpcore.WriteError, httpcore.WriteTimeout):
            with trio.fail_after(_seconds(timeout)):
                await self._top.send_all(buffer)

    async def aclose(self) -> None:
        """Close."""
        await self._top.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> NetworkStream:
        """Put TLS on top."""
        tls = trio.SSLStream(
            self.stream, ssl_context, server_hostname=server_hostname, https_compatible=True
        )
        try:
            with _mapped(httpcore.ConnectError, httpcore.ConnectTimeout):
                with trio.fail_after(_seconds(timeout)):
                    await tls.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(self.stream)
            raise
        return NetworkStream(self.stream, tls, self._goaway)

    def get_extra_info(self, info: str) -> Any:
        """Answer what httpcore asks: see `httpcore.AsyncNetworkStream`."""
        match info:
            case "client_addr":
                return self.stream.local
            case "server_addr":
                return self.stream.peer
            case "socket":
                return self.stream.socket
            case "is_readable":
                return self.stream.is_readable()
            case "ssl_object":
                return self._tls  # has the methods of one, such as selected_alpn_protocol
            case _:
                return None


def transport(
    network: Network,
    *,
    connect_to: ConnectTo | None = None,
    ssl_context: ssl.SSLContext | None = None,
    http1: bool = True,
    http2: bool = False,
) -> httpx.AsyncBaseTransport:
    """Make a transport for httpx.AsyncClient over a network.

    Connections are kept until they end or the client is closed; their number is not limited.

    Args:
        network: Where to connect.
        connect_to: Maps the host and port of a URL to where they are; None leaves them.
        ssl_context: For https. None takes httpx's own, shared by all: loading its certificates
            takes 14 ms, and is done when the first https request comes.
        http1: Whether HTTP/1.1 is offered.
        http2: Whether HTTP/2 is offered, by ALPN; without `http1` it is used without asking, and
            with one request on each connection.
    """
    backend = NetworkBackend(network, connect_to, is_h2=http2 and not http1)

    def make_pool(context: ssl.SSLContext | None) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,
            keepalive_expiry=None,
            http1=http1,
            http2=http2,
            network_backend=backend,
        )

    return _Transport(make_pool, ssl_context)


@cache
def _default_ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _Transport(httpx.AsyncBaseTransport):
    def __init__(
        self,
        make_pool: Callable[[ssl.SSLContext | None], httpcore.AsyncConnectionPool],
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._make_pool = make_pool
        self._ssl_context = ssl_context
        # One for each scheme, so that only https waits for certificates.
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("an async transport needs a request with an async body")
        url = request.url
        upload = _Upload(request.stream)
        core_request = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=upload,
            extensions=request.extensions,
        )
        try:
            with _as_httpx():
                response = await self._pool(url.scheme).handle_async_request(core_request)
        finally:
            await upload.aclose()
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        if scheme not in self._pools:
            context = self._ssl_context
            if context is None and scheme == "https":
                context = _default_ssl_context()
            self._pools[scheme] = self._make_pool(context)
        return self._pools[scheme]

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


class _Upload:
    """The body of a request, closed even when a broken connection leaves it half sent.

    httpcore drops it then, and trio warns of an async generator left to the garbage collector.
    """

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._parts = aiter(stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._parts)

    async def aclose(self) -> None:
        if isinstance(self._parts, AsyncGenerator):
            await self._parts.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            # Not aiter_stream(): that is one async generator more to be finalised when abandoned.
            async for part in cast("AsyncIterable[bytes]", self._response.stream):
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


# Each before its bases.
_HTTPX_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.TimeoutException, httpx.TimeoutException),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.NetworkError, httpx.NetworkError),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.ProtocolError, httpx.ProtocolError),
)


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(core for core, _ in _HTTPX_ERRORS) as exc:
        kind = next(ours for core, ours in _HTTPX_ERRORS if isinstance(exc, core))
        raise kind(str(exc)) from exc


# A reset has to show in the type: httpcore's pool raises an error again "from None", and with that
# its cause is gone.
class _ReadResetError(httpcore.ReadError, ConnectionResetError):
    pass


class _WriteResetError(httpcore.WriteError, ConnectionResetError):
    pass


_RESETS: dict[type[httpcore.NetworkError], type[httpcore.NetworkError]] = {
    httpcore.ReadError: _ReadResetError,
    httpcore.WriteError: _WriteResetError,
}


@contextmanager
def _mapped(
    error: type[httpcore.NetworkError], timeout: type[httpcore.TimeoutException]
) -> Iterator[None]:
    try:
        yield
    except trio.TooSlowError as exc:
        raise timeout("timed out") from exc
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as exc:
        if is_reset(exc):
            error = _RESETS.get(error, error)
        # trio says nothing itself when TLS fails: what OpenSSL said is the cause.
        raise error(str(exc) or str(exc.__cause__ or "")) from exc


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout

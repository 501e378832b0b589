"""The network of the machine, for the real clock: trio's socket streams, with resets."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import suppress
from typing import Any

import trio

from harness.net.base import BACKLOG, LINGER_ABORT, Address, ByteStream, Listener

_UNKNOWN: Address = ("", 0)


class Sockets:
    """TCP sockets, with TCP_NODELAY and a backlog that holds 2,000 connects at once."""

    is_memory = False

    async def connect(self, host: str, port: int) -> ByteStream:
        """Connect, from trio.

        Raises:
            OSError: As the system has it, such as ConnectionRefusedError.
        """
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError as exc:
            raise _first_cause(exc) from exc
        return SocketByteStream(stream)

    async def listen(
        self, port: int = 0, host: str = "127.0.0.1", backlog: int = BACKLOG
    ) -> Listener:
        """Listen, for trio.

        Args:
            port: 0 lets the system choose.
            host: A literal address.
            backlog: Connections that may wait to be accepted; the system may allow fewer.

        Raises:
            OSError: The port is taken.
        """
        (listener,) = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
        return SocketByteListener(listener)

    def graft(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raise the default backlog of the loop's servers to that of this network."""
        original: Any = loop.create_server

        async def create_server(*args: Any, backlog: int = BACKLOG, **options: Any) -> Any:
            return await original(*args, backlog=backlog, **options)

        loop.create_server = create_server  # type: ignore[method-assign]  # of this loop only


class SocketByteStream(ByteStream):
    """One end of a TCP connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._local = _address(stream.socket.getsockname)
        self._peer = _address(stream.socket.getpeername)
        self._broken_by: OSError | None = None

    @property
    def local(self) -> Address:
        """The address of this end."""
        return self._local

    @property
    def peer(self) -> Address:
        """The address of the other end; ("", 0) if it was gone before anybody asked."""
        return self._peer

    @property
    def socket(self) -> trio.socket.SocketType:
        """The socket."""
        return self._stream.socket

    def is_readable(self) -> bool:
        """Tell whether `receive_some` would return, or raise, without waiting."""
        descriptor = self._stream.socket.fileno()
        if descriptor == -1 or self._broken_by is not None:
            return True
        if not hasattr(select, "poll"):
            return bool(select.select([descriptor], [], [], 0)[0])
        poll = select.poll()  # select.select fails from descriptor 1,024 on
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read what has arrived."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as exc:
            if isinstance(exc.__cause__, OSError):
                self._broken_by = exc.__cause__
            raise
        if not data and self._broken_by is not None:
            # The kernel reports a reset once, and the end of the stream from then on.
            raise trio.BrokenResourceError("connection broken before") from self._broken_by
        return bytes(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes some more."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send FIN; reading goes on."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close: with FIN, or with RST when received data was left unread."""
        await self._stream.aclose()

    def reset(self) -> None:
        """Close at once with RST."""
        if self._stream.socket.fileno() != -1:
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ABORT)
            self._stream.socket.close()


class SocketByteListener(Listener):
    """Where trio code accepts TCP connections."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self._address = _address(listener.socket.getsockname)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    async def accept(self) -> ByteStream:
        """Wait for the next connection."""
        return SocketByteStream(await self._listener.accept())

    async def aclose(self) -> None:
        """Stop listening."""
        await self._listener.aclose()


def _address(name: Any) -> Address:
    with suppress(OSError):
        host, port = name()[:2]  # IPv6 adds two more
        return str(host), int(port)
    return _UNKNOWN


def _first_cause(error: OSError) -> OSError:
    """Find what trio's happy eyeballs met first: it raises a plain OSError over all attempts."""
    cause: BaseException | None = error
    while isinstance(cause, BaseException):
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        elif isinstance(cause, OSError) and cause.errno is not None:
            return cause
        else:
            cause = cause.__cause__
    return error

"""What one attempt of a client connects with: one connection, to hop 1, whatever the URL says.

Below httpcore and below TLS, because only there reads can be slowed down, one read told from the
next, and a connection left half-closed or reset.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio

from harness.model.scenario import Reads
from harness.net import Address, ByteStream, Listener, Network
from harness.net.base import BACKLOG, MAX_READ_BYTES, SocketLike

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError)


class Link:
    """A network on which every address is that of hop 1.

    Args:
        network: The network of hop 1.
        entry: Where hop 1 listens.
        reads: How slowly to read; None: at once.
        connected: Told the port of this end once there is a connection.
        before_read: Called before each read, when all of the read before has been used. What it
            raises, the read raises.
        on_cut: Called when connecting, reading or sending is cancelled, before anything closes.

    Attributes:
        stream: The connection, once there is one.
    """

    def __init__(
        self,
        network: Network,
        entry: Address,
        *,
        reads: Reads | None,
        connected: Callable[[int], None],
        before_read: Callable[[], None],
        on_cut: Callable[[], None],
    ) -> None:
        self.stream: LinkStream | None = None
        self._connected = connected
        self._network = network
        self._entry = entry
        self._reads = reads
        self._before_read = before_read
        self._on_cut = on_cut

    @property
    def is_memory(self) -> bool:
        """Whether bytes stay in this process."""
        return self._network.is_memory

    async def connect(self, host: str, port: int) -> ByteStream:  # noqa: ARG002 - see the class
        """Connect to hop 1."""
        try:
            stream = await self._network.connect(*self._entry)
        except trio.Cancelled:
            self._on_cut()
            raise
        self.stream = LinkStream(stream, self._reads, self._before_read, self._on_cut)
        self._connected(stream.local[1])
        return self.stream

    async def listen(
        self, port: int = 0, host: str = "127.0.0.1", backlog: int = BACKLOG
    ) -> Listener:
        """Listen; a client has no need to."""
        return await self._network.listen(port, host, backlog)

    def graft(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put the network under an asyncio loop; a client has no need to."""
        self._network.graft(loop)


class LinkStream(ByteStream):
    """The client's end of its connection to hop 1.

    Attributes:
        closes_with_fin: Makes `aclose` send FIN although data was left unread, which would make it
            RST: whether a byte arrives in the instant of leaving must not change how one leaves.
    """

    def __init__(
        self,
        stream: ByteStream,
        reads: Reads | None,
        before_read: Callable[[], None],
        on_cut: Callable[[], None],
    ) -> None:
        self.closes_with_fin = False
        self._stream = stream
        self._reads = reads
        self._before_read = before_read
        self._on_cut = on_cut
        self._next_read_s = 0.0
        self._is_sending = False
        self._is_half_closed = False

    @property
    def local(self) -> Address:
        """The address of this end."""
        return self._stream.local

    @property
    def peer(self) -> Address:
        """The address of hop 1."""
        return self._stream.peer

    @property
    def socket(self) -> SocketLike:
        """The socket."""
        return self._stream.socket

    @property
    def is_sending(self) -> bool:
        """Whether a send is on its way, so that a FIN would cut it short."""
        return self._is_sending

    def is_readable(self) -> bool:
        """Tell whether there is anything to read."""
        return self._stream.is_readable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read, no more and no sooner than the scenario says."""
        self._before_read()
        try:
            if self._reads is None:
                return bytes(await self._stream.receive_some(max_bytes))
            await trio.sleep_until(self._next_read_s)
            limit_bytes = min(max_bytes or MAX_READ_BYTES, self._reads.bytes_per_read)
            data = bytes(await self._stream.receive_some(limit_bytes))
            self._next_read_s = trio.current_time() + self._reads.every_s
        except trio.Cancelled:
            self._on_cut()
            raise
        else:
            return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; behind a FIN of ours drop it, such as the answer to a ping of HTTP/2."""
        if self._is_half_closed:
            await trio.lowlevel.checkpoint()
            return
        self._is_sending = True
        try:
            await self._stream.send_all(data)
        except trio.Cancelled:
            self._on_cut()
            raise
        finally:
            self._is_sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until hop 1 takes some more."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send FIN and go on reading; does nothing where hop 1 is gone already."""
        self._is_half_closed = True
        with suppress(*_GONE):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close."""
        if self.closes_with_fin:
            with trio.CancelScope(shield=True):  # a FIN never waits
                await self.send_eof()
        await self._stream.aclose()

    def reset(self) -> None:
        """Close at once with RST."""
        self._stream.reset()


class OnlyH2:
    """An SSLContext that offers HTTP/2 and nothing else.

    httpcore always offers http/1.1 first, also where it then speaks HTTP/2 without asking; a peer
    that heeds the order, as mitmproxy does, would choose what nobody speaks. Only the methods that
    httpcore and trio call are here.

    Args:
        context: What it is made of; its own offer is replaced.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def set_alpn_protocols(self, _protocols: list[str]) -> None:
        """Take httpcore's offer, and make none of it."""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin TLS."""
        self._context.set_alpn_protocols(["h2"])
        return self._context.wrap_bio(*args, **options)

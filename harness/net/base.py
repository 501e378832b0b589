"""The byte network: one interface for real sockets and for the in-memory one.

Everything that crosses a border between client, hops and target crosses it here. Code written for
trio connects and listens; code written for asyncio gets the network grafted under its loop and goes
on calling asyncio.start_server and asyncio.open_connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from abc import abstractmethod
from contextlib import suppress
from typing import Final, Protocol

import trio

type Address = tuple[str, int]

# Longest read in bytes unless the caller asks for less; what trio's own socket streams read.
MAX_READ_BYTES: Final = 64 * 1024
# 2,000 clients that connect in one instant are all accepted at once; with asyncio's own 100 that
# takes 11 s, which would distort every reconnect storm. The kernel cuts it at net.core.somaxconn.
BACKLOG: Final = 4096

# SO_LINGER with a time of 0: closing then drops what is unsent and sends RST (RFC 9293, ABORT).
LINGER_ABORT: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class SocketLike(Protocol):
    """What servers ask of the socket of a connection."""

    @property
    def family(self) -> int:
        """Address family, such as socket.AF_INET."""

    def getsockname(self) -> Address:
        """Return the address of this end."""

    def getpeername(self) -> Address:
        """Return the address of the other end."""


class ByteStream(trio.abc.HalfCloseableStream):
    """One end of a connection, for trio.

    As with TCP: `receive_some` gives b"" after a FIN. After a RST it gives what had arrived, then
    raises trio.BrokenResourceError caused by ConnectionResetError, and goes on raising it. A RST
    that follows a FIN shows in writes only. `aclose` sends RST instead of FIN when data was left
    unread.
    """

    @property
    @abstractmethod
    def local(self) -> Address:
        """The address of this end."""

    @property
    @abstractmethod
    def peer(self) -> Address:
        """The address of the other end."""

    @property
    @abstractmethod
    def socket(self) -> SocketLike:
        """The socket, under the name trio.SocketStream has for it: Hypercorn reads it."""

    @abstractmethod
    def is_readable(self) -> bool:
        """Tell whether `receive_some` would return, or raise, without waiting."""

    @abstractmethod
    def reset(self) -> None:
        """Close at once with RST; what the other end has not received is lost.

        Does nothing on a closed stream.
        """


class Listener(trio.abc.Listener[ByteStream]):
    """Where connections arrive, for trio; fit for trio.serve_listeners."""

    @property
    @abstractmethod
    def address(self) -> Address:
        """Where it listens."""

    @property
    def port(self) -> int:
        """The port it listens at, also when it was asked for 0."""
        return self.address[1]


class Network(Protocol):
    """A byte network."""

    @property
    def is_memory(self) -> bool:
        """Whether bytes stay in this process; the virtual clock needs it."""

    async def connect(self, host: str, port: int) -> ByteStream:
        """Connect, from trio.

        Raises:
            OSError: As the system would: ConnectionRefusedError when nobody listens there.
        """

    async def listen(
        self, port: int = 0, host: str = "127.0.0.1", backlog: int = BACKLOG
    ) -> Listener:
        """Listen, for trio.

        Args:
            port: 0 lets the network choose.
            host: A literal address.
            backlog: Connections that may wait to be accepted.

        Raises:
            OSError: The port is taken.
        """

    def graft(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the servers and connections of an asyncio loop use this network."""


def is_reset(error: BaseException) -> bool:
    """Tell whether an error goes back to a RST from the peer.

    Follows the causes, so it may be asked of what trio, asyncio, httpcore or httpx raised.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionResetError):
            return True
        cause = cause.__cause__
    return False


def was_reset(transport: asyncio.WriteTransport) -> bool:
    """Tell whether the peer of an asyncio connection is known to be gone for good.

    So it is a moment after the first write to a peer that has closed; reads do not tell of a RST
    that came after a FIN.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or transport.is_closing():
        return True
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except OSError:  # it is closed already
        return True


def reset_transport(transport: asyncio.WriteTransport) -> None:
    """Close an asyncio connection of any of our networks at once, with RST.

    A plain abort() sends FIN when nothing was left unread, which looks like a clean end.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):  # it is closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ABORT)
    transport.abort()

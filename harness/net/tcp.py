"""A model of one TCP connection between two ends in one process; pure, with no loop or clock.

Each write stays one unit. A read gives bytes of one write at most: all of it, or part when it is
longer than the read. A kernel merges and splits as its timing has it; a model that did so would
need a timing of its own, and two runs would differ.

What the ends tell each other arrives at once:

=============  =================================================================================
FIN            the other end reads b"" once it has read all that came before. Sent by `write_eof`,
               and by `close` when everything received has been read.
RST            sent by `reset`, by `close` when received data was left unread, and in answer to
               a write to an end that is closed. The other end may still read what came before,
               then its reads raise ConnectionResetError and its writes fail.
RST after FIN  reads go on giving b"", writes raise BrokenPipeError. So after a clean close by
               the peer the first write seems to succeed, and the second one fails.
=============  =================================================================================

RFC 9293 leaves to the receiver what happens to data queued behind a RST. The rules above are those
of Linux, observed on 6.18, and the tests hold both networks to them. One difference is kept: Linux
reports a reset once and b"" from then on; here, and on our socket streams, it is reported always.

Flow control: an end has room while no more than `HIGH_WATER_BYTES` lie unread at the other. The
model takes any write; who writes asks `has_room` first, and waits for `on_writable` if need be.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from harness.net.base import Address

HIGH_WATER_BYTES: Final = 64 * 1024


def _nothing() -> None:
    return None


class Endpoint:
    """One end of a modelled connection.

    Attributes:
        on_readable: Called when a read that found nothing would now find something.
        on_writable: Called when there may be room again, and when writing has become pointless.
        linger_abort: Makes `close` send RST, as SO_LINGER with a time of 0 does.
        is_closed: This end was closed or reset by its owner.
    """

    __slots__ = (
        "_fin_received",
        "_fin_sent",
        "_head_offset",
        "_inbox",
        "_other",
        "_reset_received",
        "_unread_bytes",
        "is_closed",
        "linger_abort",
        "local",
        "on_readable",
        "on_writable",
        "peer",
    )

    _other: Endpoint

    def __init__(self, local: Address, peer: Address) -> None:
        self.local = local
        self.peer = peer
        self.on_readable: Callable[[], object] = _nothing
        self.on_writable: Callable[[], object] = _nothing
        self.linger_abort = False
        self.is_closed = False
        self._inbox: deque[bytes] = deque()
        self._head_offset = 0
        self._unread_bytes = 0
        self._fin_sent = False
        self._fin_received = False
        self._reset_received = False

    # -- reading

    def read(self, max_bytes: int) -> bytes | None:
        """Take bytes of the oldest unread write.

        Returns:
            b"" after a FIN; None when there is nothing yet.

        Raises:
            ConnectionResetError: A RST has arrived, and all before it was read.
        """
        if self._inbox:
            return self._take(max_bytes)
        if self._fin_received:
            return b""
        if self._reset_received:
            raise _os_error(ConnectionResetError, errno.ECONNRESET)
        return None

    def is_readable(self) -> bool:
        """Tell whether `read` has more to say than None."""
        return bool(self._inbox) or self._fin_received or self._reset_received

    def _take(self, max_bytes: int) -> bytes:
        head = self._inbox[0]
        data = head[self._head_offset : self._head_offset + max_bytes]
        self._head_offset += len(data)
        if self._head_offset == len(head):
            self._inbox.popleft()
            self._head_offset = 0
        was_full = self._unread_bytes > HIGH_WATER_BYTES
        self._unread_bytes -= len(data)
        if was_full and self._unread_bytes <= HIGH_WATER_BYTES:
            self._other.on_writable()
        return data

    @property
    def was_reset(self) -> bool:
        """Whether a RST has arrived, also one that reads do not tell of."""
        return self._reset_received

    # -- writing

    @property
    def has_room(self) -> bool:
        """Whether a write now is either taken by a peer who keeps up, or fails."""
        peer = self._other
        return (
            self._reset_received or peer.is_closed or peer._unread_bytes <= HIGH_WATER_BYTES  # noqa: SLF001 - of this class
        )

    def write(self, data: bytes) -> None:
        """Send one write; the other end reads it as one. Sending b"" is nothing.

        Raises:
            ConnectionResetError: A RST has arrived.
            BrokenPipeError: A RST has arrived after a FIN, or this end has sent its FIN.
        """
        self.check_writable()
        if not data:
            return
        if self._other.is_closed:
            self._receive_reset()
        else:
            self._other._receive(data)  # noqa: SLF001 - of this class

    def check_writable(self) -> None:
        """Raise what `write` would."""
        if self._fin_sent or (self._reset_received and self._fin_received):
            raise _os_error(BrokenPipeError, errno.EPIPE)
        if self._reset_received:
            raise _os_error(ConnectionResetError, errno.ECONNRESET)

    def write_eof(self) -> None:
        """Send FIN: this end writes no more.

        Raises:
            OSError: A RST has arrived (ENOTCONN).
        """
        if self._reset_received:
            raise _os_error(OSError, errno.ENOTCONN)
        self._send_fin()

    # -- ending

    def close(self) -> None:
        """Close both directions: with FIN, or with RST when received data was left unread."""
        if self.is_closed:
            return
        left_unread = bool(self._inbox)
        self.is_closed = True
        self._inbox.clear()
        self._unread_bytes = 0
        if left_unread or self.linger_abort:
            self._other._receive_reset()  # noqa: SLF001 - of this class
        else:
            self._send_fin()
        self._other.on_writable()

    def reset(self) -> None:
        """Close both directions with RST."""
        self.linger_abort = True
        self.close()

    # -- what the other end says

    def _send_fin(self) -> None:
        if self._fin_sent:
            return
        self._fin_sent = True
        self._other._receive_fin()  # noqa: SLF001 - of this class

    def _receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self._unread_bytes += len(data)
        self.on_readable()

    def _receive_fin(self) -> None:
        if self.is_closed or self._reset_received:
            return
        self._fin_received = True
        self.on_readable()

    def _receive_reset(self) -> None:
        if self.is_closed or self._reset_received:
            return
        self._reset_received = True
        self.on_readable()
        self.on_writable()


def connected_pair(client: Address, server: Address) -> tuple[Endpoint, Endpoint]:
    """Make a connection.

    Returns:
        The client's end and the server's.
    """
    ends = Endpoint(client, server), Endpoint(server, client)
    ends[0]._other, ends[1]._other = ends[1], ends[0]  # noqa: SLF001 - their constructor
    return ends


class MemorySocket:
    """What asyncio, Hypercorn, uvicorn and mitmproxy expect to find as the socket of a connection.

    Options are accepted and forgotten, but for SO_LINGER with a time of 0, which does what it does
    on a real socket.

    Args:
        local: The address of this end.
        end: The end it belongs to; None for a listening socket.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, local: Address, end: Endpoint | None = None) -> None:
        self._local = local
        self._end = end

    def __repr__(self) -> str:
        return f"<MemorySocket {self._local[0]}:{self._local[1]}>"

    def getsockname(self) -> Address:
        """Return the address of this end."""
        return self._local

    def getpeername(self) -> Address:
        """Return the address of the other end."""
        if self._end is None:
            raise _os_error(OSError, errno.ENOTCONN)
        return self._end.peer

    def setsockopt(self, level: int, option: int, value: int | bytes, *_: object) -> None:
        """Accept an option."""
        if self._end is not None and (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self._end.linger_abort = _is_abort(value)

    def getsockopt(self, level: int, option: int, *_: object) -> int:
        """Return an error number for SO_ERROR once a RST has arrived, else 0."""
        is_asked = (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        if is_asked and self._end is not None and self._end.was_reset:
            return errno.ECONNRESET
        return 0

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def listen(self, _backlog: int = 0) -> None:
        """Do nothing: the server which is given this socket listens."""

    def setblocking(self, _flag: bool) -> None:  # noqa: FBT001 - the signature of socket.socket
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: the connection belongs to its stream or transport."""


def _is_abort(value: int | bytes) -> bool:
    if isinstance(value, int):
        return False
    on, linger = struct.unpack("hh" if len(value) == struct.calcsize("hh") else "ii", value)
    return bool(on) and linger == 0


def _os_error[E: OSError](kind: type[E], number: int) -> E:
    return kind(number, os.strerror(number))


def refused(address: Address) -> ConnectionRefusedError:
    """Make the error for an address where nobody listens."""
    reason = os.strerror(errno.ECONNREFUSED)
    message = f"connect to {address[0]}:{address[1]} failed: {reason}"
    return ConnectionRefusedError(errno.ECONNREFUSED, message)

"""The in-memory network as asyncio code sees it: the transport of one connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from harness.net.base import MAX_READ_BYTES
from harness.net.tcp import Endpoint, MemorySocket

# asyncio's own limits of what a transport holds back before it asks its protocol to pause.
_HIGH_BYTES = 64 * 1024
_LOW_BYTES = 16 * 1024


class MemoryTransport(asyncio.Transport):
    """One end of a memory connection, for asyncio.

    Pushes each write of the peer to the protocol in a call of its own. A reader that needs to see
    single writes cannot use asyncio.StreamReader, which merges them: it calls `pull`, then
    `receive` for one at a time. What was pushed before that is in the protocol's hands.

    Unlike a kernel, the end of this connection in the model takes a write whole; what it has no
    room for is held here, and counts as the write buffer.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        end: Endpoint,
        protocol: asyncio.BaseProtocol,
        on_lost: Callable[[MemoryTransport], None],
    ) -> None:
        socket = MemorySocket(end.local, end)
        super().__init__({"socket": socket, "sockname": end.local, "peername": end.peer})
        self._loop = loop
        self._end = end
        self._protocol: Any = protocol
        self._on_lost = on_lost
        self._pushes = False
        self._is_paused = False
        self._is_pulled = False
        self._is_delivery_due = False
        self._receiver: asyncio.Future[None] | None = None
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._high_bytes, self._low_bytes = _HIGH_BYTES, _LOW_BYTES
        self._is_protocol_paused = False
        self._is_eof_written = False
        self._is_closing = False
        self._is_lost = False
        self._error: Exception | None = None
        end.on_readable = self._readable
        end.on_writable = self._writable

    def start(self, opened: asyncio.Future[None] | None = None) -> None:
        """Tell the protocol, then whoever waits for `opened`, then begin to push."""
        self._protocol.connection_made(self)
        if opened is not None and not opened.done():
            opened.set_result(None)
        # In the next step of the loop: a handler that connection_made() has just started may call
        # pull() in its first, before anything is pushed.
        self._loop.call_soon(self._begin_to_push)

    def __repr__(self) -> str:
        state = "closing" if self._is_closing else "open"
        return f"<MemoryTransport {state} {self._end.local} peer {self._end.peer}>"

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol in charge."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Put another protocol in charge."""
        self._protocol = protocol

    # -- pushed reading

    def is_reading(self) -> bool:
        """Tell whether data is pushed to the protocol."""
        return not (self._is_paused or self._is_closing or self._is_pulled)

    def pause_reading(self) -> None:
        """Push nothing until `resume_reading`."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Push again."""
        self._is_paused = False
        self._deliver_soon()

    def _begin_to_push(self) -> None:
        self._pushes = True
        self._deliver_soon()

    def _readable(self) -> None:
        # May be called from trio, or from another loop: nothing of this loop's may run here.
        if self._loop.is_closed():
            return
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)
        self._deliver_soon()

    def _deliver_soon(self) -> None:
        if self._may_deliver() and not self._is_delivery_due:
            self._is_delivery_due = True
            self._loop.call_soon(self._deliver)

    def _may_deliver(self) -> bool:
        return self._pushes and self.is_reading() and self._end.is_readable()

    def _deliver(self) -> None:
        self._is_delivery_due = False
        if not self._may_deliver():
            return
        try:
            self._deliver_one()
        except (SystemExit, KeyboardInterrupt):
            raise
        except Exception as exc:  # noqa: BLE001 - the protocol's code; asyncio ends the connection too
            self._fail(exc)
        self._deliver_soon()

    def _deliver_one(self) -> None:
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            buffer = memoryview(self._protocol.get_buffer(-1))
            data = self._end.read(min(len(buffer), MAX_READ_BYTES)) or b""
            buffer[: len(data)] = data
            if data:
                self._protocol.buffer_updated(len(data))
        else:
            data = self._end.read(MAX_READ_BYTES) or b""
            if data:
                self._protocol.data_received(data)
        if not data:
            self._pushes = False
            if not self._protocol.eof_received():
                self.close()

    # -- pulled reading

    def pull(self) -> None:
        """Push nothing any more, neither data nor the end: `receive` reads from now on."""
        self._is_pulled = True

    async def receive(self, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Read bytes of one write at most. Implies `pull`.

        Returns:
            b"" after a FIN, and when this end was closed.

        Raises:
            ConnectionResetError: A RST has arrived, and all before it was read.
            OSError: An earlier write has found the connection broken.
            RuntimeError: Another task waits in `receive`.
        """
        if self._receiver is not None:
            raise RuntimeError("receive() called while another coroutine is already waiting")
        self.pull()
        while True:
            if self._error is not None:
                raise self._error
            if self._is_closing:
                return b""
            data = self._end.read(max_bytes)
            if data is not None:
                return data
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None

    # -- writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send one write, or hold it while the peer has too much unread."""
        if not isinstance(data, bytes | bytearray | memoryview):
            kind = type(data).__name__
            raise TypeError(f"data argument must be a bytes-like object, not {kind!r}")
        if self._is_eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_lost or not data:
            return
        self._held.append(bytes(data))
        self._held_bytes += len(data)
        self._send_held()
        if self._held_bytes > self._high_bytes and not self._is_protocol_paused:
            self._is_protocol_paused = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Send FIN after what is held; reading goes on."""
        if self._is_closing or self._is_eof_written:
            return
        self._is_eof_written = True
        if not self._held:
            self._end.write_eof()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are held."""
        return self._held_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high limit in bytes."""
        return self._low_bytes, self._high_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how many held bytes pause the protocol, and how many let it resume."""
        if high is None:
            high = _HIGH_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high_bytes, self._low_bytes = high, low

    def _writable(self) -> None:
        # May be called from trio, or from another loop: nothing of this loop's may run here.
        if self._held and not self._loop.is_closed():
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._is_lost or not self._held:
            return
        self._send_held()
        if self._is_protocol_paused and self._held_bytes <= self._low_bytes:
            self._is_protocol_paused = False
            self._protocol.resume_writing()
        if self._held or self._is_lost:
            return
        if self._is_closing:
            self._lose(None)
        elif self._is_eof_written:
            self._end.write_eof()

    def _send_held(self) -> None:
        try:
            while self._held and self._end.has_room:
                self._end.write(self._held[0])
                self._held_bytes -= len(self._held.popleft())
        except OSError as exc:
            self._fail(exc)

    # -- ending

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._is_closing

    def close(self) -> None:
        """Close once all that is held is sent: with FIN, or with RST if data was left unread."""
        if self._is_closing:
            return
        self._is_closing = True
        self._wake_receiver()
        if not self._held:
            self._lose(None)

    def abort(self) -> None:
        """Close now and drop what is held."""
        self._drop(None)

    def reset(self) -> None:
        """Close now with RST and drop what is held."""
        self._end.linger_abort = True
        self._drop(None)

    def abandon(self) -> None:
        """End the connection as the system does for a process that ended: its loop is closed."""
        self._is_lost = True
        self._end.close()

    def _fail(self, exc: Exception) -> None:
        if not isinstance(exc, OSError):
            message = "Fatal error: protocol call failed."
            self._loop.call_exception_handler(
                {
                    "message": message,
                    "exception": exc,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
        self._error = exc
        self._drop(exc)

    def _drop(self, exc: Exception | None) -> None:
        if self._is_lost:
            return
        self._held.clear()
        self._held_bytes = 0
        self._is_closing = True
        self._wake_receiver()
        self._lose(exc)

    def _lose(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._loop.call_soon(self._lost, exc)

    def _lost(self, exc: Exception | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._end.close()
            self._on_lost(self)

    def _wake_receiver(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

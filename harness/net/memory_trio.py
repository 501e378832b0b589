"""The in-memory network as trio code sees it: a stream and a listener over the model in `tcp`."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable

import trio

from harness.net.base import MAX_READ_BYTES, Address, ByteStream, Listener
from harness.net.tcp import Endpoint, MemorySocket


class MemoryListener(Listener):
    """Where trio code accepts connections of a memory network."""

    def __init__(self, address: Address, close_door: Callable[[Address], None]) -> None:
        self._address = address
        self._close_door = close_door
        self._waiting: deque[Endpoint] = deque()
        self._arrival = trio.lowlevel.ParkingLot()
        self._is_closed = False

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    def arrive(self, end: Endpoint) -> None:
        """Take the server's end of a new connection."""
        self._waiting.append(end)
        self._arrival.unpark()

    async def accept(self) -> ByteStream:
        """Wait for the next connection."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._is_closed:
                raise trio.ClosedResourceError
            if self._waiting:
                return MemoryStream(self._waiting.popleft())
            await self._arrival.park()

    async def aclose(self) -> None:
        """Stop listening; connections nobody has accepted are reset."""
        self._is_closed = True
        self._close_door(self._address)
        while self._waiting:
            self._waiting.popleft().reset()
        self._arrival.unpark_all()
        await trio.lowlevel.checkpoint()


class MemoryStream(ByteStream):
    """One end of a memory connection, for trio."""

    def __init__(self, end: Endpoint) -> None:
        self._end = end
        self._socket = MemorySocket(end.local, end)
        self._readable = trio.lowlevel.ParkingLot()
        self._writable = trio.lowlevel.ParkingLot()
        self._reading = _Exclusive("reading from")
        self._sending = _Exclusive("sending on")
        self._is_eof_sent = False
        end.on_readable = self._readable.unpark_all
        end.on_writable = self._writable.unpark_all

    @property
    def local(self) -> Address:
        """The address of this end."""
        return self._end.local

    @property
    def peer(self) -> Address:
        """The address of the other end."""
        return self._end.peer

    @property
    def socket(self) -> MemorySocket:
        """A stand-in that knows the addresses, and SO_LINGER."""
        return self._socket

    def is_readable(self) -> bool:
        """Tell whether `receive_some` would return, or raise, without waiting."""
        return self._end.is_closed or self._end.is_readable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read bytes of one write at most."""
        limit_bytes = MAX_READ_BYTES if max_bytes is None else operator.index(max_bytes)
        if limit_bytes < 1:
            raise ValueError("max_bytes must be >= 1")
        with self._reading:
            await trio.lowlevel.checkpoint_if_cancelled()
            has_yielded = False
            while True:
                self._check_open()
                try:
                    data = self._end.read(limit_bytes)
                except ConnectionResetError as exc:
                    raise _broken(exc) from exc
                if data is not None:
                    break
                await self._readable.park()
                has_yielded = True
            if not has_yielded:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send one write, and wait until the peer has little enough unread."""
        with self._sending:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._check_open()
            if self._is_eof_sent:
                raise trio.ClosedResourceError("can't send data after sending EOF")
            # A send that was cancelled while it waited has left its data there: wait first.
            has_yielded = await self._wait_for_room()
            try:
                self._end.write(bytes(data))
                if await self._wait_for_room():
                    has_yielded = True
                    self._end.check_writable()  # the wait may have ended because the peer is gone
            except OSError as exc:
                raise _broken(exc) from exc
            if not has_yielded:
                await trio.lowlevel.cancel_shielded_checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the peer has little enough unread, or is gone."""
        with self._sending:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._check_open()
            if not await self._wait_for_room():
                await trio.lowlevel.cancel_shielded_checkpoint()

    async def send_eof(self) -> None:
        """Send FIN; reading goes on."""
        with self._sending:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._check_open()
            if not self._is_eof_sent:
                try:
                    self._end.write_eof()
                except OSError as exc:
                    raise _broken(exc) from exc
                self._is_eof_sent = True
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def aclose(self) -> None:
        """Close: with FIN, or with RST when received data was left unread."""
        self._end.close()
        self._wake_own()
        await trio.lowlevel.checkpoint()

    def reset(self) -> None:
        """Close at once with RST."""
        self._end.reset()
        self._wake_own()

    def _wake_own(self) -> None:
        self._readable.unpark_all()
        self._writable.unpark_all()

    def _check_open(self) -> None:
        if self._end.is_closed:
            raise trio.ClosedResourceError("this stream was closed")

    async def _wait_for_room(self) -> bool:
        """Wait until there is room; tell whether that took any waiting."""
        has_waited = False
        while not self._end.has_room:
            await self._writable.park()
            has_waited = True
            self._check_open()
        return has_waited


def _broken(exc: OSError) -> trio.BrokenResourceError:
    return trio.BrokenResourceError(f"connection broken: {exc}")


class _Exclusive:
    """Lets one task at a time do something with a stream, as trio asks of streams."""

    __slots__ = ("_doing", "_is_busy")

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._is_busy = False

    def __enter__(self) -> None:
        if self._is_busy:
            raise trio.BusyResourceError(f"another task is {self._doing} this stream")
        self._is_busy = True

    def __exit__(self, *_: object) -> None:
        self._is_busy = False

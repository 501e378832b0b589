"""Both sides of a connection at a hop: ours to read and write, not mitmproxy's.

mitmproxy ends a client's handler as soon as the client's reader says EOF, and then closes every
upstream connection, whatever a fault wants. So while an exchange is open the reader here hides EOF
and RST: it tells the layer that the client has gone and waits until nothing is left to do for it.
After a FIN the client may still read, so the writer goes on until a write meets a reset, and
tells the layer that too; from then on it drops what comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from harness.net import reset_transport, was_reset

if TYPE_CHECKING:
    from harness.faults.base import GoneHow


async def _pull(reader: asyncio.StreamReader, transport: Any, n: int) -> bytes:
    """One read; in memory it is one write of the peer, never two merged."""
    receive = getattr(transport, "receive", None)
    data: bytes = await (reader.read(n) if receive is None else receive(n))
    return data


def _take_over(transport: Any) -> None:
    """In memory, before the first await: what was pushed to asyncio's reader is never pulled."""
    pull = getattr(transport, "pull", None)
    if pull is not None:
        pull()


class ClientSide:
    """The client's end of a hop: stands in for mitmproxy's reader and writer.

    Args:
        reader: What asyncio gave.
        writer: What asyncio gave.
        went: Told how the client left; after a FIN once more, as `rst`, if it does not read.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        went: Callable[[GoneHow], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._went = went
        _take_over(writer.transport)
        self._released = asyncio.Event()
        self._released.set()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_begun = False
        self.is_gone = False
        self.is_finished = False
        self._is_lost = False  # nothing that is written arrives any more

    # -- what the layer asks -------------------------------------------------------------------

    def finish(self, *, reset: bool) -> None:
        """Close towards the client now, with a FIN or a RST; what is written later is dropped."""
        if self.is_finished:
            return
        self.is_finished = True
        self._write_no_more()
        if reset:
            reset_transport(self._writer.transport)
        else:
            self._writer.close()

    def hold(self) -> None:
        """An exchange has begun: hide from mitmproxy that the client goes."""
        self._released.clear()

    def release(self) -> None:
        """Nothing is left to do for this client: mitmproxy may end its handler when it goes."""
        self._released.set()

    def pause(self) -> None:
        """Read from the client no further: back-pressure reaches it, and it is not seen to go."""
        self._may_read.clear()

    def resume(self) -> None:
        """Read from the client again."""
        self._may_read.set()

    def _write_no_more(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    # -- what mitmproxy asks -------------------------------------------------------------------

    async def read(self, n: int) -> bytes:
        """Bytes from the client; b"" once it has gone and nothing is left to do for it."""
        if not self._has_begun:
            # mitmproxy starts its tasks eagerly, and notes the one that reads only after that: a
            # connection closed in its first step would be closed by nobody.
            self._has_begun = True
            await asyncio.sleep(0)
        if not (self.is_gone or self.is_finished):
            try:
                data = await _pull(self._reader, self._writer.transport, n)
            except OSError:
                await self._leave("rst")
            else:
                # A read was under way when a pause began: what it brought waits, and is the last.
                await self._may_read.wait()
                if data and not self.is_finished:
                    return data
                await self._leave("fin")
        await self._released.wait()
        return b""

    async def _leave(self, how: GoneHow) -> None:
        if self._is_lost or self.is_finished or (self.is_gone and how != "rst"):
            return
        self.is_gone = True
        if how == "rst":
            self._is_lost = True
            self._write_no_more()
        await self._went(how)

    def _leave_soon(self, how: GoneHow) -> None:
        task = asyncio.ensure_future(self._leave(how))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def write(self, data: bytes) -> None:
        """Write to the client, unless it is known to read no more."""
        if self._is_lost or self.is_finished:
            return
        if not self._writer.is_closing():
            self._writer.write(data)
        if self.is_gone and was_reset(self._writer.transport):
            # It had not closed one side only: this write was answered with a reset.
            self._leave_soon("rst")

    async def drain(self) -> None:
        """Wait until the client has taken enough, or has gone; a RST met here is it leaving."""
        if self._over.done() or not self._writer.transport.get_write_buffer_size():
            return
        drained = asyncio.ensure_future(self._writer.drain())
        try:
            # Who has gone takes nothing more: a fetch that goes on must not wait for that.
            await asyncio.wait({drained, self._over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
        if drained.done() and not drained.cancelled() and drained.exception() is not None:
            # Not awaited: mitmproxy drains under a lock, and leaving may write to others.
            self._leave_soon("rst")

    def close(self) -> None:
        """Close towards the client: mitmproxy's own doing, after a complete response."""
        self.is_finished = True
        self._write_no_more()
        self._writer.close()

    def write_eof(self) -> None:
        """Close our sending side."""
        self._writer.write_eof()

    def is_closing(self) -> bool:
        """Never: what may no longer be written is dropped."""
        return False

    async def wait_closed(self) -> None:
        """Wait until the transport is closed."""
        await self._writer.wait_closed()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio.StreamWriter."""
        return self._writer.get_extra_info(name, default)

    @property
    def transport(self) -> asyncio.WriteTransport:
        """As asyncio.StreamWriter."""
        return self._writer.transport


class UpstreamReader:
    """Reads from upstream; knows a RST from a FIN, and can be paused."""

    def __init__(self, reader: asyncio.StreamReader, transport: Any) -> None:
        self._reader = reader
        self._transport = transport
        _take_over(transport)
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._held_by: set[str] = set()
        self.was_reset = False

    def hold(self, by: Literal["fault", "client"], *, is_held: bool) -> None:
        """Stop reading, which is back-pressure, until nobody holds it any more."""
        (self._held_by.add if is_held else self._held_by.discard)(by)
        if self._held_by:
            self._may_read.clear()
        else:
            self._may_read.set()

    async def read(self, n: int) -> bytes:
        """Bytes from upstream; b"" for FIN and RST alike, told apart by `was_reset`."""
        try:
            data = await _pull(self._reader, self._transport, n)
        except OSError:
            self.was_reset = True
            data = b""
        # A read was under way when the pause began: what it brought waits, and is the last.
        await self._may_read.wait()
        return data

"""The scripted origin on real sockets of loopback; what it says is in `origin`."""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, Literal

import trio

from harness.faults.base import RequestHead
from harness.fidelity import origin
from harness.fidelity.record import Ask
from harness.hops.observed import Said
from harness.wire.headers import replaced
from harness.wire.http1 import RequestLine, RequestReader, chunk

READ_BYTES: Final = 65536
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER: what is unsent is lost, and a reset is sent
# A peer that breaks off during a write has told how by then, or does at once.
_TELLS_S: Final = 0.05


def abort(stream: trio.SocketStream) -> None:
    """Have the next close of a connection send a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


@dataclass(slots=True)
class Heard:
    """One request as the origin got it; instants are trio's.

    Args:
        head: The request.
        began_s: When it came.
        is_reused: Whether its connection had carried another one.
        wrote: (seconds since it came by the script, when it really was) of each write.
        closed: How the peer closed the connection, and when; None: not before the origin ended.
        has_ended: Whether the origin came to the end of its script.
        over: Set when nothing more will become of it.
    """

    head: RequestLine
    began_s: float
    is_reused: bool
    wrote: list[tuple[float, float]] = field(default_factory=list)
    closed: tuple[Literal["fin", "rst"], float] | None = None
    has_ended: bool = False
    over: trio.Event = field(default_factory=trio.Event)


class Origin:
    """Answers `/PROBE/…` as the script of that probe says.

    Args:
        asks: What it is asked for, by the probe's name.
    """

    def __init__(self, asks: Mapping[str, Ask]) -> None:
        self._asks = {_in_path(name): ask for name, ask in asks.items()}
        self.heard: defaultdict[str, list[Heard]] = defaultdict(list)

    async def serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept until cancelled; its status is the port."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listener.socket.getsockname()[1])
        await trio.serve_listeners(self._serve_one, [listener])

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        async with stream, trio.open_nursery() as nursery:
            link = _Link(stream)
            nursery.start_soon(link.listen)
            count = 0
            while (head := await link.request()) is not None:
                heard = Heard(head, trio.current_time(), is_reused=count > 0)
                count += 1
                self.heard[head.target].append(heard)
                if not await self._answer(link, heard):
                    break
            nursery.cancel_scope.cancel()

    async def _answer(self, link: _Link, heard: Heard) -> bool:
        """Answer one request; whether the connection takes another one."""
        ask = self._asks.get(heard.head.target.removeprefix("/").partition("/")[0])
        if ask is None:  # squid asks on its own account
            await link.stream.send_all(_NOT_FOUND)
            return False
        request = RequestHead("GET", "/", (), version=heard.head.version)
        said = origin.said(ask, origin.script(ask), request)
        try:
            with link.until_closed():
                try:
                    await _say(link.stream, said, heard)
                    heard.has_ended = True
                except trio.BrokenResourceError:
                    await trio.sleep(_TELLS_S)
                    link.closed = link.closed or ("rst", trio.current_time())
            if not heard.has_ended:
                heard.closed = link.closed
        finally:
            heard.over.set()
        return heard.has_ended and said.end == "end" and said.framing == "chunked"


class _Link:
    """One connection: its requests, and when the peer has closed it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.closed: tuple[Literal["fin", "rst"], float] | None = None
        self._scope = trio.CancelScope()
        self._came = trio.Event()
        self._data = b""

    async def listen(self) -> None:
        """Take what comes until the peer closes."""
        how: Literal["fin", "rst"] = "fin"
        try:
            while data := await self.stream.receive_some(READ_BYTES):
                self._data += data
                self._came.set()
        except trio.BrokenResourceError:
            how = "rst"
        self.closed = (how, trio.current_time())
        self._came.set()
        self._scope.cancel()

    def until_closed(self) -> trio.CancelScope:
        """A scope that ends when the peer closes."""
        self._scope = trio.CancelScope()
        if self.closed is not None:
            self._scope.cancel()
        return self._scope

    async def request(self) -> RequestLine | None:
        """The next request; None: the peer has closed, or does not speak HTTP."""
        reader, head = RequestReader(), None
        while not reader.is_over:
            while not self._data:
                if self.closed is not None:
                    return None
                await self._came.wait()
                self._came = trio.Event()
            data, self._data = self._data, b""
            head = next((it for it in reader.feed(data) if isinstance(it, RequestLine)), head)
        return head


async def _say(stream: trio.SocketStream, said: Said, heard: Heard) -> None:
    if said.status:
        await trio.sleep_until(heard.began_s + said.head_s)
        is_chunked = said.framing == "chunked"
        own = [("Transfer-Encoding", "chunked")] if is_chunked else []
        # A cache takes what the script's date is of for a week old.
        fields = [*replaced(said.headers, "Date", formatdate(usegmt=True)), *own]
        lines = [f"{said.version} {said.status} OK", *(f"{name}: {it}" for name, it in fields)]
        await stream.send_all("\r\n".join([*lines, "", ""]).encode())
        for t_s, data in said.reads:
            await trio.sleep_until(heard.began_s + t_s)
            heard.wrote.append((t_s, trio.current_time()))
            await stream.send_all(chunk(data) if is_chunked else data)
    if said.end is None:
        await trio.sleep_forever()
    await trio.sleep_until(heard.began_s + said.end_s)
    if said.end == "reset":
        abort(stream)
    elif said.end == "end" and said.framing == "chunked":
        await stream.send_all(chunk(b""))


def path(probe: str, attempt: int) -> str:
    """Where a probe asks: a path of its own for each attempt, since some programs keep copies."""
    return f"/{_in_path(probe)}/{attempt}"


def _in_path(probe: str) -> str:
    return probe.replace("/", ".")

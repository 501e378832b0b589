"""The probing client on real sockets: HTTP/1, or HTTP/2 in clear text by prior knowledge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio

from harness.fidelity.live_origin import READ_BYTES, abort
from harness.fidelity.record import Ask
from harness.hops.observed import Asked, Got
from harness.wire.coding import decoder
from harness.wire.headers import Headers, value
from harness.wire.http1 import Body, Over, ResponseReader, StatusLine, request_head

# A client leaves when the probe says, or else upon its second event, or so long after the request
# when there is no head.
_LEAVES_UPON: Final = 2
_LEAVES_S: Final = 1.0
_BLANK: Final = b"\n\n"
# Fields of a connection have no place in HTTP/2, and Host is :authority there.
_NOT_IN_H2: Final = frozenset({"connection", "host", "keep-alive", "te", "transfer-encoding"})


class Client:
    """One client of a probe.

    Args:
        ask: The probe.
        asked: Its request; when it was to leave is not in it.
        target: The request's target.

    Attributes:
        got: What it has so far; instants are trio's.
        sent_s: When it sent its request.
        left_s: When it left; None: it has not.
        done: Set when it has left or its response is over.
    """

    def __init__(self, ask: Ask, asked: Asked, target: str) -> None:
        self._ask = ask
        self._asked = asked
        self._target = target
        self._events = _Events()
        self.got = Got()
        self.sent_s = 0.0
        self.left_s: float | None = None
        self.done = trio.Event()

    async def run(self, place: tuple[str, int]) -> None:
        """Ask, and take what comes until the response is over, the client leaves, or cancelled."""
        async with await trio.open_tcp_stream(*place) as stream:
            self.sent_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                if self._leaves_s is not None:
                    nursery.start_soon(
                        self._leave_in_time, self._leaves_s, stream, nursery.cancel_scope
                    )
                if self._ask.http == "2":
                    await self._over_h2(stream)
                else:
                    await self._over_http1(stream)
                nursery.cancel_scope.cancel()
        self.done.set()

    @property
    def _leaves_s(self) -> float | None:
        """So long after its request it leaves; None: that depends on what it sees."""
        if not self._ask.leaves:
            return None
        if self._ask.left_s is not None:
            return self._ask.left_s
        return _LEAVES_S if self._ask.head_after > _LEAVES_S else None

    async def _leave_in_time(
        self, after_s: float, stream: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        await trio.sleep(after_s)
        self._left(stream)
        scope.cancel()

    def _left(self, stream: trio.SocketStream) -> None:
        self.left_s = trio.current_time()
        if self._ask.leaves == "rst":
            abort(stream)
        self.done.set()

    def _has_seen_enough(self, data: bytes) -> bool:
        """Whether it leaves now that these bytes of the body have come."""
        if not self._ask.leaves or self.left_s is not None or self._leaves_s is not None:
            return False
        return self._events.count(self.got.headers, data) >= _LEAVES_UPON

    # -- HTTP/1 ----------------------------------------------------------------------------------

    async def _over_http1(self, stream: trio.SocketStream) -> None:
        asked = self._asked
        await stream.send_all(request_head("GET", self._target, asked.version, asked.headers))
        reader = ResponseReader()
        while not reader.is_over:
            try:
                data = await stream.receive_some(READ_BYTES)
                items = reader.feed(data) if data else reader.eof()
            except trio.BrokenResourceError:
                items = reader.reset()
            for it in items:
                match it:
                    case StatusLine(is_interim=False):
                        self._head(it.status, it.headers, it.framing)
                    case Body() if self._came(it.data):
                        self._left(stream)
                        if self._ask.leaves != "half":
                            return
                        await stream.send_eof()
                    case Over():
                        self._over(it.how)
                    case _:
                        pass

    def _head(self, status: int, headers: Headers, framing: str) -> None:
        self.got.status, self.got.headers, self.got.framing = status, headers, framing
        self.got.head_s = trio.current_time()

    def _came(self, data: bytes) -> bool:
        """Take body bytes; whether the client leaves now."""
        self.got.add(trio.current_time(), data)
        return self._has_seen_enough(data)

    def _over(self, how: str) -> None:
        self.got.end, self.got.end_s = how, trio.current_time()
        self.done.set()

    # -- HTTP/2 ----------------------------------------------------------------------------------

    async def _over_h2(self, stream: trio.SocketStream) -> None:
        link = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        link.initiate_connection()
        host = value(self._asked.headers, "host") or ""
        pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", host)]
        fields = [
            (name.lower(), it) for name, it in self._asked.headers if name.lower() not in _NOT_IN_H2
        ]
        link.send_headers(1, [*pseudo, (":path", self._target), *fields], end_stream=True)
        await stream.send_all(link.data_to_send())
        while True:
            try:
                data = await stream.receive_some(READ_BYTES)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                if self.got.end is None and self.left_s is None:
                    self._over("closed")
                return
            for event in link.receive_data(data):
                self._saw(event, link)
            if to_send := link.data_to_send():
                await stream.send_all(to_send)

    def _saw(self, event: h2.events.Event, link: h2.connection.H2Connection) -> None:
        match event:
            case h2.events.ConnectionTerminated():
                self.got.goaway_s = trio.current_time()
            case _ if self.left_s is not None or self.got.end is not None:
                pass
            case h2.events.ResponseReceived(headers=headers):
                pairs = [(str(name), str(it)) for name, it in headers or ()]
                status = next(it for name, it in pairs if name == ":status")
                fields = tuple(it for it in pairs if not it[0].startswith(":"))
                self._head(int(status), fields, "h2")
            case h2.events.DataReceived():
                link.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                if event.data and self._came(event.data):
                    link.reset_stream(1, h2.errors.ErrorCodes.CANCEL)
                    self.left_s = trio.current_time()
                    self.done.set()
            case h2.events.StreamEnded():
                self._over("end")
            case h2.events.StreamReset(error_code=code):
                self.got.h2_code = int(code or 0)
                self._over("reset")
            case _:
                pass


class _Events:
    """Counts events of a body as it comes, through its content coding."""

    def __init__(self) -> None:
        self._decode: Callable[[bytes], bytes] | None = None
        self._body = b""

    def count(self, headers: Headers, data: bytes) -> int:
        """How many there are once these bytes have come, heartbeats not counted."""
        if self._decode is None:
            coding = (value(headers, "content-encoding") or "").lower()
            self._decode = decoder("" if coding == "none" else coding).decompress
        self._body += self._decode(data)
        return sum(block.startswith(b"id:") for block in self._body.split(_BLANK)[:-1])

"""One request and its response at a hop: mitmproxy's events in, a `HopMachine`'s actions out.

Upstream we speak HTTP/1 ourselves, over mitmproxy's connections, one for each attempt: its own
client loses the final response after a 103, hangs on trailers, and cannot speak HTTP/1.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import DropStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._events import RequestData as MitmRequestData

from harness.errors import HopError
from harness.faults.base import (
    Action,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Event,
    Forward,
    ForwardHead,
    GoAway,
    PauseDownstream,
    PauseUpstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    ResumeDownstream,
    ResumeUpstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    Wake,
    WakeAt,
)
from harness.faults.h2_end import INTERNAL_ERROR, H2End
from harness.hops.machine import RANK_S
from harness.hops.mitm.messages import request_of, response_of
from harness.hops.mitm.ports import Act, ClientWent, Commands, Trail
from harness.model import journal
from harness.wire.headers import value
from harness.wire.http1 import Body, Over, ResponseReader, StatusLine, chunk, request_head

if TYPE_CHECKING:
    from mitmproxy.proxy.context import Context

    from harness.hops.mitm.layer import HopLayer
    from harness.hops.mitm.sides import UpstreamReader

_SLACK_S = 1e-9
_UPSTREAM_END: dict[str, UpstreamEndHow] = {
    "end": "end",
    "truncation": "truncation",
    "reset": "reset",
    "malformed": "truncation",
}


@dataclass(slots=True)
class _Attempt:
    """One try upstream."""

    server: connection.Server
    reader: ResponseReader
    trail: Trail
    is_chunked_request: bool
    received: int = 0
    is_open: bool = True


class ExchangeLayer(layer.Layer):
    """One request and its response at a hop, driven by the hop's machine."""

    def __init__(self, context: Context, stream_id: int, hop: HopLayer) -> None:
        super().__init__(context)
        self.stream_id = stream_id
        self._hop = hop
        self._ports = hop.ports
        self._machine = hop.ports.machine
        self._attempts: dict[int, _Attempt] = {}
        self._alarm: commands.RequestWakeup | None = None
        self._alarm_s = math.inf
        self._declared: int | None = None
        self._has_head = False
        self._is_complete = False
        self._is_refused = False
        self._is_paused = False
        self.forwarded = 0
        self.owed = 0  # how often another exchange wants something done here that is not done yet
        self.x = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen here any more."""
        if self._is_refused:
            return True
        return self.x > 0 and not self.owed and self._machine.is_over(self.x)

    @property
    def _is_h2(self) -> bool:
        return self.context.client.alpn == b"h2"

    # -- mitmproxy → machine ---------------------------------------------------------------------

    def _handle_event(self, event: events.Event) -> Commands:
        match event:
            case events.Start():
                pass
            case RequestHeaders():
                yield from self._begin(event)
            case MitmRequestData(data=data):
                yield from self._tell(RequestData(data))
            case RequestEndOfMessage():
                yield from self._tell(RequestEnd())
            case RequestProtocolError():
                yield from self._tell(ClientGone("cancel" if self._is_h2 else "fin"))
            case ClientWent(how=how):
                yield from self._tell(ClientGone(how))
            case events.Wakeup(command=command):
                yield from self._woken(command)
            case Act(actions=actions):
                self.owed -= 1
                for action in actions:
                    yield from self._do(action)
                yield from self._complete()
            case events.DataReceived(connection=server, data=data):
                yield from self._received(server, data)
            case events.ConnectionClosed(connection=server):
                yield from self._closed(server)
            case _:
                # Request trailers: told by no fault and needed by no event stream.
                pass

    def _begin(self, event: RequestHeaders) -> Commands:
        if self.context.client.state is connection.ConnectionState.CLOSED:
            # mitmproxy has refused this request, and shows what it could read of it.
            self._is_refused = True
            return
        self.x = self._machine.new_exchange()
        self._ports.own(self.x, self, self._hop.wires)
        head = request_of(event)
        expects = (value(head.headers, "expect") or "").lower() == "100-continue"
        self._link("down", self.context.client.peername)
        yield from self._tell(head)
        if expects and not (self._has_head or self._is_h2):
            yield from self._send(
                ResponseHeaders(
                    self.stream_id, response_of(100, (), is_h2=self._is_h2), end_stream=False
                )
            )

    def _woken(self, command: commands.RequestWakeup) -> Commands:
        if command is not self._alarm:
            return
        self._alarm, self._alarm_s = None, math.inf
        wanted_s = self._machine.wake_s(self.x)
        if wanted_s <= self._ports.now_s() + _SLACK_S:
            yield from self._tell(Wake())
        else:
            yield from self._arm(wanted_s)

    def _received(self, server: connection.Connection, data: bytes) -> Commands:
        number, attempt = self._attempt_of(server)
        if attempt is None:
            return
        items = attempt.reader.feed(data)
        attempt.received += sum(len(item.data) for item in items if isinstance(item, Body))
        attempt.trail.add("read", data, self.x, attempt.received)
        for item in items:
            yield from self._take(number, attempt, item)

    def _closed(self, server: connection.Connection) -> Commands:
        number, attempt = self._attempt_of(server)
        yield commands.CloseConnection(server)
        if attempt is None:
            return
        assert isinstance(server, connection.Server)
        reader = self._hop.wires.upstream_reader(server)
        was_reset = reader is not None and reader.was_reset
        for item in attempt.reader.reset() if was_reset else attempt.reader.eof():
            yield from self._take(number, attempt, item)

    def _take(self, number: int, attempt: _Attempt, item: object) -> Commands:
        match item:
            case StatusLine(is_interim=True):
                # An interim head (103) is no answer: the final one is still to come.
                pass
            case StatusLine(status, version, headers, framing):
                yield from self._tell(ResponseHead(status, headers, version, framing, number))
            case Body(data):
                yield from self._tell(Data(data, number))
            case Over(how):
                if attempt.is_open:
                    attempt.is_open = False
                    yield commands.CloseConnection(attempt.server)
                yield from self._tell(UpstreamEnd(_UPSTREAM_END[how], number))
            case _:
                raise AssertionError(f"a response never has {item}")

    def _attempt_of(self, server: connection.Connection) -> tuple[int, _Attempt | None]:
        for number, attempt in self._attempts.items():
            if attempt.server is server:
                return number, attempt
        return 0, None

    # -- machine → mitmproxy ---------------------------------------------------------------------

    def _tell(self, event: Event) -> Commands:
        if not self.x:
            return
        # All of one exchange at once: after its last action nobody would look for it any more.
        wanted: dict[int, list[Action]] = {}
        for y, action in self._machine.step(self._ports.now_s(), self.x, event):
            wanted.setdefault(y, []).append(action)
        for y, actions in wanted.items():
            if y != self.x:
                self._ports.act(y, actions)
                continue
            for action in actions:
                yield from self._do(action)
        yield from self._complete()

    def _complete(self) -> Commands:
        if self.is_over and not self._is_complete:
            self._is_complete = True
            self._pause_client(is_paused=False)
            self._ports.disown(self.x)
            yield DropStream(self.stream_id)

    def _do(self, action: Action) -> Commands:
        match action:
            case SendRequest(head, attempt):
                yield from self._open_attempt(head, attempt)
            case SendData(data, attempt):
                if (it := self._attempts.get(attempt)) and it.is_open:
                    yield from self._send_up(it, chunk(data) if it.is_chunked_request else data)
            case SendEnd(attempt):
                if (it := self._attempts.get(attempt)) and it.is_open and it.is_chunked_request:
                    yield from self._send_up(it, chunk(b""))
            case CloseUpstream(how, attempt):
                yield from self._close_upstream(how, attempt)
            case PauseUpstream(attempt):
                if reader := self._reader(attempt):
                    reader.hold("fault", is_held=True)
            case ResumeUpstream(attempt):
                if reader := self._reader(attempt):
                    reader.hold("fault", is_held=False)
            case PauseDownstream():
                self._pause_client(is_paused=True)
            case ResumeDownstream():
                self._pause_client(is_paused=False)
            case ForwardHead(head):
                yield from self._forward_head(head)
            case Forward(data):
                self.forwarded += len(data)
                yield from self._send(ResponseData(self.stream_id, data))
            case End(how, h2=h2):
                yield from self._end(how, h2)
            case GoAway():
                yield from self._hop.go_away()
            case WakeAt(at_s):
                yield from self._arm(at_s)
            case _:
                raise AssertionError(f"a machine never gives {action}")

    def _open_attempt(self, head: RequestHead, number: int) -> Commands:
        server = connection.Server(address=self._ports.upstream)
        error = yield commands.OpenConnection(server)
        if error:
            yield from self._tell(UpstreamEnd("refused", number))
            return
        self._link("up", server.sockname, number)
        attempt = self._attempts[number] = _Attempt(
            server,
            ResponseReader(head.method),
            Trail(self._ports, "up", self._ports.next_conn("up")),
            is_chunked_request=value(head.headers, "transfer-encoding") is not None,
        )
        yield from self._send_up(
            attempt, request_head(head.method, head.target, head.version, head.headers)
        )

    def _link(
        self, side: Literal["up", "down"], end: tuple[str, int] | None, attempt: int = 0
    ) -> None:
        if end is not None:
            link = journal.Link(
                at="hop",
                number=self._machine.number,
                x=self.x,
                side=side,
                port=end[1],
                attempt=attempt,
            )
            self._ports.record(link)

    def _send_up(self, attempt: _Attempt, data: bytes) -> Commands:
        attempt.trail.add("write", data, self.x, 0)
        yield commands.SendData(attempt.server, data)

    def _close_upstream(self, how: str, number: int) -> Commands:
        attempt = self._attempts.get(number)
        if attempt is None or how == "leave_open" or not attempt.is_open:
            return
        attempt.is_open = False
        # Whatever still comes was not asked for any more.
        attempt.reader.is_over = True
        if how == "rst":
            self._hop.wires.reset_upstream(attempt.server)
        yield commands.CloseConnection(attempt.server)

    def _reader(self, number: int) -> UpstreamReader | None:
        attempt = self._attempts.get(number)
        if attempt is None or not attempt.is_open:
            return None
        return self._hop.wires.upstream_reader(attempt.server)

    def _pause_client(self, *, is_paused: bool) -> None:
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        if is_paused and self._is_h2:
            # mitmproxy gives credit for whatever it has read; a connection that is read no further
            # would hold up its other streams.
            problem = "too much of a request's body waits here, and HTTP/2 cannot be held back"
            self._ports.broke(HopError(problem, self._machine.number))
        elif is_paused:
            self._hop.side.pause()
        else:
            self._hop.side.resume()

    def hold_back(self, *, is_full: bool) -> None:
        """Read upstream no further while the client does not take what there is."""
        for number in self._attempts:
            if reader := self._reader(number):
                reader.hold("client", is_held=is_full)

    def _forward_head(self, head: ResponseHead) -> Commands:
        self._has_head = True
        headers, framing = head.headers, head.framing
        if framing == "chunked":
            headers = (*headers, ("Transfer-Encoding", "chunked"))
        elif framing == "close":
            headers = (*headers, ("Connection", "close"))
        elif framing == "length":
            declared = value(headers, "content-length") or ""
            self._declared = int(declared) if declared.isdigit() else None
        response = response_of(head.status, headers, is_h2=self._is_h2)
        yield from self._send(ResponseHeaders(self.stream_id, response, end_stream=False))

    def _end(self, how: str, h2: H2End) -> Commands:
        is_short = self._declared is not None and self.forwarded < self._declared
        if how == "stall":
            return
        if (how == "end" and not is_short) or (self._is_h2 and h2.how == "end"):
            yield from self._send(ResponseEndOfMessage(self.stream_id))
        elif self._is_h2 and self._has_head and h2 != INTERNAL_ERROR:
            yield from self._hop.reset_stream(self.stream_id, h2.code)
        elif self._is_h2:
            # RST_STREAM with INTERNAL_ERROR: its siblings on the connection live on.
            yield from self._send(ResponseProtocolError(self.stream_id, how, ErrorCode.KILL))
        else:
            self._hop.finish(reset=how == "reset")

    def _arm(self, at_s: float) -> Commands:
        """One outstanding alarm: a later wish waits for the earlier alarm, which then re-arms."""
        if at_s == math.inf or self._alarm_s <= at_s:
            return
        delay_s = max(0.0, at_s - self._ports.now_s()) + self._ports.rank * RANK_S
        self._alarm, self._alarm_s = commands.RequestWakeup(delay_s), at_s
        yield self._alarm

    def _send(self, event: object) -> Commands:
        self._hop.speak(self)
        self._hop.is_speaking = True
        yield SendHttp(event, self.context.client)  # type: ignore[arg-type]  # mitmproxy's union of HTTP events has no public name
        self._hop.is_speaking = False

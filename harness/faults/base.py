"""The fault contract: what a fault may see, and what it may ask for.

One fault instance stands at one hop for one case. It is told what arrived and when, and answers
with actions. It never reads a clock, opens a socket, sleeps, or draws randomness it was not given:
that is what lets the same fault run inside mitmproxy, over a recorded stream, and in a unit test
that covers an hour of stream in a millisecond.

    request   client ─▶ RequestHead RequestData RequestEnd ─▶ SendRequest SendData SendEnd ─▶
    response  client ◀─ ForwardHead Forward End ◀─ ResponseHead Data UpstreamEnd ◀─ upstream
    leaving   client ─▶ ClientGone ─▶ CloseUpstream ─▶ upstream

This is the part of the design that today's faults need: connections, queues, refusals and GOAWAY
are not in it yet. A fault that needs a new power adds an action (or an event) here, and the machine
and both drivers learn it.

A fault file holds two things: the configuration (a `FaultConfig`, what YAML writes) and the state
of one exchange (an `Exchange` with one `step`). Copy `latency.py` to write one.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from harness.model.base import Strict
from harness.wire.headers import Headers

# Body bytes a fault holds back of one exchange at most: the harness's own bound, so that a flood
# cannot take this machine's memory. Real ones spill to disk: nginx holds 1 GiB in a file
# (proxy_max_temp_file_size 1024m — nginx.org, ngx_http_proxy_module).
HELD_BYTES = 64 * 1024 * 1024

# A limit fires this long after its instant, so that data due at that very instant wins.
TIE_S = 0.001

type EndHow = Literal["end", "truncation", "reset", "stall"]
"""How a response ends towards the client: clean finish, closed before the last chunk, RST or
RST_STREAM, open but silent."""

type UpstreamEndHow = Literal["end", "truncation", "reset", "refused"]
type GoneHow = Literal["fin", "rst", "cancel"]
"""How the client left. A FIN may be a half-close: the two cannot be told apart when it arrives."""

type UpstreamClose = Literal["fin", "rst", "leave_open"]
type Framing = Literal["chunked", "length", "close", "h2", "none"]
"""How the end of a body is told: last chunk, Content-Length, the connection's end, END_STREAM, or
no body at all."""

# -- events: driver → fault --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request came from downstream."""

    method: str
    target: str
    headers: Headers
    version: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class RequestData:
    """A part of the request's body came from downstream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class RequestEnd:
    """The request is complete."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response came from upstream (final: 1xx never shows here)."""

    status: int
    headers: Headers
    version: str = "HTTP/1.1"
    framing: Framing = "chunked"
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Data:
    """Body bytes came from upstream: one read, never empty."""

    data: bytes
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamEnd:
    """The response from upstream is over."""

    how: UpstreamEndHow
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client left before the response was over."""

    how: GoneHow


@dataclass(frozen=True, slots=True)
class Wake:
    """The time asked for with `WakeAt` has come."""


@dataclass(frozen=True, slots=True)
class CaseOver:
    """Nothing more will happen in this exchange, over by itself or with the case.

    The last event an exchange gets, and once: whoever keeps state for it forgets it here. Only a
    `Note` may answer: how it stands, and by what margin.
    """


type Event = (
    RequestHead
    | RequestData
    | RequestEnd
    | ResponseHead
    | Data
    | UpstreamEnd
    | ClientGone
    | Wake
    | CaseOver
)

# -- actions: fault → driver -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Open an attempt upstream and send this head. A new attempt needs a new number."""

    head: RequestHead
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class SendData:
    """Send a part of the request's body upstream."""

    data: bytes
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class SendEnd:
    """The request is complete: tell upstream."""

    attempt: int = 0


@dataclass(frozen=True, slots=True)
class ForwardHead:
    """Send this response head downstream."""

    head: ResponseHead


@dataclass(frozen=True, slots=True)
class Forward:
    """Send these body bytes downstream now, as one write."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request here, without upstream: head, body and clean end in one."""

    status: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class End:
    """End the response downstream. Nothing may be forwarded after it."""

    how: EndHow


@dataclass(frozen=True, slots=True)
class CloseUpstream:
    """Close an attempt's connection upstream; `leave_open` states that it stays."""

    how: UpstreamClose
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class PauseUpstream:
    """Stop reading from upstream: back-pressure reaches the target once its buffers are full."""

    attempt: int = 0


@dataclass(frozen=True, slots=True)
class ResumeUpstream:
    """Read from upstream again."""

    attempt: int = 0


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Wake` at this time (seconds, run clock). The latest one wins; math.inf cancels."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the journal: how this fault stands in this exchange.

    Args:
        what: armed (it stands in the path of this exchange: said of every exchange that reaches
            it, at the first event), fired (it acted), defeated (`reason` names what disarmed it)
            or not_reached (`reason` carries the margin).
        reason: One line for a person, e.g. "silence of 60.0 s (limit 60 s)".
        offset: Body bytes that had come from upstream by then.
        stage: Position of the fault in its hop; the pipeline sets it.
    """

    what: Literal["armed", "fired", "defeated", "not_reached"]
    reason: str
    offset: int = 0
    stage: int = 0


type Action = (
    SendRequest
    | SendData
    | SendEnd
    | ForwardHead
    | Forward
    | Answer
    | End
    | CloseUpstream
    | PauseUpstream
    | ResumeUpstream
    | WakeAt
    | Note
)


class Fault(Protocol):
    """One configured behaviour of a hop, for one case."""

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        """React to one event.

        Args:
            now_s: Time of the event in seconds on the run's clock; never decreases.
            x: The exchange that spoke, numbered from 1 in order of arrival at this hop.
            event: What happened.

        Returns:
            What the driver must do, in order, before it delivers the next event, each with the
            exchange it is meant for: a cache may act on another exchange than the one that spoke.
        """
        ...


class Exchange(Protocol):
    """The state of a simple fault within one exchange; see `PerExchange`."""

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        """React to one event of this exchange."""
        ...


class Conserves(enum.Enum):
    """What a fault leaves intact until it ends a response; the contract kit holds it to that."""

    BYTES_AND_ORDER = "bytes and order"
    ORDER = "order"
    NOTHING = "nothing"


def passed(event: Event) -> Action:
    """What a hop without any fault does with `event`.

    Raises:
        AssertionError: For Wake and CaseOver, which only a fault that asked can answer.
    """
    match event:
        case RequestHead():
            return SendRequest(event)
        case RequestData(data):
            return SendData(data)
        case RequestEnd():
            return SendEnd()
        case ResponseHead():
            return ForwardHead(event)
        case Data(data):
            return Forward(data)
        case UpstreamEnd(how="refused"):
            return Answer(502, (("Content-Type", "text/plain"),), b"upstream refused\n")
        case UpstreamEnd(how):
            return End("truncation" if how == "refused" else how)
        case ClientGone(how):
            return CloseUpstream("rst" if how == "rst" else "fin")
        case Wake() | CaseOver():
            raise AssertionError(f"nothing to pass on for {event}")


class FaultConfig(Strict, ABC):
    """What YAML writes under a fault's name; the running fault is made by `start`.

    Class attributes:
        conserves: What is left of the response as it was.
        always_ends: Whether it ends every response that lasts, whatever the target says.
        limit_decides: Whether it matters what comes first, traffic or `limit_s`; not so for a
            delay, which does nothing else when it is over.
        held_bytes: Body bytes held back of one exchange at most, and one read on top.
    """

    conserves: ClassVar[Conserves]
    always_ends: ClassVar[bool] = False
    limit_decides: ClassVar[bool] = True
    held_bytes: ClassVar[int] = HELD_BYTES

    @abstractmethod
    def start(self, draw: Callable[[], float]) -> Fault:
        """The fault for one hop and one case; `draw` gives uniform numbers in [0, 1)."""

    def limit_s(self) -> float:
        """The longest time this fault may take to act, in seconds; 0 when it has no limit."""
        return 0.0


class SimpleFault(FaultConfig):
    """A fault that looks at one exchange at a time. Most do."""

    @abstractmethod
    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        """The state of exchange `x`, numbered from 1 at this hop."""

    def start(self, draw: Callable[[], float]) -> Fault:
        """See `FaultConfig.start`."""
        return PerExchange(lambda x: self.exchange(x, draw))


class PerExchange:
    """Lift a simple fault to the contract.

    Once it has ended the response (`End` or `Answer`) the fault is asked nothing more: what
    upstream still sends is dropped, and a client that leaves closes upstream unless that is done.
    After `CaseOver` it keeps nothing of the exchange.

    Args:
        make: Gives the state of an exchange, by its number.
    """

    def __init__(self, make: Callable[[int], Exchange]) -> None:
        self._make = make
        self._states: dict[int, Exchange] = {}
        self._ended: set[int] = set()

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        """See `Fault.step`."""
        if x in self._ended and not isinstance(event, CaseOver):
            if isinstance(event, ClientGone):
                yield x, passed(event)
            return
        state = self._states.get(x)
        if state is None:
            state = self._states[x] = self._make(x)
            yield x, Note("armed", f"exchange {x}")
        if isinstance(event, CaseOver):
            del self._states[x]
            self._ended.discard(x)
        for action in state.step(now_s, event):
            if isinstance(action, End | Answer):
                self._ended.add(x)
            yield x, action

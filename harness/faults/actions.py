"""What a fault may see, and what it may ask for: the two halves of the contract.

    request   client ─▶ RequestHead RequestData RequestEnd ─▶ SendRequest SendData SendEnd ─▶
    response  client ◀─ ForwardHead Forward End ◀─ ResponseHead Data UpstreamEnd ◀─ upstream
    leaving   client ─▶ ClientGone ─▶ CloseUpstream ─▶ upstream

A fault that needs a new power adds an action (or an event) here, and the machine and both drivers
learn it. A connection is no event of its own: whoever refuses or counts them does it by request, of
which an HTTP/1.1 client has one at a time on each.

What is made for every read, and for every stage it meets, is a struct of msgspec: a frozen
dataclass takes five times as long to make.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from harness.faults.h2_end import INTERNAL_ERROR, H2End
from harness.wire.headers import Headers

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
    """The head of a request came from downstream.

    Args:
        version: What is spoken upstream.
        client_version: What the client spoke.
    """

    method: str
    target: str
    headers: Headers
    version: str = "HTTP/1.1"
    client_version: str = "HTTP/1.1"


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


class Data(msgspec.Struct, frozen=True):
    """Body bytes came from upstream: one read, never empty."""

    data: bytes
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamEnd:
    """The response from upstream is over.

    Args:
        is_dropping: Whoever holds bytes of it loses them; only a stage of the same hop says so.
        h2: How an abrupt end is to look over HTTP/2; only a stage of the same hop says so.
    """

    how: UpstreamEndHow
    attempt: int = 0
    is_dropping: bool = False
    h2: H2End = INTERNAL_ERROR


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client left before the response was over.

    Told once, but for a FIN, after which a client may read on: if a write then meets a reset, the
    same is told again, as `rst`.
    """

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
    """Send this response head downstream.

    Args:
        framing: `close` to have the connection's end delimit the body, towards a client of
            HTTP/1.1 too; None: as the hop frames by itself.
    """

    head: ResponseHead
    framing: Literal["close"] | None = None


class Forward(msgspec.Struct, frozen=True):
    """Send these body bytes downstream now, as one write."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request here, without upstream: head, body and clean end in one.

    Args:
        is_refusal: It stands for an upstream that could not be reached: the stages downstream are
            told that in its place, and each may answer in its own way.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """End the response downstream. Nothing may be forwarded after it.

    Args:
        is_dropping: Stages downstream lose what they hold, instead of forwarding it first.
        h2: How an abrupt end looks over HTTP/2.
    """

    how: EndHow
    is_dropping: bool = False
    h2: H2End = INTERNAL_ERROR


@dataclass(frozen=True, slots=True)
class GoAway:
    """Tell the client that this connection takes no new request; this exchange goes on.

    Over HTTP/2 a GOAWAY frame, NO_ERROR, with the newest stream as the last one (RFC 9113 §6.8),
    once for each connection; nothing over HTTP/1.1, which has no such word.
    """


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
class PauseDownstream:
    """Stop reading the request from downstream: its body waits at the client."""


@dataclass(frozen=True, slots=True)
class ResumeDownstream:
    """Read the request from downstream again."""


class WakeAt(msgspec.Struct, frozen=True):
    """Send `Wake` at this time (seconds, run clock). The latest one wins; math.inf cancels."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the journal: how this fault stands in this exchange.

    Args:
        what: armed (it stands in the path of this exchange: said of every exchange that reaches
            it, at the first event), fired (it acted), defeated (`reason` names what disarmed it),
            not_reached (`reason` carries the margin), or not_armed (its `when` does not hold in
            this exchange; nothing else is then said of it).
        reason: One line for a person, e.g. "closed after 60.0 s of silence (limit 60 s)".
        offset: Body bytes that had come from upstream by then.
        stage: Position of the fault in its hop; the pipeline sets it.
        share: How much of the way to acting it came, 1 being there; 0 where that has no measure.
    """

    what: Literal["armed", "fired", "defeated", "not_reached", "not_armed"]
    reason: str
    offset: int = 0
    stage: int = 0
    share: float = field(default=0.0, compare=False, repr=False)  # the reason says it in words


type Action = (
    SendRequest
    | SendData
    | SendEnd
    | ForwardHead
    | Forward
    | Answer
    | End
    | GoAway
    | CloseUpstream
    | PauseUpstream
    | ResumeUpstream
    | PauseDownstream
    | ResumeDownstream
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


def passed(event: Event) -> Action:
    """What a hop without any fault does with `event`.

    Raises:
        AssertionError: For Wake and CaseOver, which only a fault that asked can answer.
    """
    match event:
        case Data(data):  # first, as most events are
            return Forward(data)
        case RequestHead():
            return SendRequest(event)
        case RequestData(data):
            return SendData(data)
        case RequestEnd():
            return SendEnd()
        case ResponseHead():
            return ForwardHead(event)
        case UpstreamEnd(how="refused"):
            text = (("Content-Type", "text/plain"),)
            return Answer(502, text, b"upstream refused\n", is_refusal=True)
        case UpstreamEnd(how, is_dropping=is_dropping, h2=h2):
            return End("truncation" if how == "refused" else how, is_dropping, h2)
        case ClientGone(how):
            return CloseUpstream("rst" if how == "rst" else "fin")
        case Wake() | CaseOver():
            raise AssertionError(f"nothing to pass on for {event}")

"""What `trace` shows of one stream: each event as it came, and how it all ended.

Every time is in seconds since the client's first request, whose own time is `started_at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from harness.checks.blame import Ending
from harness.checks.deliveries import Delivery
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.report.wording import directive, with_directive
from harness.wire import headers

# Arrivals closer than this came together.
TOGETHER_S = 0.010
# Events that entered the chain further apart than this, and came together, were held.
APART_S = 0.1
# An event this much later than the others was held: no way is that much longer at times.
LATE_S = 1.0

type Pattern = Literal["immediate", "bursts", "at_end", "nothing"]


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event at the client.

    Args:
        t_s: When its last byte arrived.
        entered_s: When the target had said it; None: that cannot be told.
        delay_s: The time between the two, spent in the chain.
        id: The id it set; None: it set none.
        type: Its type, `message` when it named none.
        data: Its data, whole.
        size_bytes: Length of the data in UTF-8.
    """

    t_s: float
    entered_s: float | None
    delay_s: float | None
    id: str | None
    type: str
    data: str
    size_bytes: int


class TraceEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How the last response ended.

    Args:
        how: open: it had not ended when the watching did; truncation: without its last byte, or
            no longer HTTP.
        by: Whose doing: the client's, the target's or a hop's (its number, 1 nearest the client);
            None: nobody's, or it cannot be told.
        at_s: When it ended, or the watching.
    """

    how: Literal["open", "end", "truncation", "reset", "refused"]
    by: Literal["client", "target"] | int | None
    at_s: float


class TraceFired(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that acted."""

    hop: int
    fault: str
    t_s: float
    reason: str


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One stream, traced.

    Args:
        started_at: When the first request was sent, in Unix seconds.
        status: Of the first response with events, else of the first one; None: none came.
        headers: Of that response, as (name, value), in order.
        head_s: When that head came.
        first_byte_s: When the first byte of a body came.
        events: Every event, over all reconnects.
        heartbeats: When each comment came.
        pattern: immediate: events came as they were said; bursts: some were held, and came
            late or together; at_end: all were held until the response ended; nothing: no events.
        longest_gap_s: Longest stretch without a byte in an open response; None: none was open.
        end: How the last response ended.
        last_byte_s: When the last byte of a body came.
        content_encoding: Of that response; None: not coded.
        reconnects: Requests after the first one, redirects aside.
        fired: The faults that acted, in order.
        answered_s: When the target's first response head came; None: none came.
    """

    started_at: float
    status: int | None
    headers: headers.Headers
    head_s: float | None
    first_byte_s: float | None
    events: tuple[TraceEvent, ...]
    heartbeats: tuple[float, ...]
    pattern: Pattern
    longest_gap_s: float | None
    end: TraceEnd
    last_byte_s: float | None
    content_encoding: str | None
    reconnects: int
    fired: tuple[TraceFired, ...]
    answered_s: float | None = None


def of(evidence: Evidence, started_at: float) -> Trace:
    """Make the trace of a case's first client.

    Args:
        evidence: What its journal shows; the client sent one request at least.
        started_at: When that request was sent, in Unix seconds.

    Raises:
        ValueError: No request was sent: there is nothing to trace.
    """
    if not evidence.clients:
        raise ValueError("no client sent a request")
    client = evidence.clients[0]
    answered = [it for it in client.attempts if not it.is_redirect]
    attempts = answered or list(client.attempts)
    zero_s = client.attempts[0].began_s
    with_head = [it for it in attempts if it.head is not None]
    shown = next((it for it in attempts if it.is_stream), with_head[0] if with_head else None)
    head = None if shown is None else shown.head
    reads = [read for it in attempts for read in it.stream.reads]
    events = [_event(it, zero_s) for one in attempts for it in evidence.deliveries(one).arrived]
    gaps = [gap.length_s for it in attempts if (gap := it.longest_silence) is not None]
    end = end_of(evidence, attempts[-1], zero_s)
    answers_s = [it.head.t_s for it in evidence.exchanges if it.head is not None]
    return Trace(
        started_at=started_at,
        status=None if head is None else head.status,
        headers=() if head is None else head.headers,
        head_s=None if head is None else _since(zero_s, head.t_s),
        first_byte_s=_since(zero_s, reads[0].t_s) if reads else None,
        events=tuple(events),
        heartbeats=tuple(
            _since(zero_s, beat.t_s) for it in attempts for beat in it.stream.comments
        ),
        pattern=pattern_of(events, end),
        longest_gap_s=round(max(gaps), 6) if gaps else None,
        end=end,
        last_byte_s=_since(zero_s, reads[-1].t_s) if reads else None,
        content_encoding=None if head is None else headers.value(head.headers, "content-encoding"),
        reconnects=max(0, len(answered) - 1),
        fired=tuple(
            TraceFired(
                hop=note.hop,
                fault=note.name,
                t_s=_since(zero_s, note.t_s),
                reason=with_directive(note.reason, directive(note, evidence.case)),
            )
            for note in evidence.notes
            if note.what == "fired"
        ),
        answered_s=_since(zero_s, answers_s[0]) if answers_s else None,
    )


def pattern_of(events: Sequence[TraceEvent], end: TraceEnd) -> Pattern:
    """Tell how events came, from when each was said and when it arrived.

    Events that were all late by about the same time came immediately: that is a long way, not a
    buffer.
    """
    if not events:
        return "nothing"
    bunches = _bunches(events)
    last_s = events[-1].t_s
    is_over = end.how != "open" and end.at_s - last_s <= TOGETHER_S
    if len(bunches) == 1 and is_over and _is_held(bunches[0], end.at_s):
        return "at_end"
    if any(_spread_s(bunch) > APART_S for bunch in bunches) or _is_late(events):
        return "bursts"
    return "immediate"


def encode(trace: Trace) -> bytes:
    """The trace as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(trace), indent=2) + b"\n"


def _event(delivery: Delivery, zero_s: float) -> TraceEvent:
    event = delivery.got.item
    said = delivery.said
    return TraceEvent(
        t_s=_since(zero_s, delivery.got.t_s),
        entered_s=None if said is None else _since(zero_s, said.seen.t_s),
        delay_s=None if delivery.delay_s is None else round(delivery.delay_s, 6),
        id=event.id_field,
        type=event.type,
        data=event.data,
        size_bytes=len(event.data.encode()),
    )


def end_of(evidence: Evidence, attempt: Attempt, zero_s: float) -> TraceEnd:
    """How an attempt ended.

    Args:
        evidence: The case, as far as it has come.
        attempt: One attempt in it.
        zero_s: When the trace began, on the run's clock.
    """
    at_s = _since(zero_s, attempt.ended_s)
    ended = evidence.ending(attempt)
    if ended is None:
        return TraceEnd(how="open", by=None, at_s=at_s)
    who = _who(ended)
    exchange = evidence.route(attempt).exchange
    tap = None if exchange is None else exchange.end
    if who == "target" and tap is not None and tap.how == "refused":
        # The tap has to take a connection before it can know that the target takes none.
        return TraceEnd(how="refused", by=who, at_s=at_s)
    match ended.how:
        case "left":
            return TraceEnd(how="open", by="client", at_s=at_s)
        case "malformed":
            return TraceEnd(how="truncation", by=who, at_s=at_s)
        case "end" | "truncation" | "reset" | "refused" as how:
            return TraceEnd(how=how, by=who, at_s=at_s)
        case _:
            raise AssertionError(ended.how)


def _who(ended: Ending) -> Literal["client", "target"] | int | None:
    match ended.by:
        case "client" | "target":
            return ended.by
        case "hop":
            return ended.hop
        case "unknown":
            return None


def _bunches(events: Sequence[TraceEvent]) -> list[list[TraceEvent]]:
    bunches = [[events[0]]]
    for before, event in pairwise(events):
        if event.t_s - before.t_s > TOGETHER_S:
            bunches.append([])
        bunches[-1].append(event)
    return bunches


def _spread_s(bunch: Sequence[TraceEvent]) -> float:
    entered = [event.entered_s for event in bunch if event.entered_s is not None]
    return max(entered) - min(entered) if entered else 0.0


def _is_late(events: Sequence[TraceEvent]) -> bool:
    delays_s = [event.delay_s for event in events if event.delay_s is not None]
    usual_s = min(delays_s) if len(delays_s) > 1 else 0.0
    return any(delay_s - usual_s > LATE_S for delay_s in delays_s)


def _is_held(bunch: Sequence[TraceEvent], at_s: float) -> bool:
    entered = [event.entered_s for event in bunch if event.entered_s is not None]
    return bool(entered) and at_s - min(entered) > APART_S


def _since(zero_s: float, t_s: float) -> float:
    return round(t_s - zero_s, 6)

"""See `EventsParse`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from harness.checks.advice import curl
from harness.checks.base import WHATWG, CheckConfig, Level
from harness.checks.evidence import Evidence
from harness.checks.places import EVENT_STREAM, Exchange
from harness.model.verdict import Finding
from harness.wire.headers import value

# A field of somebody's own looks like this; what a raw newline tore off a value hardly does.
_FIELD = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)
_PARSING = f"{WHATWG}#event-stream-interpretation"


class _Fault(NamedTuple):
    level: Level
    observed: str
    fix: str
    n: int


class EventsParse(CheckConfig):
    """What the target says is events: bytes that a client passes over in silence are an error.

    Judged at the tap, by the parser of the standard: lines without a field, text torn off its
    `data:` by a raw newline, blocks without a blank line or without data, bytes that are not UTF-8.
    """

    name: ClassVar[str] = "events_parse"
    summary: ClassVar[str] = "everything the target says reaches a client's parser as events"
    source: ClassVar[str] = _PARSING

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "events, and nothing that a client ignores"
        answers = [it for it in evidence.exchanges if it.head and it.head.status == 200]
        faults = [fault for it in answers for fault in _faults(evidence, it)]
        told: dict[tuple[Level, str], list[_Fault]] = {}
        for fault in faults:
            told.setdefault((fault.level, fault.fix), []).append(fault)
        for (level, fix), alike in told.items():
            more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
            yield self.failed(
                expected,
                alike[0].observed + more,
                fix=fix,
                confirm=curl(evidence),
                at=[it.n for it in alike],
                level=level,
            )
        if faults:
            return
        events = sum(len(it.stream.events) for it in answers)
        if events:
            said = sum(it.stream.decoded_bytes for it in answers)
            yield self.passed(expected, f"{events} events in {said} bytes")
        else:
            comments = sum(len(it.stream.comments) for it in answers)
            yield self.lacking(evidence, expected, f"no event, {comments} comments")


def _faults(evidence: Evidence, exchange: Exchange) -> Iterator[_Fault]:
    assert exchange.head is not None
    stream = exchange.stream
    if not exchange.is_stream:
        said = value(exchange.head.headers, "content-type") or "no content type"
        yield _Fault(
            "MUST",
            f"no client reads events from {said}",
            f'send "Content-Type: {EVENT_STREAM}"',
            exchange.head.n,
        )
        return
    if stream.coding_problem:
        yield _Fault(
            "MUST",
            f"the body is not what Content-Encoding says: {stream.coding_problem}",
            "name the coding that was applied, once",
            exchange.head.n,
        )
    if stream.bad_utf8_n is not None:
        yield _Fault(
            "MUST",
            "bytes that are not UTF-8, which a client replaces by U+FFFD",
            "encode the whole event as UTF-8, and never cut it by bytes",
            stream.bad_utf8_n,
        )
    if stream.too_long is not None:
        yield _Fault(
            "MUST",
            f"{stream.too_long.item.what} of more than {stream.too_long.item.limit_bytes} bytes",
            "end every event with a blank line",
            stream.too_long.n,
        )
    yield from _torn(evidence, exchange)
    yield from _unended(exchange)


def _torn(evidence: Evidence, exchange: Exchange) -> Iterator[_Fault]:
    """Lines that are no fields, inside events and instead of them."""
    for seen in exchange.stream.events:
        if seen.item.unknown:
            is_field = all(_FIELD.fullmatch(it) for it in seen.item.unknown)
            yield _Fault(
                "SHOULD" if is_field and not evidence.is_reference else "MUST",
                f"inside an event a line that is no field: {_quoted(seen.item.unknown[0])}",
                'begin every line of the data with "data: ": a raw newline ends it',
                seen.n,
            )
    for empty in exchange.stream.empties:
        if empty.item.unknown:
            yield _Fault(
                "MUST",
                f"lines without a field, ignored: {_quoted(empty.item.unknown[0])}",
                'begin every line with "data: " and end the event with a blank line',
                empty.n,
            )
        elif "event" in empty.item.fields:
            yield _Fault(
                "SHOULD",
                "a named event without data, never dispatched",
                'add a line "data:", or send a comment',
                empty.n,
            )


def _unended(exchange: Exchange) -> Iterator[_Fault]:
    """A block that never got its blank line, and not because somebody cut the stream."""
    stream, end = exchange.stream, exchange.end
    rest = stream.unterminated
    if rest is None or not stream.reads:
        return
    is_finished = end is not None and end.by == "target" and end.how == "end"
    # A first event may have been on its way when the stream was cut.
    is_all = is_finished or len(stream.reads) > 2 or exchange.ended_s - stream.reads[-1].t_s >= 1.0
    if not stream.events and rest.lines > 1 and is_all:
        yield _Fault(
            "MUST",
            f"{stream.decoded_bytes} bytes and no event: no blank line ends the block",
            "end every event with a blank line",
            stream.reads[-1].n,
        )
    elif is_finished and "data" in rest.fields:
        yield _Fault(
            "MUST",
            "the last event has no blank line and is never dispatched",
            "end every event with a blank line, the last one too",
            stream.reads[-1].n,
        )


def _quoted(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:40]}…")

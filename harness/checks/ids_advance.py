"""See `IdsAdvance`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from harness.checks.advice import curl, resume_curl
from harness.checks.base import WHATWG, CheckConfig, Level
from harness.checks.deliveries import Content, content
from harness.checks.evidence import Evidence
from harness.checks.places import Exchange
from harness.checks.streams import Seen
from harness.model.promises import as_number
from harness.model.verdict import Finding
from harness.wire.sse import Event

# The line a client sends back. nginx (large_client_header_buffers) and Apache httpd
# (LimitRequestFieldSize) take 8 KiB of it by default, each by its own documentation.
_HEADER_LINE_BYTES = 8 * 1024
_AROUND_ID_BYTES = len("Last-Event-ID: \r\n")


class IdsAdvance(CheckConfig):
    """Every event has an id of its own that a client can send back, and numbers do not run back.

    Judged at the tap: this is about what the target says. Without an id on an event, a client that
    resumes gets everything since the last id again.
    """

    name: ClassVar[str] = "ids_advance"
    summary: ClassVar[str] = "every event has an id: its own, fit for a header, never running back"
    source: ClassVar[str] = f"{WHATWG}#event-stream-interpretation"

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "an id of its own on every event"
        streams = [it for it in evidence.exchanges if it.is_stream and it.stream.events]
        events = [it for exchange in streams for it in exchange.stream.events]
        if not events:
            yield self.lacking(evidence, expected, "the target said no event")
            return
        if not any(it.item.id_field for it in events) and not evidence.is_reference:
            nul = any(exchange.stream.nul_id_n is not None for exchange in streams)
            if not nul:
                yield self.skipped(expected, f"{len(events)} events, none with an id")
                return
        findings = [
            *self._missing(evidence, expected, streams, events),
            *self._reused(evidence, streams),
            *self._too_long(evidence, events),
            *self._backwards(evidence, streams),
        ]
        yield from findings
        if not findings:
            yield self.passed(expected, f"{len(events)} events, each with an id of its own")

    def _missing(
        self,
        evidence: Evidence,
        expected: str,
        streams: Sequence[Exchange],
        events: Sequence[Seen[Event]],
    ) -> Iterator[Finding]:
        without = [it for it in events if not it.item.id_field]
        if not without:
            return
        nul_n = next((n for it in streams if (n := it.stream.nul_id_n) is not None), None)
        # A foreign target may mark on purpose only the places from which it can go on.
        level: Level = "MUST" if evidence.is_reference or nul_n is not None else "SHOULD"
        yield self.failed(
            expected,
            f"{len(without)} of {len(events)} events have no id"
            + ("" if nul_n is None else "; a NUL in an id makes clients ignore it"),
            fix='write "id:" in every event' if nul_n is None else "keep NUL out of ids",
            confirm=f"{curl(evidence)}  # events without an id line",
            at=[*([] if nul_n is None else [nul_n]), *(it.n for it in without[:4])],
            level=level,
        )

    def _reused(self, evidence: Evidence, streams: Sequence[Exchange]) -> Iterator[Finding]:
        for named in _scopes(evidence, streams):
            first: dict[str, tuple[Content, int, int]] = {}
            for x, it in named:
                name = it.item.id_field
                if not name:
                    continue
                if name not in first:
                    first[name] = (content(it.item), x, it.n)
                    continue
                meant, first_x, n = first[name]
                is_same = meant == content(it.item)
                if is_same and first_x != x:
                    continue  # said again to who resumed: that is what ids are for
                yield self.failed(
                    "one event for each id",
                    f"id {_short(name)} "
                    + ("was said twice in one response" if is_same else "stands for two events"),
                    fix="take ids from one sequence for the whole feed, not from each connection",
                    confirm=resume_curl(evidence, _short(name)),
                    at=[n, it.n],
                )
                break

    def _too_long(self, evidence: Evidence, events: Sequence[Seen[Event]]) -> Iterator[Finding]:
        most = _HEADER_LINE_BYTES - _AROUND_ID_BYTES
        sizes = [(len((it.item.id_field or "").encode()), it.n) for it in events]
        size, n = max(sizes)
        if size > most:
            yield self.failed(
                f"ids of {most} bytes at most",
                f"an id of {size} bytes does not fit a header line of 8 KiB",
                fix="send a short id and keep the state on the server",
                confirm=f"{curl(evidence)}  # then resume: status 400 or 431 from the proxy",
                at=[n],
            )

    def _backwards(self, evidence: Evidence, streams: Sequence[Exchange]) -> Iterator[Finding]:
        for exchange in streams:
            named = [it for it in exchange.stream.events if it.item.id_field]
            numbers = [as_number(it.item.id_field or "") for it in named]
            if any(it is None for it in numbers):
                continue
            for (a, before), (b, after) in pairwise(zip(numbers, named, strict=True)):
                if a is not None and b is not None and b < a:
                    yield self.failed(
                        "ids that do not run back",
                        f"id {b} after id {a}",
                        fix="give an event its id where it is put in order, not where it is made",
                        confirm=f"{curl(evidence)}  # an id lower than the one before",
                        at=[before.n, after.n],
                    )
                    return


def _scopes(
    evidence: Evidence, streams: Sequence[Exchange]
) -> Iterator[list[tuple[int, Seen[Event]]]]:
    """The responses among which an id has to mean one event: those of one client.

    Another client of a foreign target may have a stream of its own; those of the reference server
    all listen to one feed.
    """
    if evidence.is_reference:
        yield [(it.x, seen) for it in streams for seen in it.stream.events]
        return
    for client in evidence.clients:
        own = {
            route.exchange.x
            for attempt in client.attempts
            if (route := evidence.route(attempt)).exchange is not None
        }
        yield [(it.x, seen) for it in streams if it.x in own for seen in it.stream.events]


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"

"""What a probe's observation says: the same extraction for the measurement and the simulation.

A fact is a name and a value: words to be equal, an instant, a number of events, or an arrival
pattern, each compared with a tolerance of its own (`compare.py`). A fact that an observation cannot
have (no head: no instant of the head) is left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from harness.fidelity import client, origin
from harness.fidelity.origin import Script
from harness.fidelity.record import Ask, Seen, Upstream
from harness.fidelity.tolerances import DELAY_S, IMMEDIATE_S, START_S
from harness.wire.headers import Headers

# Fields of one connection, fields that name a machine or an instant, and X-Sock, with which the
# configuration of one program told its own listeners apart.
_NOT_COMPARED = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "host",
        "keep-alive",
        "transfer-encoding",
        "x-sock",
    }
)
# Fields of which only it matters that they are there, or another than the origin's.
_ONLY_NAMED = frozenset({"server", "via", "x-forwarded-for"})
# The probes that were about fields; in the others they are the same over again.
_FIELD_PROBES = frozenset(
    {"gz_etag", "hdr_hop_by_hop", "hdr_http10_client", "hdr_req_no_AE", "hdr_xab_no"}
)
_LARGE = 10_000
# At the end of a response: everything came within so long of it.
_AT_END_S = 0.06


@dataclass(frozen=True, slots=True)
class Instant:
    """Seconds since the origin got the request.

    Args:
        more_s: How much later it may be measured, besides what any instant may.
    """

    at_s: float
    more_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Count:
    """How many; `per_s` come in a second, so that an end a little later lets some more through."""

    number: int
    per_s: float = 0.0

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Tries:
    """How many requests the origin got.

    Args:
        fresh: On connections of their own. Who finds a kept connection dead tries again, as often
            as there are dead ones: that depends on what went before.
    """

    fresh: int
    all: int

    def __str__(self) -> str:
        return str(self.all) if self.fresh == self.all else f"{self.fresh} to {self.all}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How events arrived.

    Args:
        kind: none, immediate, held to the end, delayed, one event behind, first event late, blocks.
        delay_s: Of each event (delayed, one event behind), of the first one (first event late).
        first_bytes: Of the first block.
        block_bytes: Of the others, in the median.
        late_s: Of each event that the log still told.
    """

    kind: str
    delay_s: float = 0.0
    first_bytes: int = 0
    block_bytes: int = 0
    late_s: tuple[float, ...] = ()
    latest_s: float = 0.0

    def __str__(self) -> str:
        match self.kind:
            case "blocks":
                return (
                    f"blocks of {_rounded(self.block_bytes)} B (1st "
                    f"{_rounded(self.first_bytes)} B), up to {self.latest_s:.1f} s late"
                )
            case "delayed" | "one event behind" | "first event late":
                return f"{self.kind} {self.delay_s:.2f} s"
            case _:
                return self.kind


def _rounded(size: int) -> int:
    """A size as it is shown: of a large one, which compression makes, only what is stable."""
    return size if size < _LARGE else round(size, -3)


type Value = str | Instant | Count | Tries | Pattern


def facts(probe: str, ask: Ask, seen: Seen) -> dict[str, Value]:
    """Every fact of one observation."""
    return dict(_facts(probe, ask, seen))


def _facts(probe: str, ask: Ask, seen: Seen) -> Iterator[tuple[str, Value]]:
    yield "status", "none" if seen.status is None else str(seen.status)
    if ask.third_s:
        yield from _cache_facts(seen)
        return
    told = origin.script(ask)
    is_answered = seen.status == 200
    start_s = 0.0 if seen.upstream else START_S
    if seen.head_s is not None:
        yield "head at", Instant(seen.head_s, start_s)
    if is_answered:
        yield "coding", dict(seen.fields).get("content-encoding", "none")
        yield "pattern", pattern(told, seen)
        # Only what was cut off, or watched no longer, may be an event more or less.
        is_watched = seen.end not in {"clean", "left"} or ask.leaves == "half"
        is_cut = is_watched and ask.end not in {"fin", "rst"}
        yield "events", Count(seen.events, 1 / ask.dt if is_cut else 0.0)
        if ask.heartbeats and ask.http != "2":  # which the log did not count over HTTP/2
            yield "comments", Count(seen.comments, 1.0 if is_cut else 0.0)
    if seen.end:
        yield "end", seen.end
        if seen.end_s is not None:
            yield "end at", Instant(seen.end_s, start_s)
        if seen.end == "clean" and is_answered and ask.http != "2":
            yield "framing", seen.framing
    if ask.http == "2":
        yield "goaway", "yes" if seen.has_goaway else "no"
    if seen.rest is not None:
        yield "after half-close", "closed" if seen.rest.is_closed else "open"
        yield "events after half-close", Count(seen.rest.events, 1 / ask.dt)
    if seen.upstream and ask.end != "refused":
        yield from _upstream_facts(ask, seen.upstream)
    if probe in _FIELD_PROBES:
        yield from _field_facts("response", origin.fields(ask), seen.fields)
        if seen.upstream and not ask.is_app:
            yield from _field_facts("request", client.fields(ask), seen.upstream[0].fields)


def _cache_facts(seen: Seen) -> Iterator[tuple[str, Value]]:
    for name, other in zip(("second", "third"), seen.others, strict=True):
        yield f"{name} client", "asks the origin" if other.is_own else "shares"
        yield f"{name} client's events", Count(other.events)
        if other.first_s is not None:
            yield f"{name} client's first data", Instant(other.first_s)


def _upstream_facts(ask: Ask, upstream: tuple[Upstream, ...]) -> Iterator[tuple[str, Value]]:
    last = upstream[-1]
    yield "upstream closed", {"open": "not", "origin": "by the origin"}.get(last.close, last.close)
    if last.close_s is not None:
        yield "upstream closed at", Instant(last.close_s)
    if not ask.is_app:
        yield "upstream version", last.version
        fresh = sum(not it.is_reused for it in upstream)
        yield "attempts", Tries(max(fresh, 1), len(upstream))


def _field_facts(side: str, sent: Headers, got: Headers) -> Iterator[tuple[str, Value]]:
    """What an intermediary did to the fields between `sent` and `got`."""
    before, after = _by_name(sent), _by_name(got)
    yield f"{side} fields lost", _names(before.keys() - after.keys())
    yield f"{side} fields added", _names(after.keys() - before.keys())
    changed = {
        name if name in _ONLY_NAMED else f"{name}: {'; '.join(after[name])}"
        for name in before.keys() & after.keys()
        if before[name] != after[name]
    }
    yield f"{side} fields changed", _names(changed)


def _by_name(fields: Headers) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in fields:
        if name.lower() not in _NOT_COMPARED:
            out.setdefault(name.lower(), []).append(value)
    return out


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def pattern(told: Script, seen: Seen) -> Pattern:
    """How the events of one response arrived."""
    if not seen.events:
        return Pattern("none")
    latest_s = seen.latest_s or 0.0
    late_s = tuple(_late_s(told, seen))
    # All but the first one, or but a few of many.
    is_prompt = bool(late_s) and (
        max(late_s[1:], default=0.0) < IMMEDIATE_S or statistics.median(late_s) < IMMEDIATE_S / 2
    )
    if latest_s < IMMEDIATE_S or (latest_s < START_S and is_prompt):
        return Pattern("immediate", late_s=late_s, latest_s=latest_s)
    sizes = [size for _, size in seen.bursts]
    is_over = seen.end_s is not None
    if is_over and (not sizes or seen.bursts[0][0] >= (seen.end_s or 0.0) - _AT_END_S):
        return Pattern("held to the end", late_s=late_s, latest_s=latest_s)
    kind, delay_s = "blocks", 0.0
    if not late_s:  # HTTP/2, of which the log kept no early arrivals
        kind, delay_s = "delayed", latest_s
    elif late_s[0] >= IMMEDIATE_S > max(late_s[1:], default=IMMEDIATE_S):
        kind, delay_s = "first event late", late_s[0]
    elif max(late_s) - min(late_s) < DELAY_S and latest_s - max(late_s) < DELAY_S:
        delay_s = statistics.median(late_s)
        gaps_s = [b - a for a, b in zip(told.events_s, told.events_s[1:], strict=False)]
        is_behind = bool(gaps_s) and delay_s >= max(gaps_s) - DELAY_S / 2
        kind = "one event behind" if is_behind else "delayed"
    return Pattern(
        kind,
        delay_s=delay_s,
        first_bytes=sizes[0] if sizes else 0,
        block_bytes=round(statistics.median(sizes[1:] or sizes or [0])),
        late_s=late_s,
        latest_s=latest_s,
    )


def _late_s(told: Script, seen: Seen) -> Iterator[float]:
    """How late each event came, as far as the log tells."""
    size, number = 0, 0
    for t_s, burst in seen.bursts:
        size += burst
        while number < min(len(told.ends), seen.events) and told.ends[number] <= size:
            yield round(max(t_s - told.events_s[number], 0.0), 3)
            number += 1

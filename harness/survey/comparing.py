"""What changes between two places on the way of one stream, each asked for itself.

Two answers to one request are two answers: what differs by no more than the target's own beat, or
by the wording of a head that means the same, is no doing of whoever stands between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from harness.checks.advice import seconds
from harness.survey.observation import Observation
from harness.wire.headers import media_type, tokens, value

type What = Literal["answers", "holds", "cuts", "strips", "encodes", "caches"]

# Less than this is the way, and no hop that holds.
_NOTICEABLE_S = 0.5
# Of two watches of an endless stream one may end a beat before the other.
_BEATS = 1.5
# Arrivals closer than this are one.
_ONE_ARRIVAL_S = 0.05
# What passes events on brings them in no less arrivals than this part of those that were sent.
_BUNCHED = 3
_LEAST_ARRIVALS = 3
# Fields that say something to intermediaries or clients about the stream.
_KEPT = ("cache-control", "x-accel-buffering")


@dataclass(frozen=True)
class Difference:
    """Something that whoever stands between does.

    Attributes:
        what: In a word.
        said: What was seen of it.
        by_s: By how much, in seconds; 0 where it has no measure.
        is_harmless: Whether the stream is one all the same.
    """

    what: What
    said: str
    by_s: float = 0.0
    is_harmless: bool = False


@dataclass(frozen=True)
class Heard:
    """One place's answer, in what two of them can be compared by."""

    seen: Observation

    @cached_property
    def events_s(self) -> list[float]:
        """When each event came."""
        return [it.t_s for it in self.seen.reads for _ in range(it.events)]

    @cached_property
    def arrivals(self) -> int:
        """In how many arrivals they came."""
        times_s = sorted(set(self.events_s))
        return sum(b - a > _ONE_ARRIVAL_S for a, b in pairwise(times_s)) + bool(times_s)

    @property
    def long_s(self) -> float:
        """How long it was seen."""
        return self.seen.said.end_s if self.seen.is_over else self.seen.watched_s

    @property
    def beat_s(self) -> float:
        """The longest pause between two events, before the first, or to the end of the watch."""
        last_s = [] if self.seen.said.end == "end" else [self.long_s]
        points = [0.0, *self.events_s, *last_s]
        return max((b - a for a, b in pairwise(points)), default=0.0)

    @property
    def silence_s(self) -> float:
        """How long nothing had come when it was over, or left."""
        reads = self.seen.said.reads
        return self.long_s - max([self.seen.said.head_s, *(it[0] for it in reads)])

    def has(self, name: str) -> str:
        """A field's value, "" where there is none."""
        return value(self.seen.said.headers, name) or ""


def differences(up: Observation, down: Observation) -> tuple[Difference, ...]:
    """What becomes of a stream between two places, the one nearer the target first."""
    return tuple(_differences(Heard(up), Heard(down)))


def _differences(up: Heard, down: Heard) -> Iterator[Difference]:
    if up.seen.is_stream and not down.seen.is_stream:
        yield _answer(up, down)
        return
    yield from _holds(up, down)
    yield from _cuts(up, down)
    if down.seen.codings != up.seen.codings:
        codings = ", ".join(down.seen.codings) or "nothing"
        yield Difference(
            "encodes",
            f"with {codings}, upstream with {', '.join(up.seen.codings) or 'nothing'}",
            is_harmless=True,
        )
    yield from _strips(up, down)
    yield from _caches(up, down)


def _answer(up: Heard, down: Heard) -> Difference:
    said = down.seen.said
    media = media_type(said.headers) or "no content type"
    after = f" after {seconds(said.head_s)}" if said.head_s > _NOTICEABLE_S else ""
    return Difference(
        "answers",
        f"{said.status} {media}{after}, upstream {up.seen.said.status} text/event-stream",
        said.head_s,
    )


def _holds(up: Heard, down: Heard) -> Iterator[Difference]:
    if not up.events_s:
        return
    if not down.events_s:
        waited_s = down.long_s - up.events_s[0]
        if waited_s > max(_NOTICEABLE_S, _BEATS * up.beat_s):
            yield Difference(
                "holds",
                f"no event in {seconds(down.long_s)}, upstream the first after "
                f"{seconds(up.events_s[0])}",
                waited_s,
            )
        return
    late_s = max(b - a for a, b in zip(up.events_s, down.events_s, strict=False))
    # A stream that everybody shares is met at any point of its beat; one that ends was told for
    # whoever asked.
    is_shared = up.seen.said.end != "end"
    is_late = late_s > _NOTICEABLE_S + (_BEATS * up.beat_s if is_shared else 0.0)
    is_bunched = up.arrivals >= _LEAST_ARRIVALS and (
        len(down.events_s) >= _BUNCHED * down.arrivals and len(up.events_s) < _BUNCHED * up.arrivals
    )
    if is_late or is_bunched:
        arrivals = "1 arrival" if down.arrivals == 1 else f"{down.arrivals} arrivals"
        together = f"{len(down.events_s)} events in {arrivals}"
        yield Difference(
            "holds",
            f"by up to {seconds(max(late_s, 0.0))}: {together}, upstream "
            f"{len(up.events_s)} in {up.arrivals}",
            late_s,
        )


def _cuts(up: Heard, down: Heard) -> Iterator[Difference]:
    end = down.seen.said.end
    if end is None or not up.seen.is_stream:
        return
    is_shorter = down.long_s < up.long_s - _NOTICEABLE_S
    is_broken = end not in {"end", up.seen.said.end}
    is_alone = not up.seen.is_over and is_shorter
    # What somebody further up has cut off is another length each time.
    is_less = up.seen.said.end == "end" and is_shorter and len(down.events_s) < len(up.events_s)
    if is_broken or is_alone or is_less:
        how = {"end": "ends it", "truncation": "cuts it", "reset": "resets it"}.get(end, end)
        silence = f" after {seconds(down.silence_s)} of silence" if down.silence_s >= 1 else ""
        upstream = (
            f"{up.seen.said.end} at {seconds(up.long_s)}"
            if up.seen.is_over
            else (f"open for {seconds(up.long_s)}")
        )
        yield Difference(
            "cuts", f"{how} at {seconds(down.long_s)}{silence}, upstream {upstream}", down.long_s
        )


def _strips(up: Heard, down: Heard) -> Iterator[Difference]:
    is_seen_long = down.long_s >= up.long_s - _NOTICEABLE_S
    if up.seen.comments >= 2 and not down.seen.comments and is_seen_long and down.events_s:
        yield Difference("strips", "comments, so that heartbeats do not come through")
    if up.seen.ids and down.seen.events and not down.seen.ids:
        yield Difference("strips", "ids, so that no client can resume")
    for name in _KEPT:
        if up.has(name) and down.has(name) != up.has(name):
            said = f"{name}: {down.has(name)}" if down.has(name) else f"no {name}"
            yield Difference("strips", f"{said}, upstream {up.has(name)}", is_harmless=True)


def _caches(up: Heard, down: Heard) -> Iterator[Difference]:
    hits = [
        f"{name}: {down.has(name)}"
        for name in ("x-cache", "cf-cache-status", "x-cache-status", "cache-status")
        if "hit" in down.has(name).lower() and "hit" not in up.has(name).lower()
    ]
    age = down.has("age")
    if age.isdigit() and int(age) > 0 and not up.has("age"):
        hits.append(f"age: {age}")
    if hits:
        no_cache = "no-store" in tokens(up.seen.said.headers, "cache-control")
        yield Difference("caches", ", ".join(hits) + (", although no-store" if no_cache else ""))

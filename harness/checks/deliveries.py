"""Which event the target said is which event the client got, and how long it took.

Events are matched one by one, not byte by byte, so that hops may cut, join and recode at will:
within the exchange an attempt became, the next event with the same content; otherwise (a cache, a
joined or repeated request) the latest one said anywhere before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from harness.checks.places import Attempt, Exchange
from harness.checks.routes import Route
from harness.checks.streams import Seen
from harness.wire.sse import Event

type Content = tuple[str, str, str | None]


class Said(NamedTuple):
    """An event at the tap.

    Attributes:
        place: Its position in its exchange, from 0.
    """

    seen: Seen[Event]
    exchange: Exchange
    place: int


class Delivery(NamedTuple):
    """An event at a client, and where it came from; None: the target never said it so."""

    got: Seen[Event]
    said: Said | None

    @property
    def delay_s(self) -> float | None:
        """From the target's mouth to the client's ear, in seconds."""
        return None if self.said is None else self.got.t_s - self.said.seen.t_s


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The events of one attempt.

    Attributes:
        arrived: Every event the client got, in order.
        missing: What the target said in its exchange and the client never got in this attempt.
    """

    arrived: tuple[Delivery, ...]
    missing: tuple[Said, ...]


def content(event: Event) -> Content:
    """What makes two events the same."""
    return event.type, event.data, event.id_field


class Spoken:
    """Everything the target said, in all exchanges, to be found by content."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges

    @cached_property
    def _by_content(self) -> dict[Content, list[Said]]:
        # Most cases never ask: every event comes the way it was sent.
        found: defaultdict[Content, list[Said]] = defaultdict(list)
        for exchange in self._exchanges:
            for place, seen in enumerate(exchange.stream.events):
                found[content(seen.item)].append(Said(seen, exchange, place))
        for said in found.values():
            said.sort(key=lambda it: it.seen.n)
        return found

    def latest(self, event: Event, before_n: int) -> Said | None:
        """The last time the target said this before entry `before_n`."""
        said = self._by_content.get(content(event), [])
        at = bisect_left(said, before_n, key=lambda it: it.seen.n)
        return said[at - 1] if at else None


def deliveries_of(attempt: Attempt, route: Route, spoken: Spoken) -> Deliveries:
    """Match the events of one attempt."""
    got = attempt.stream.events
    exchange = route.exchange
    if exchange is None or not exchange.is_stream:
        return Deliveries(tuple(Delivery(it, spoken.latest(it.item, it.n)) for it in got), ())
    said = exchange.stream.events
    places = _aligned([content(it.item) for it in got], [content(it.item) for it in said])
    arrived = []
    for seen, at in zip(got, places, strict=True):
        # What a hop made up, or kept from earlier, may look like what the target says later.
        mine = None if at is None or said[at].n > seen.n else Said(said[at], exchange, at)
        arrived.append(Delivery(seen, mine or spoken.latest(seen.item, seen.n)))
    taken = {it.said.place for it in arrived if it.said and it.said.exchange is exchange}
    missing = [Said(it, exchange, at) for at, it in enumerate(said) if at not in taken]
    return Deliveries(tuple(arrived), tuple(missing))


def _aligned(got: Sequence[Content], said: Sequence[Content]) -> list[int | None]:
    """For each content in `got` its place in `said`: the next one, else one passed over, else None.

    In the order said, this is a walk side by side; each place is given once.
    """
    ahead: defaultdict[Content, deque[int]] = defaultdict(deque)
    passed: defaultdict[Content, deque[int]] = defaultdict(deque)
    for at, it in enumerate(said):
        ahead[it].append(at)
    out: list[int | None] = []
    at = 0
    for it in got:
        while ahead[it] and ahead[it][0] < at:
            passed[it].append(ahead[it].popleft())
        if ahead[it]:
            place: int | None = ahead[it].popleft()
            at = place + 1 if place is not None else at
        else:
            place = passed[it].popleft() if passed[it] else None
        out.append(place)
    return out

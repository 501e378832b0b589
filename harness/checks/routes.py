"""Which exchange at one place became which at the next: from a client's attempt to the target.

Both ends of a connection note its port (`journal.Link`), which tells whose request came. Where one
end could not, order does: every request at a place was sent by the place below it, and the journal
has both in order, so that it belongs to the first one sent that is still waiting; Last-Event-ID
tells apart those that wait at one time.

A place is a client, a hop that keeps a record, a relay between two hops that do not, or the tap. A
hop without a record is known by the places on both of its sides; see `borders`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from harness.checks import borders
from harness.checks.borders import Border, RelayExchange
from harness.checks.hop_exchange import HopExchange
from harness.checks.places import Attempt, Client, Exchange, ServerExchange, last_event_id
from harness.model.journal import ClientEnd, Link, TapEnd
from harness.model.scenario import Hop, has_relay

type AttemptKey = tuple[int, int]

# Where places stand: a hop at its number, the relay before it half a step nearer the client.
_CLIENT = 0.0
_BEFORE = 0.5


class _Sent(NamedTuple):
    """A request that left a place; after entry `until_n` nobody waits for its answer."""

    n: int
    key: tuple[int, int]
    id: str | None
    until_n: float
    port: int | None


class _Came(NamedTuple):
    """A request that reached a place."""

    n: int
    x: int
    id: str | None
    port: int | None


class Ports:
    """The ports of connections, from both their ends."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._of = {(it.at, it.side, it.number, it.x, it.attempt): it.port for it in links}

    def up(
        self, at: Literal["client", "hop", "relay", "tap"], number: int, x: int, attempt: int = 0
    ) -> int | None:
        """The port a request left from; None: not noted."""
        return self._of.get((at, "up", number, x, attempt))

    def down(self, at: Literal["hop", "relay", "tap"], number: int, x: int) -> int | None:
        """The port a request came from; None: not noted."""
        return self._of.get((at, "down", number, x, 0))


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one attempt of a client.

    Attributes:
        hops: What it became at each hop, client first, as far as it went; hops without a record
            are left out where nothing tells them apart.
        exchange: What it became at the tap; None: no request for it got there.
        others: Exchanges at the tap that a hop caused for it and did not pass on: earlier tries.
    """

    hops: tuple[HopExchange, ...] = ()
    exchange: Exchange | None = None
    others: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where in a chain.

    Attributes:
        recorded: The hops that keep a record.
        silent: Those that do not, and stand before the tap.
        relays: The hops with a relay before them.
    """

    recorded: frozenset[int]
    silent: frozenset[int]
    relays: frozenset[int]

    @classmethod
    def of(cls, hops: Sequence[Hop]) -> Layout:
        """The layout of a chain."""
        numbers = [number for number, hop in enumerate(hops, 1) if not hop.is_beyond_tap]
        return cls(
            recorded=frozenset(it for it in numbers if not hops[it - 1].is_outside),
            silent=frozenset(it for it in numbers if hops[it - 1].is_outside),
            relays=frozenset(it for it in numbers if has_relay(hops, it)),
        )

    @property
    def tap(self) -> float:
        """Where the tap stands."""
        return float(1 + len(self.recorded) + len(self.silent))


def routes_of(
    clients: Iterable[Client],
    hops: Sequence[HopExchange],
    relays: Sequence[RelayExchange],
    exchanges: Sequence[Exchange],
    ports: Ports,
    layout: Layout,
) -> dict[AttemptKey, Route]:
    """The way of every attempt, by (client, attempt).

    Args:
        clients: Every client.
        hops: Every exchange of every hop that keeps a record.
        relays: Every exchange of every relay.
        exchanges: Every exchange at the tap.
        ports: The ports that both ends of a connection noted.
        layout: What stands where.
    """
    stops: defaultdict[float, dict[int, _Stop]] = defaultdict(dict)
    for hop in hops:
        stops[float(hop.hop)][hop.x] = _at_hop(hop, ports)
    for relay in relays:
        stops[relay.request.hop - _BEFORE][relay.request.x] = _at_relay(relay, ports)
    for exchange in exchanges:
        stops[layout.tap][exchange.x] = _at_tap(exchange, ports)
    places = _places(stops, layout)
    attempts = [it for client in clients for it in client.attempts]
    sent = [
        _Sent(
            it.request.n,
            (it.client, it.x),
            it.last_event_id,
            _until(it.end),
            ports.up("client", it.client, it.x),
        )
        for it in attempts
    ]
    start: dict[tuple[int, int], int] = {}
    further: dict[tuple[float, int, int], int] = {}
    for below, above in pairwise([_CLIENT, *places]):
        came = [it.came for it in stops[above].values()]
        if any(below < hop < above for hop in layout.silent):
            # The connection that came is another one than that which was opened here.
            came = [it._replace(port=None) for it in came]
        if below == _CLIENT:
            start = _joined(sent, came)
            continue
        tries = [try_ for it in stops[below].values() for try_ in it.tries]
        for (x, attempt), y in _joined(tries, came).items():
            further[below, x, attempt] = y
    ways = _Map(places, stops, further)
    whole = _Whole(layout, frozenset(places))
    keys = [(it.client, it.x) for it in attempts]
    return {
        key: whole.route(it, ways.follow(0, start.get(key)))
        for key, it in zip(keys, attempts, strict=True)
    }


def _places(stops: Mapping[float, object], layout: Layout) -> list[float]:
    """Where there are places, in order.

    One that noted nothing is taken to be there only if nothing got beyond it.
    """
    able = sorted([*map(float, layout.recorded), *(it - _BEFORE for it in layout.relays)])
    reached = max(stops, default=_CLIENT)
    return [*(it for it in able if it in stops or it > reached), layout.tap]


def server_links(
    exchanges: Sequence[Exchange], served: Sequence[ServerExchange], ports: Ports
) -> dict[int, ServerExchange]:
    """What the reference server's handler made of each exchange at the tap, by its number."""
    sent = [
        _Sent(it.request.n, (it.x, 0), it.last_event_id, _until(it.end), ports.up("tap", 0, it.x))
        for it in exchanges
    ]
    came = [
        _Came(it.n, it.x, it.last_event_id or None, it.port) for it in (x.request for x in served)
    ]
    by_x = {it.request.x: it for it in served}
    return {key[0]: by_x[x] for key, x in _joined(sent, came).items()}


@dataclass(frozen=True, slots=True)
class _Stop:
    """A request at one place: how it came, and what it was sent on as."""

    came: _Came
    tries: tuple[_Sent, ...]
    seen: HopExchange | RelayExchange | Exchange

    @property
    def hop(self) -> HopExchange | None:
        return self.seen if isinstance(self.seen, HopExchange) else None

    @property
    def below(self) -> Border:
        """What was seen downstream of here."""
        match self.seen:
            case HopExchange():
                return borders.below_hop(self.seen)
            case RelayExchange():
                return borders.at_relay(self.seen)
            case Exchange():
                return borders.at_tap(self.seen)

    @property
    def above(self) -> Border | None:
        """What was seen upstream of here; None: nothing, or it went no further."""
        match self.seen:
            case HopExchange():
                return borders.above_hop(self.seen)
            case RelayExchange():
                return borders.at_relay(self.seen)
            case Exchange():
                return None


def _at_hop(it: HopExchange, ports: Ports) -> _Stop:
    port = ports.down("hop", it.hop, it.x)
    came = _Came(it.request.n, it.x, last_event_id(it.request.headers), port)
    return _Stop(came, tuple(_tries(it, ports)), it)


def _at_relay(it: RelayExchange, ports: Ports) -> _Stop:
    request, said_id = it.request, last_event_id(it.request.headers)
    port = ports.down("relay", request.hop, request.x)
    over = min([end.n for end in it.ends], default=math.inf)
    sent = _Sent(
        request.n, (request.x, 0), said_id, over, ports.up("relay", request.hop, request.x)
    )
    return _Stop(_Came(request.n, request.x, said_id, port), (sent,), it)


def _at_tap(it: Exchange, ports: Ports) -> _Stop:
    return _Stop(_Came(it.request.n, it.x, it.last_event_id, ports.down("tap", 0, it.x)), (), it)


@dataclass(frozen=True, slots=True)
class _Way:
    """A request's stops from one place on, and exchanges at the tap that were not passed on."""

    stops: tuple[tuple[float, _Stop], ...] = ()
    others: tuple[Exchange, ...] = ()

    @property
    def exchange(self) -> Exchange | None:
        """What it became at the tap."""
        last = self.stops[-1][1].seen if self.stops else None
        return last if isinstance(last, Exchange) else None


@dataclass(frozen=True, slots=True)
class _Map:
    """All that is needed to follow a request from its first place to the tap."""

    places: Sequence[float]
    stops: Mapping[float, Mapping[int, _Stop]]
    # (place, x, attempt) → the number of what it became one place further up
    further: Mapping[tuple[float, int, int], int]

    def follow(self, at: int, x: int | None) -> _Way:
        """The way from one place on."""
        if x is None:
            return _Way()
        place = self.places[at]
        stop = self.stops[place][x]
        passed = 0 if stop.hop is None or stop.hop.attempt is None else stop.hop.attempt.attempt
        on = _Way()
        others: list[Exchange] = []
        for try_ in stop.tries:
            _, attempt = try_.key
            way = self.follow(at + 1, self.further.get((place, x, attempt)))
            if attempt == passed:
                on = way
            else:
                others += [*way.others, *([way.exchange] if way.exchange else [])]
        return _Way(((place, stop), *on.stops), (*others, *on.others))


class _Whole:
    """Adds what is known of the hops without a record."""

    def __init__(self, layout: Layout, places: Container[float]) -> None:
        self._layout = layout
        self._places = places
        self._counts: Counter[int] = Counter()

    def route(self, attempt: Attempt, way: _Way) -> Route:
        stops = dict(way.stops)
        hops = []
        # What was seen right above the hops up to here; None: nothing, or it went no further.
        seen = borders.at_client(attempt) if 1 in self._layout.silent else None
        for hop in range(1, int(self._layout.tap)):
            stop = stops.get(float(hop))
            if stop is not None and stop.hop is not None:
                hops.append(stop.hop)
                seen = stop.above
                continue
            next_place = next((it for it in (hop + _BEFORE, hop + 1.0) if it in self._places), None)
            if seen is not None and next_place is not None and hop in self._layout.silent:
                after = stops.get(next_place)
                self._counts[hop] += 1
                above = None if after is None else after.below
                hops.append(borders.between(hop, self._counts[hop], seen, above))
            seen = None
            if next_place == hop + _BEFORE and next_place in stops:
                seen = stops[next_place].above
        return Route(tuple(hops), way.exchange, way.others)


def _tries(it: HopExchange, ports: Ports) -> Iterable[_Sent]:
    over = {end.attempt: end.n for end in it.upstream_ends}
    over |= {closed.attempt: closed.n for closed in it.closed if closed.how != "leave_open"}
    for try_ in it.attempts:
        until = over.get(try_.attempt, math.inf)
        port = ports.up("hop", it.hop, it.x, try_.attempt)
        yield _Sent(try_.n, (it.x, try_.attempt), last_event_id(try_.headers), until, port)


def _until(end: ClientEnd | TapEnd | None) -> float:
    return math.inf if end is None else end.n


def _joined(sent: Iterable[_Sent], came: Iterable[_Came]) -> dict[tuple[int, int], int]:
    """Give each request that came to the one that was sent for it."""
    out: dict[tuple[int, int], int] = {}
    todo = sorted(sent)
    waiting: list[_Sent] = []
    at = 0
    for arrival in sorted(came):
        while at < len(todo) and todo[at].n < arrival.n:
            waiting.append(todo[at])
            at += 1
        waiting = [it for it in waiting if it.until_n > arrival.n]
        # Who waits on a connection of another port did not send this.
        able = [it for it in waiting if None in {it.port, arrival.port} or it.port == arrival.port]
        if not able:
            continue
        exact = [it for it in able if it.port is not None and it.port == arrival.port]
        alike = [it for it in able if it.id == arrival.id]
        mine = (exact or alike or able)[0]
        waiting.remove(mine)
        out[mine.key] = arrival.x
    return out

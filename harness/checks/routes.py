"""Which exchange at one place became which at the next: from a client's attempt to the target.

Both ends of a connection note its port (`journal.Link`), which tells whose request came. Where one
end could not, order does: every request at a place was sent by the place below it, and the journal
has both in order, so that it belongs to the first one sent that is still waiting; Last-Event-ID
tells apart those that wait at one time.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from harness.checks.hop_exchange import HopExchange
from harness.checks.places import Client, Exchange, ServerExchange, last_event_id
from harness.model.journal import ClientEnd, Link, TapEnd

type AttemptKey = tuple[int, int]

# The places at the two ends of a chain, as numbers before and after all hops.
_CLIENT, _TAP = 0, sys.maxsize


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
        self, at: Literal["client", "hop", "tap"], number: int, x: int, attempt: int = 0
    ) -> int | None:
        """The port a request left from; None: not noted."""
        return self._of.get((at, "up", number, x, attempt))

    def down(self, at: Literal["client", "hop", "tap"], number: int, x: int) -> int | None:
        """The port a request came from; None: not noted."""
        return self._of.get((at, "down", number, x, 0))


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one attempt of a client.

    Attributes:
        hops: What it became at each hop that keeps a record, client first, as far as it went.
        exchange: What it became at the tap; None: no request for it got there.
        others: Exchanges at the tap that a hop caused for it and did not pass on: earlier tries.
    """

    hops: tuple[HopExchange, ...] = ()
    exchange: Exchange | None = None
    others: tuple[Exchange, ...] = ()


def routes_of(
    clients: Iterable[Client],
    hops: Sequence[HopExchange],
    exchanges: Sequence[Exchange],
    ports: Ports,
    case_chain: Sequence[int],
) -> dict[AttemptKey, Route]:
    """The way of every attempt, by (client, attempt).

    Args:
        clients: Every client.
        hops: Every exchange of every hop that keeps a record.
        exchanges: Every exchange at the tap.
        ports: The ports that both ends of a connection noted.
        case_chain: Every hop of the case by number, those without a record (real ones) included.
    """
    by_hop: defaultdict[int, list[HopExchange]] = defaultdict(list)
    for it in hops:
        by_hop[it.hop].append(it)
    chain = sorted(by_hop)
    taps = [
        _Came(it.request.n, it.x, it.last_event_id, ports.down("tap", 0, it.x)) for it in exchanges
    ]
    sent = [
        _Sent(
            it.request.n,
            (it.client, it.x),
            it.last_event_id,
            _until(it.end),
            ports.up("client", it.client, it.x),
        )
        for client in clients
        for it in client.attempts
    ]
    start: dict[tuple[int, int], int] = {}
    further: dict[tuple[int, int, int], int] = {}
    for below, above in pairwise([_CLIENT, *chain, _TAP]):
        came = taps if above == _TAP else _arrived(by_hop[above], ports)
        if any(below < hop < above for hop in case_chain):
            # The connection that came is another one than that which was opened here.
            came = [it._replace(port=None) for it in came]
        if below == _CLIENT:
            start = _joined(sent, came)
            continue
        tries = [try_ for it in by_hop[below] for try_ in _tries(it, ports)]
        for (x, attempt), y in _joined(tries, came).items():
            further[below, x, attempt] = y
    ways = _Map(chain, {(it.hop, it.x): it for it in hops}, {it.x: it for it in exchanges}, further)
    return {it.key: ways.follow(0, start.get(it.key)) for it in sent}


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
class _Map:
    """All that is needed to follow a request from its first place to the tap."""

    chain: Sequence[int]
    index: dict[tuple[int, int], HopExchange]
    at_tap: dict[int, Exchange]
    # (hop, x, attempt) → the number of what it became one place further up
    further: dict[tuple[int, int, int], int]

    def follow(self, place: int, x: int | None) -> Route:
        """The rest of the way from the hop at `place`, or the tap behind the last one."""
        if x is None:
            return Route()
        if place == len(self.chain):
            return Route((), self.at_tap[x])
        it = self.index[self.chain[place], x]
        on = Route()
        others: list[Exchange] = []
        for try_ in it.attempts:
            way = self.follow(place + 1, self.further.get((it.hop, x, try_.attempt)))
            if try_ is it.attempt:
                on = way
            else:
                others += [*way.others, *([way.exchange] if way.exchange else [])]
        return Route((it, *on.hops), on.exchange, (*others, *on.others))


def _arrived(exchanges: Iterable[HopExchange], ports: Ports) -> list[_Came]:
    return [
        _Came(
            it.request.n,
            it.x,
            last_event_id(it.request.headers),
            ports.down("hop", it.hop, it.x),
        )
        for it in exchanges
    ]


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

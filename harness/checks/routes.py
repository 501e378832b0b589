"""Which exchange at one place became which at the next: from a client's attempt to the target.

Nothing on the wire says so. But every request at a place was sent by the place below it, and the
journal has both in order, so that a request belongs to the first one sent that is still waiting.
Where several wait at one time (several clients, one instant), Last-Event-ID tells them apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.checks.hop_exchange import HopExchange
from harness.checks.places import Client, Exchange, ServerExchange, last_event_id
from harness.model.journal import ClientEnd, TapEnd

type AttemptKey = tuple[int, int]


class _Sent(NamedTuple):
    """A request that left a place; after entry `until_n` nobody waits for its answer."""

    n: int
    key: tuple[int, int]
    id: str | None
    until_n: float


class _Came(NamedTuple):
    """A request that reached a place."""

    n: int
    x: int
    id: str | None


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
    clients: Iterable[Client], hops: Sequence[HopExchange], exchanges: Sequence[Exchange]
) -> dict[AttemptKey, Route]:
    """The way of every attempt, by (client, attempt)."""
    by_hop: defaultdict[int, list[HopExchange]] = defaultdict(list)
    for it in hops:
        by_hop[it.hop].append(it)
    chain = sorted(by_hop)
    taps = [_Came(it.request.n, it.x, it.last_event_id) for it in exchanges]
    sent = [
        _Sent(it.request.n, (it.client, it.x), it.last_event_id, _until(it.end))
        for client in clients
        for it in client.attempts
    ]
    first = by_hop[chain[0]] if chain else []
    start = _joined(sent, _arrived(first) if chain else taps)
    further: dict[tuple[int, int, int], int] = {}
    for hop, above in zip(chain, [*chain[1:], *([None] if chain else [])], strict=True):
        came = taps if above is None else _arrived(by_hop[above])
        tries = [try_ for it in by_hop[hop] for try_ in _tries(it)]
        for (x, attempt), y in _joined(tries, came).items():
            further[hop, x, attempt] = y
    ways = _Map(chain, {(it.hop, it.x): it for it in hops}, {it.x: it for it in exchanges}, further)
    return {it.key: ways.follow(0, start.get(it.key)) for it in sent}


def server_links(
    exchanges: Sequence[Exchange], served: Sequence[ServerExchange]
) -> dict[int, ServerExchange]:
    """What the reference server's handler made of each exchange at the tap, by its number."""
    sent = [_Sent(it.request.n, (it.x, 0), it.last_event_id, _until(it.end)) for it in exchanges]
    came = [_Came(it.request.n, it.request.x, it.request.last_event_id or None) for it in served]
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


def _arrived(exchanges: Iterable[HopExchange]) -> list[_Came]:
    return [_Came(it.request.n, it.x, last_event_id(it.request.headers)) for it in exchanges]


def _tries(it: HopExchange) -> Iterable[_Sent]:
    over = {end.attempt: end.n for end in it.upstream_ends}
    over |= {closed.attempt: closed.n for closed in it.closed if closed.how != "leave_open"}
    for try_ in it.attempts:
        until = over.get(try_.attempt, math.inf)
        yield _Sent(try_.n, (it.x, try_.attempt), last_event_id(try_.headers), until)


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
        if not waiting:
            continue
        mine = next((it for it in waiting if it.id == arrival.id), waiting[0])
        waiting.remove(mine)
        out[mine.key] = arrival.x
    return out

"""The account of a client of any other target: the truth is what the tap heard the target say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from harness.checks.deliveries import Content, content
from harness.checks.ledger import (
    Basis,
    Got,
    Key,
    Ledger,
    Owed,
    Unheard,
    first_stream,
    watched_until_s,
)
from harness.checks.numbering import is_consecutive, number_in_data, number_in_id
from harness.checks.places import Client, Exchange
from harness.checks.record import Record
from harness.wire.sse import Event

# A target whose numbers leap by more than this has begun anew.
_MOST_HOLES = 100_000


class _Keys(NamedTuple):
    """The key of each event of each exchange, and how it was found."""

    basis: Basis
    by_exchange: dict[int, list[Key]]
    is_numbered: bool


def tap_ledgers(record: Record, in_flight_s: float) -> tuple[Ledger, ...]:
    """The account of every client; see `watched_until_s` for `in_flight_s`."""
    return tuple(_ledger(record, client, in_flight_s) for client in record.clients)


def _ledger(record: Record, client: Client, in_flight_s: float) -> Ledger:
    heard = _heard(record, client)
    keys = _keys(heard)
    order: dict[Key, int] = {}
    for exchange in heard:
        for key in keys.by_exchange[exchange.x]:
            order.setdefault(key, len(order))
    got = _got(record, client, keys)
    owed = _owed(record, client, keys, got, order, in_flight_s)
    if keys.is_numbered:
        owed += _holes(keys, got, owed)
    names: dict[Key, str] = {key: _name(keys.basis, key) for key in order}
    unheard = {
        keys.by_exchange[said.exchange.x][said.place]: Unheard(attempt, said)
        for attempt in client.attempts
        for said in record.deliveries(attempt).missing
    }
    streams = sum(it.is_stream for it in client.attempts)
    is_whole = keys.is_numbered or streams < 2
    return Ledger(
        client, keys.basis, tuple(owed), tuple(got), order, names, unheard, is_whole=is_whole
    )


def _heard(record: Record, client: Client) -> list[Exchange]:
    """Every exchange at the tap that one client's attempts became, in order."""
    found = {}
    for attempt in client.attempts:
        route = record.route(attempt)
        for exchange in (*route.others, *([route.exchange] if route.exchange else [])):
            found[exchange.x] = exchange
    # Joined or cached answers: what they hold was said in somebody else's exchange.
    for attempt in client.attempts:
        for delivery in record.deliveries(attempt).arrived:
            if delivery.said is not None:
                found[delivery.said.exchange.x] = delivery.said.exchange
    return [found[x] for x in sorted(found)]


def _keys(heard: Sequence[Exchange]) -> _Keys:
    streams = [[it.item for it in exchange.stream.events] for exchange in heard]
    if _has_good_ids(streams):
        ids: list[list[Key]] = [[event.id_field or "" for event in events] for events in streams]
        is_numbered = is_consecutive(streams, number_in_id)
        return _Keys("ids", _by_exchange(heard, ids), is_numbered)
    number = number_in_data(streams)
    if number is not None and _means_one(streams, number):
        numbers: list[list[Key]] = [[number(event) or 0 for event in it] for it in streams]
        return _Keys("numbers", _by_exchange(heard, numbers), is_numbered=True)
    places: list[list[Key]] = [
        [f"{exchange.x}.{at + 1}" for at in range(len(events))]
        for exchange, events in zip(heard, streams, strict=True)
    ]
    return _Keys("places", _by_exchange(heard, places), is_numbered=False)


def _by_exchange(heard: Sequence[Exchange], keys: list[list[Key]]) -> dict[int, list[Key]]:
    return {exchange.x: own for exchange, own in zip(heard, keys, strict=True)}


def _has_good_ids(streams: Sequence[Sequence[Event]]) -> bool:
    """Whether each event has an id, no other event of its stream has it, and it means one event."""
    for events in streams:
        ids = [event.id_field for event in events]
        if not all(ids) or len(set(ids)) < len(ids):
            return False
    return any(streams) and _means_one(streams, lambda event: event.id_field)


def _means_one(streams: Sequence[Sequence[Event]], name: Callable[[Event], Key | None]) -> bool:
    """Whether one name stands for one event in all streams, rather than being counted anew."""
    meant: dict[Key | None, Content] = {}
    return all(
        meant.setdefault(name(event), content(event)) == content(event)
        for events in streams
        for event in events
    )


def _got(record: Record, client: Client, keys: _Keys) -> list[Got]:
    known = {key for own in keys.by_exchange.values() for key in own}
    out = []
    for attempt in client.attempts:
        for seen, said in record.deliveries(attempt).arrived:
            if said is not None:
                key: Key | None = keys.by_exchange[said.exchange.x][said.place]
                out.append(Got(key, seen, attempt, said.seen.n))
            else:
                named = seen.item.id_field if keys.basis == "ids" else None
                key = named if named in known else None
                out.append(Got(key, seen, attempt, is_altered=key is not None))
    return out


def _owed(
    record: Record,
    client: Client,
    keys: _Keys,
    got: Sequence[Got],
    order: dict[Key, int],
    in_flight_s: float,
) -> list[Owed]:
    if first_stream(client) is None:
        return []
    watched_s = watched_until_s(client, record.over_s, in_flight_s)
    last_got = max((order[it.key] for it in got if it.key in order), default=-1)
    out: dict[Key, Owed] = {}
    for attempt in client.attempts:
        exchange = record.route(attempt).exchange
        if exchange is None or not exchange.is_stream:
            continue
        for seen, key in zip(exchange.stream.events, keys.by_exchange[exchange.x], strict=True):
            if watched_s is not None:
                is_due = seen.t_s <= min(watched_s, attempt.ended_s)
            elif keys.basis == "places":
                # Without ids nothing is sent again: what a cut caught on its way is lost.
                is_due = seen.t_s <= attempt.ended_s
            else:
                is_due = order[key] <= last_got
            if is_due:
                out.setdefault(key, Owed(key, _name(keys.basis, key), seen.n))
    return list(out.values())


def _holes(keys: _Keys, got: Sequence[Got], owed: Sequence[Owed]) -> list[Owed]:
    """The numbers missing between the first and the last one the client got."""
    numbers = sorted({int(it.key) for it in got if it.key is not None})
    known = {int(it.key) for it in owed}
    out = []
    for a, b in pairwise(numbers):
        for number in range(a + 1, b if b - a <= _MOST_HOLES else a):
            if number not in known:
                key: Key = str(number) if keys.basis == "ids" else number
                out.append(Owed(key, _name(keys.basis, key), -1))
    return out


def _name(basis: Basis, key: Key) -> str:
    match basis:
        case "ids":
            return f"id {key}"
        case "numbers":
            return f"number {key}"
        case "places":
            x, _, at = str(key).partition(".")
            return f"event {at} of the target's response {x}"
        case "feed":
            return f"event {key}"

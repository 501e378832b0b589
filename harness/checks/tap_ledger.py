"""The account of a client of any other target: the truth is what the tap heard the target say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.checks.event_keys import keys_of
from harness.checks.ledger import (
    Got,
    Key,
    Ledger,
    Owed,
    Unheard,
    first_stream,
    watched_until_s,
)
from harness.checks.places import Attempt, Client, Exchange
from harness.checks.record import Record

# A target whose numbers leap by more than this has begun anew.
_MOST_HOLES = 100_000


def tap_ledgers(record: Record, in_flight_s: float) -> tuple[Ledger, ...]:
    """The account of every client; see `watched_until_s` for `in_flight_s`."""
    return tuple(_Account(record, client, in_flight_s).ledger() for client in record.clients)


class _Account:
    """What it takes to draw up the account of one client."""

    def __init__(self, record: Record, client: Client, in_flight_s: float) -> None:
        self._record = record
        self._client = client
        self._in_flight_s = in_flight_s
        self._promises = record.case.target.promises
        own = _heard(record, client)
        # Where all are told the same, what any other client was told counts too.
        self._heard = list(record.exchanges) if self._promises.broadcast else own
        self._others = [it for it in self._heard if it.x not in {own.x for own in own}]
        self._keys = keys_of(self._heard, self._promises)
        self._order = self._said_in_order()
        self._got = self._arrived()

    def ledger(self) -> Ledger:
        """The account."""
        owed = self._owed()
        if self._keys.is_numbered:
            owed += self._holes(owed)
        return Ledger(
            self._client,
            self._keys.basis,
            tuple(owed),
            tuple(self._got),
            self._order,
            {key: self._keys.name(key) for key in self._order},
            self._unheard(),
            is_whole=self._keys.is_numbered or len(self._streams) < 2 or self._is_witnessed(),
        )

    def _said_in_order(self) -> dict[Key, int]:
        """Where each event stands in the order in which it was first said to anybody.

        Numbers that are promised say themselves what comes first.
        """
        said = [
            (seen.t_s, seen.n, key)
            for exchange in self._heard
            for seen, key in zip(
                exchange.stream.events, self._keys.by_exchange[exchange.x], strict=True
            )
        ]
        if self._others:
            said.sort(key=lambda it: it[:2])
        keys = list(dict.fromkeys(key for _, _, key in said))
        if self._promises.sequence is not None:
            numbers = iter(sorted(key for key in keys if isinstance(key, int)))
            keys = [next(numbers) if isinstance(key, int) else key for key in keys]
        return {key: at for at, key in enumerate(keys)}

    def _arrived(self) -> list[Got]:
        keys = self._keys
        known = {key for own in keys.by_exchange.values() for key in own}
        out = []
        for attempt in self._client.attempts:
            for seen, said in self._record.deliveries(attempt).arrived:
                if said is not None:
                    key: Key | None = keys.by_exchange[said.exchange.x][said.place]
                    out.append(Got(key, seen, attempt, said.seen.n))
                else:
                    named = seen.item.id_field if keys.basis == "ids" else None
                    key = named if named in known else None
                    out.append(Got(key, seen, attempt, is_altered=key is not None))
        return out

    def _unheard(self) -> dict[Key, Unheard]:
        return {
            self._keys.by_exchange[said.exchange.x][said.place]: Unheard(attempt, said)
            for attempt in self._client.attempts
            for said in self._record.deliveries(attempt).missing
        }

    # -- what is owed ------------------------------------------------------------------------------

    def _owed(self) -> list[Owed]:
        first = first_stream(self._client)
        if first is None:
            return []
        out: dict[Key, Owed] = {}
        last_got = max(
            (self._order[it.key] for it in self._got if it.key in self._order), default=-1
        )
        watched_s = watched_until_s(self._client, self._record.over_s, self._in_flight_s)
        last = self._client.attempts[-1]
        for attempt in self._client.attempts:
            exchange = self._record.route(attempt).exchange
            if exchange is None or not exchange.is_stream:
                continue
            for seen, key in zip(
                exchange.stream.events, self._keys.by_exchange[exchange.x], strict=True
            ):
                is_place = self._keys.is_place(key)
                if is_place and self._promises.sequence is not None and attempt is not last:
                    # No part of the sequence, which tells what has to be sent again.
                    is_due = False
                elif watched_s is not None:
                    is_due = seen.t_s <= min(watched_s, attempt.ended_s)
                elif is_place:
                    # Without ids nothing is sent again: what a cut caught on its way is lost.
                    is_due = seen.t_s <= attempt.ended_s
                else:
                    is_due = self._order[key] <= last_got
                if is_due and not self._is_forgotten(seen.t_s):
                    out.setdefault(key, Owed(key, self._keys.name(key), seen.n))
        for key, owed in self._told_to_others(first, last_got, watched_s):
            out.setdefault(key, owed)
        return list(out.values())

    def _told_to_others(
        self, first: Attempt, last_got: int, watched_s: float | None
    ) -> Iterator[tuple[Key, Owed]]:
        """What other clients of a target that tells all the same were told meanwhile."""
        began = self._record.route(first).exchange
        if began is None or began.head is None or self._keys.basis == "places":
            return
        # What was said while this client was being let in may have been before it.
        from_s = began.head.t_s + self._in_flight_s
        told = Counter(key for own in self._keys.by_exchange.values() for key in set(own))
        for exchange in self._others:
            head_s = exchange.request.t_s if exchange.head is None else exchange.head.t_s
            own = self._keys.by_exchange[exchange.x]
            for seen, key in zip(exchange.stream.events, own, strict=True):
                is_over = self._order[key] > last_got if watched_s is None else seen.t_s > watched_s
                # Who is let in may be greeted by its name.
                is_greeting = told[key] == 1 and seen.t_s <= head_s + self._in_flight_s
                is_own = self._keys.is_place(key) or is_greeting
                if seen.t_s < from_s or is_own or is_over or self._is_forgotten(seen.t_s):
                    continue
                yield key, Owed(key, self._keys.name(key), seen.n)

    def _holes(self, owed: Sequence[Owed]) -> list[Owed]:
        """The numbers missing between the first and the last one the client got."""
        numbers = sorted({at for it in self._got if (at := _number(it.key)) is not None})
        known = {_number(it.key) for it in owed}
        out = []
        for a, b in pairwise(numbers):
            if b - a > _MOST_HOLES or self._is_past_window(a, b):
                continue
            for number in range(a + 1, b):
                if number not in known:
                    key: Key = str(number) if self._keys.basis == "ids" else number
                    out.append(Owed(key, self._keys.name(key), -1))
        return out

    # -- how far back a target remembers -----------------------------------------------------------

    def _is_forgotten(self, said_s: float) -> bool:
        """Whether the client was away when something was said, and came back too late for it."""
        window_s = self._promises.resume_window_s
        return window_s is not None and any(
            before.ended_s <= said_s <= after.began_s and after.began_s - said_s > window_s
            for before, after in pairwise(self._streams)
        )

    def _is_past_window(self, a: int, b: int) -> bool:
        """Whether the client was away, between two numbers, for longer than is remembered."""
        window_s = self._promises.resume_window_s
        if window_s is None:
            return False
        by_number = {_number(it.key): it.attempt for it in self._got}
        before, after = by_number[a], by_number[b]
        return before is not after and after.began_s - before.ended_s > window_s

    def _is_witnessed(self) -> bool:
        """Whether, whenever the client was away, somebody else listened."""
        if not self._others or self._keys.basis == "places":
            return False
        return all(
            any(
                it.head is not None
                and it.head.t_s <= before.ended_s
                and after.began_s <= it.ended_s
                for it in self._others
            )
            for before, after in pairwise(self._streams)
        )

    @property
    def _streams(self) -> list[Attempt]:
        """The attempts in which the client was told anything: between them it was away."""
        return [it for it in self._client.attempts if it.is_stream]


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


def _number(key: Key | None) -> int | None:
    if isinstance(key, int):
        return key
    return int(key) if key is not None and key.isdigit() else None

"""The account of a client of the reference server: the truth is what its feed produced."""

from __future__ import annotations

from harness.checks.feed_index import FeedIndex
from harness.checks.ledger import Got, Key, Ledger, Owed, Unheard, first_stream, watched_until_s
from harness.checks.places import Client
from harness.checks.record import Record
from harness.model.journal import ServerFeed


def feed_ledgers(record: Record, in_flight_s: float) -> tuple[Ledger, ...]:
    """The account of every client; see `watched_until_s` for `in_flight_s`."""
    index = record.feed_index
    return tuple(_ledger(record, index, client, in_flight_s) for client in record.clients)


def _ledger(record: Record, index: FeedIndex, client: Client, in_flight_s: float) -> Ledger:
    got = _got(record, index, client)
    due = _due(record, index, client)
    until_s = watched_until_s(client, record.over_s, in_flight_s)
    last_got = max((it.key for it in got if isinstance(it.key, int)), default=-1)
    owed = [
        Owed(it.seq, _name(it), it.n)
        for it in (due if first_stream(client) else ())
        if (it.seq <= last_got if until_s is None else it.t_s <= until_s)
    ]
    unheard: dict[Key, Unheard] = {}
    for attempt in client.attempts:
        for said in record.deliveries(attempt).missing:
            seq, _ = index.seq_of(said.seen.item, None)
            if seq is not None:
                unheard[seq] = Unheard(attempt, said)
    return Ledger(
        client=client,
        basis="feed",
        owed=tuple(owed),
        got=tuple(got),
        order={it.seq: at for at, it in enumerate(record.feed)},
        names={it.seq: _name(it) for it in record.feed},
        unheard=unheard,
        is_whole=True,
        due=tuple((it.t_s, it.seq) for it in due),
    )


def _got(record: Record, index: FeedIndex, client: Client) -> list[Got]:
    out = []
    last: int | None = None
    for attempt in client.attempts:
        resumed = index.seq_of_id(attempt.last_event_id)
        last = last if resumed is None else resumed
        for delivery in record.deliveries(attempt).arrived:
            seq, is_altered = index.seq_of(delivery.got.item, last)
            said_n = -1 if delivery.said is None else delivery.said.seen.n
            out.append(Got(seq, delivery.got, attempt, said_n, is_altered))
            last = last if seq is None else seq
    return out


def _due(record: Record, index: FeedIndex, client: Client) -> list[ServerFeed]:
    """What the feed produced since the client's first response began, or after its first id."""
    began_after = index.seq_of_id(client.attempts[0].last_event_id)
    if began_after is not None:
        return [it for it in record.feed if it.seq > began_after]
    first = first_stream(client) or client.attempts[0]
    served = record.served_for(first)
    began_n = served.request.n if served is not None else first.request.n
    return [it for it in record.feed if it.n > began_n]


def _name(it: ServerFeed) -> str:
    is_plain = it.id is None or it.id == str(it.seq)
    return f"event {it.seq}" if is_plain else f"event {it.seq} (id {it.id})"

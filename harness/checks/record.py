"""One case's journal, decoded: what was at each place, and what became of it at the next.

Everything is worked out when it is first asked for, once, and in time linear in the journal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from harness.checks.borders import relay_exchanges
from harness.checks.deliveries import Deliveries, Said, Spoken, deliveries_of
from harness.checks.feed_index import FeedIndex
from harness.checks.hop_exchange import HopExchange, hop_exchanges
from harness.checks.places import (
    Attempt,
    Client,
    Exchange,
    ServerExchange,
    Sorted,
    clients_of,
    exchanges_of,
    server_exchanges,
)
from harness.checks.routes import AttemptKey, Layout, Ports, Route, routes_of, server_links
from harness.model.journal import (
    FaultNote,
    Journal,
    Link,
    ServerFeed,
    ServerSent,
    StageClipped,
    StageLag,
    StageProblem,
    StageReady,
)
from harness.model.promises import EndMarker
from harness.model.scenario import Case


class Handed(NamedTuple):
    """An event the reference server handed to its transport.

    Attributes:
        place: Its position among the events of the exchange at the tap, from 0; None: it never
            left the target.
    """

    sent: ServerSent
    place: int | None


class Record:
    """What one journal shows.

    Attributes:
        journal: The journal itself; every `n` below is a place in it.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._sorted = Sorted(journal)

    # -- the case ------------------------------------------------------------------------------

    @cached_property
    def case(self) -> Case:
        """The case, as entry 0 has it."""
        return Case.model_validate(self.journal.case.case)

    @property
    def is_reference(self) -> bool:
        """Whether the target is the built-in reference server."""
        return self.journal.case.is_reference

    @cached_property
    def end_marker(self) -> EndMarker | None:
        """The event after which a stream has nothing more; None: none is promised."""
        if not self.is_reference:
            return self.case.target.promises.end_marker
        traffic = self.case.scenario.traffic
        data = None if traffic is None else traffic.end_marker
        return None if data is None else EndMarker(data=data)

    def has_end_marker(self, attempt: Attempt) -> bool:
        """Whether a client has been told that there is nothing more."""
        marker = self.end_marker
        if marker is None:
            return False
        return any(marker.is_in(it.item) for it in reversed(attempt.stream.events))

    @cached_property
    def chain(self) -> tuple[int, ...]:
        """The hops by number, 1 nearest the client."""
        return tuple(range(1, len(self.case.scenario.through) + 1))

    # -- the stage -----------------------------------------------------------------------------

    @cached_property
    def ready_s(self) -> float:
        """When the stage was ready: the clients start, and the reference server's feed."""
        ready = self._sorted.of(StageReady)
        return ready[0].t_s if ready else 0.0

    @property
    def over_s(self) -> float:
        """When the case was over."""
        return self.journal[-1].t_s

    @cached_property
    def lag_s(self) -> float:
        """The worst scheduling lag, in seconds; 0 under the virtual clock."""
        if self.journal.case.clock == "virtual":
            return 0.0
        return max((it.lag_s for it in self._sorted.of(StageLag)), default=0.0)

    @property
    def problems(self) -> Sequence[StageProblem]:
        """Why the case could not be carried through."""
        return self._sorted.of(StageProblem)

    @cached_property
    def clipped_n(self) -> int | None:
        """The entry from which on payload bytes are missing; None: none are."""
        said = [it.n for it in self._sorted.of(StageClipped)]
        streams = [it.stream for client in self.clients for it in client.attempts]
        streams += [it.stream for it in self.exchanges]
        missing = [it.reads[-1].n for it in streams if it.is_clipped]
        return min([*said, *missing], default=None)

    @property
    def notes(self) -> Sequence[FaultNote]:
        """What the faults said of themselves."""
        return self._sorted.of(FaultNote)

    @cached_property
    def _fired(self) -> defaultdict[tuple[int, int], list[str]]:
        out: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for it in self.notes:
            if it.what == "fired":
                hop = self.case.scenario.through[it.hop - 1]
                out[it.hop, it.x].append(hop.path_of(it.fault))
        return out

    def fired_in(self, exchange: HopExchange) -> tuple[str, ...]:
        """The faults that acted in an exchange of a hop, as paths call them, in order."""
        return tuple(self._fired.get((exchange.hop, exchange.x), ()))

    # -- the places ----------------------------------------------------------------------------

    @cached_property
    def clients(self) -> tuple[Client, ...]:
        """Every client, by number."""
        return clients_of(self._sorted, self.over_s)

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt of every client, redirects aside."""
        return tuple(it for client in self.clients for it in client.attempts if not it.is_redirect)

    @cached_property
    def hop_exchanges(self) -> tuple[HopExchange, ...]:
        """Every exchange of every hop that keeps a record."""
        return hop_exchanges(self._sorted)

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange at the tap."""
        return exchanges_of(self._sorted, self.over_s)

    @cached_property
    def served(self) -> tuple[ServerExchange, ...]:
        """Every exchange of the reference server."""
        return server_exchanges(self._sorted)

    @property
    def feed(self) -> Sequence[ServerFeed]:
        """What the reference server's feed produced: what a perfect client would get."""
        return self._sorted.of(ServerFeed)

    @cached_property
    def feed_index(self) -> FeedIndex:
        """The feed's events, by id and data."""
        return FeedIndex(self.feed)

    # -- from place to place -------------------------------------------------------------------

    @cached_property
    def _routes(self) -> dict[AttemptKey, Route]:
        return routes_of(
            self.clients,
            self.hop_exchanges,
            relay_exchanges(self._sorted),
            self.exchanges,
            self._ports,
            Layout.of(self.case.scenario.through),
        )

    @cached_property
    def _ports(self) -> Ports:
        return Ports(self._sorted.of(Link))

    @cached_property
    def _server_links(self) -> dict[int, ServerExchange]:
        return server_links(self.exchanges, self.served, self._ports)

    @cached_property
    def _spoken(self) -> Spoken:
        return Spoken(self.exchanges)

    @cached_property
    def _deliveries(self) -> dict[AttemptKey, Deliveries]:
        return {}

    def route(self, attempt: Attempt) -> Route:
        """The way of an attempt to the target."""
        return self._routes[attempt.client, attempt.x]

    def served_for(self, attempt: Attempt) -> ServerExchange | None:
        """What the reference server's handler made of an attempt; None: it never got there."""
        exchange = self.route(attempt).exchange
        return None if exchange is None else self._server_links.get(exchange.x)

    def served_at(self, exchange: Exchange) -> ServerExchange | None:
        """What the reference server's handler made of an exchange at the tap."""
        return self._server_links.get(exchange.x)

    @cached_property
    def _handed(self) -> dict[int, tuple[Handed, ...]]:
        return {}

    def handed(self, exchange: Exchange) -> tuple[Handed, ...]:
        """What the reference server handed to its transport, and when that left the target.

        For any other target nothing is known of what has not left it.
        """
        if exchange.x not in self._handed:
            served = self.served_at(exchange)
            sent = [] if served is None else [it for it in served.sent if it.seq is not None]
            places: dict[int, int] = {}
            last: int | None = None
            for place, seen in enumerate(exchange.stream.events if sent else ()):
                seq, _ = self.feed_index.seq_of(seen.item, last)
                if seq is not None:
                    last = seq
                    places.setdefault(seq, place)
            self._handed[exchange.x] = tuple(Handed(it, places.get(it.seq or 0)) for it in sent)
        return self._handed[exchange.x]

    def kept_by_target_s(self, said: Said) -> float:
        """How long the reference server's transport kept an event; 0 for any other target."""
        return self._kept_s.get((said.exchange.x, said.place), 0.0)

    @cached_property
    def _kept_s(self) -> dict[tuple[int, int], float]:
        return {
            (exchange.x, it.place): max(0.0, exchange.stream.events[it.place].t_s - it.sent.t_s)
            for exchange in self.exchanges
            for it in self.handed(exchange)
            if it.place is not None
        }

    def deliveries(self, attempt: Attempt) -> Deliveries:
        """The events of an attempt, each with what the target said."""
        key = (attempt.client, attempt.x)
        if key not in self._deliveries:
            self._deliveries[key] = deliveries_of(attempt, self.route(attempt), self._spoken)
        return self._deliveries[key]

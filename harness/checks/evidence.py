"""What checks, reports and `trace` look at: the record of one case, and who did what in it."""

from __future__ import annotations

from functools import cached_property

from harness.checks.blame import (
    SAME_INSTANT_S,
    Ending,
    Wait,
    changed_at,
    ending_of,
    first_byte_wait,
    longest_wait,
)
from harness.checks.deliveries import Delivery, Said
from harness.checks.feed_ledger import feed_ledgers
from harness.checks.ledger import Ledger
from harness.checks.places import Attempt
from harness.checks.record import Record
from harness.checks.retyped import Retyped, retyped
from harness.checks.tap_ledger import tap_ledgers
from harness.model.journal import Journal

# What waits for less than this is on its way.
_HELD_S = 1.0


class Evidence(Record):
    """What one journal shows."""

    @classmethod
    def of(cls, journal: Journal) -> Evidence:
        """The evidence in a journal."""
        return cls(journal)

    def ending(self, attempt: Attempt) -> Ending | None:
        """How an attempt ended and who did it; None while it was open."""
        return ending_of(attempt, self.route(attempt), self.chain)

    def held(self, attempt: Attempt, delivery: Delivery) -> Wait:
        """Where a late event waited longest."""
        said = delivery.said
        if said is None:
            return Wait(None, 0.0)
        route = self.route(attempt)
        if said.exchange is not route.exchange:
            # Said in another exchange: kept by the hop at which this attempt's way ends.
            wait_s = delivery.got.t_s - said.seen.t_s
            return Wait(route.hops[-1].hop if route.hops else None, wait_s)
        got = delivery.got
        return longest_wait(route, self.chain, said.seen.end, got.end, said.seen.t_s, got.t_s)

    def kept(self, attempt: Attempt, said: Said) -> Wait:
        """Where an event that never arrived waited when the attempt, or the case, was over."""
        return self.stuck(attempt, said.seen.end, said.seen.t_s, attempt.ended_s)

    def stuck(self, attempt: Attempt, said_end: int, said_s: float, until_s: float) -> Wait:
        """Where bytes of the target waited that had not arrived by `until_s`.

        Args:
            attempt: The attempt they were meant for.
            said_end: Body bytes at the tap up to their end.
            said_s: When they entered at the tap.
            until_s: Seconds since the case began.
        """
        return longest_wait(self.route(attempt), self.chain, said_end, None, said_s, until_s)

    def changed_at(self, attempt: Attempt) -> int | None:
        """The hop that did not pass on the body of an attempt as it came; None: unknown."""
        return changed_at(self.route(attempt), self.chain)

    def retyped(self, attempt: Attempt) -> Retyped | None:
        """How the content type changed on the way to the client; None: it did not."""
        return retyped(attempt, self.route(attempt), self.chain)

    def holder(self, ending: Ending) -> int | None:
        """The hop that held back what the target said, so that another, or itself, saw silence.

        None: the target was silent itself, or what it said went through.
        """
        if ending.by != "hop":
            return None
        exchange = self.route(ending.attempt).exchange
        said = () if exchange is None else exchange.stream.reads
        heard_s = ending.t_s - ending.unheard_s + SAME_INSTANT_S
        # What was said just before the end was on its way, not held.
        until_s = ending.t_s - max(_HELD_S, ending.unheard_s / 2)
        first = next((it for it in said if heard_s < it.t_s <= until_s), None)
        if first is None:
            return None
        return self.stuck(ending.attempt, first.end, first.t_s, ending.t_s).hop

    def first_byte_wait(self, attempt: Attempt, until_s: float) -> Wait:
        """Where the way to the first body byte took longest; hop None: at the target.

        Args:
            attempt: The attempt.
            until_s: When the byte arrived, or was waited for no longer.
        """
        return first_byte_wait(attempt, self.route(attempt), self.chain, until_s)

    @cached_property
    def _ledgers(self) -> dict[float, tuple[Ledger, ...]]:
        return {}

    def ledgers(self, in_flight_s: float) -> tuple[Ledger, ...]:
        """What every client was owed and got.

        Args:
            in_flight_s: What was said this short before a client's watch ended may be on its way.
        """
        if in_flight_s not in self._ledgers:
            make = feed_ledgers if self.is_reference else tap_ledgers
            self._ledgers[in_flight_s] = make(self, in_flight_s)
        return self._ledgers[in_flight_s]

"""One record against its simulation: every fact the measurement has, agreed or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from harness.fidelity.facts import Count, Instant, Pattern, Tries, Value, facts
from harness.fidelity.record import Record, Seen
from harness.fidelity.tolerances import (
    BLOCK_SHARE,
    CLOCK_S,
    DELAY_S,
    LONG_SHARE,
    early_s,
    timer_tick_s,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One fact on both sides."""

    record: Record
    fact: str
    measured: str
    simulated: str
    is_agreed: bool


def compared(record: Record, simulated: Seen, product: str) -> Iterator[Compared]:
    """Every fact of the measurement beside the simulation's.

    Args:
        record: The measurement.
        simulated: What the simulation showed of the same probe.
        product: For the tolerances that are one program's.
    """
    there = facts(record.probe, record.ask, record.seen)
    here = facts(record.probe, record.ask, simulated)
    for name, value in there.items():
        other = here.get(name)
        agrees = other is not None and _agrees(value, other, product)
        yield Compared(record, name, str(value), "nothing" if other is None else str(other), agrees)


def _agrees(there: Value, here: Value, product: str) -> bool:
    tick_s = timer_tick_s(product)
    match there, here:
        case str(), str():
            return there == here
        case Instant(at_s, more_s), Instant(here_s):
            slack_s = CLOCK_S + LONG_SHARE * max(at_s, here_s)
            return here_s - slack_s - early_s(product) <= at_s <= here_s + slack_s + more_s + tick_s
        case Count(number, per_s), Count(here_number):
            # An end within its tolerance lets that many more or fewer through.
            more = per_s * tick_s + (1 if per_s * CLOCK_S >= 0.5 else 0)
            return abs(number - here_number) <= more
        case Tries(fresh, most), Tries(all=tries):
            return fresh <= tries <= most
        case Pattern(), Pattern():
            return _same_pattern(there, here)
        case _:
            return False


def _same_pattern(there: Pattern, here: Pattern) -> bool:
    if _same_delays(there, here):
        return True
    if there.kind != here.kind:
        return False
    if there.kind == "blocks":
        return (
            _same_size(there.first_bytes, here.first_bytes)
            and _same_size(there.block_bytes, here.block_bytes)
            and abs(there.latest_s - here.latest_s) <= CLOCK_S + BLOCK_SHARE * there.latest_s
        )
    return abs(there.delay_s - here.delay_s) <= DELAY_S


def _same_delays(there: Pattern, here: Pattern) -> bool:
    """Whether every event came equally late, whatever that is called."""
    pairs = list(zip_longest(there.late_s, here.late_s))
    return (
        bool(pairs)
        and abs(there.latest_s - here.latest_s) <= DELAY_S
        and all(a is not None and b is not None and abs(a - b) <= DELAY_S for a, b in pairs)
    )


def _same_size(there: int, here: int) -> bool:
    return abs(there - here) <= BLOCK_SHARE * max(there, here)

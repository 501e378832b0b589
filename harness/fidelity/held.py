"""Hold a chain against a record: each fact on both sides, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from harness.fidelity.compare import Compared, compared
from harness.fidelity.record import Ask, Record, Seen
from harness.fidelity.simulate import simulate
from harness.model.scenario import Hop

# What a program that does nothing of its own would be: it passes on what it gets.
RELAY = (Hop(faults=()),)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a record on both sides, and how the chain came to it.

    Args:
        compared: Measurement and simulation.
        is_own: Whether a plain relay would get this fact wrong: the program does it.
        why: Why a disagreement is expected; "" when it is not.
    """

    compared: Compared
    is_own: bool
    why: str = ""


def _unexplained(_: Compared) -> str:
    return ""


def facts_of(
    record: Record,
    hops: Sequence[Hop],
    product: str,
    why: Callable[[Compared], str] = _unexplained,
) -> Iterator[Fact]:
    """Every fact of a record beside that of a chain.

    Args:
        record: What was seen.
        hops: The chain, client first.
        product: For the tolerances that are one program's.
        why: Says of a disagreement why it is expected, "" when it is not.
    """
    plain = {it.fact: it.is_agreed for it in compared(record, _relayed(record.ask), product)}
    for it in compared(record, simulate(hops, record.ask), product):
        yield Fact(it, not plain[it.fact], "" if it.is_agreed else why(it))


@cache
def _relayed(ask: Ask) -> Seen:
    return simulate(RELAY, ask)

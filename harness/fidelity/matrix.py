"""The matrix: what became of each row, and of each probe in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

from harness.fidelity.compare import Compared
from harness.fidelity.held import Fact, facts_of
from harness.fidelity.record import Record
from harness.fidelity.rows import Row
from harness.products import product
from harness.products.model import Deviation, Shown

_SOME_RUNS = " (not in every run)"


@dataclass(frozen=True, slots=True)
class Cell:
    """One probe of one row.

    Args:
        record: What was seen through the program, in the last attempt.
        facts: Every fact on both sides; one that agreed in any attempt does.
        racy: Facts that agreed in one attempt and not in another, or of which a deviation says so.
    """

    record: Record
    facts: tuple[Fact, ...]
    racy: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """One row held against its program.

    Args:
        row: The row; its hops are of the installed versions.
        version: Of the program; "": not known.
        cells: In the order of the battery.
        skipped: Why it was not held, with the command that helps; "": it was.
        error: What broke; "": nothing.
    """

    row: Row
    version: str
    cells: tuple[Cell, ...] = ()
    skipped: str = ""
    error: str = ""

    @property
    def facts(self) -> Iterator[Fact]:
        """Every fact of every cell."""
        return (fact for cell in self.cells for fact in cell.facts)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some facts agree."""

    agreed: int
    facts: int

    @property
    def share(self) -> float:
        """The share that agrees; 1 when there are no facts."""
        return self.agreed / self.facts if self.facts else 1.0


def share_of(rows: Sequence[Held]) -> Share:
    """How many facts of some rows agree."""
    agreements = [fact.compared.is_agreed for held in rows for fact in held.facts]
    return Share(sum(agreements), len(agreements))


def cell(row: Row, attempts: Sequence[Record]) -> Cell:
    """What attempts at one probe come to.

    Args:
        row: With hops of the installed versions.
        attempts: What was seen, one or several times.
    """
    places = shown(hop.product.name for hop in row.hops if hop.product is not None)
    why = partial(_why, places)
    tries = [tuple(facts_of(it, row.hops, row.product, why)) for it in attempts]
    agreed = {fact.compared.fact: fact for it in tries for fact in it if fact.compared.is_agreed}
    disagreed = {fact.compared.fact for it in tries for fact in it if not fact.compared.is_agreed}
    last = tuple(agreed.get(fact.compared.fact, fact) for fact in tries[-1])
    differed = agreed.keys() & disagreed
    racy = (it.compared for it in last if it.compared.fact in differed or _is_racy(places, it))
    return Cell(attempts[-1], last, frozenset(it.fact for it in racy))


def shown(products: Iterable[str]) -> list[tuple[Deviation, Shown]]:
    """Where comparisons show the deviations of some products; each product counts once."""
    return [
        (deviation, where)
        for name in dict.fromkeys(products)
        for deviation in product(name).deviations
        for where in deviation.seen
    ]


def seen_as(name: str, it: Compared) -> str:
    """Which deviation of a product a disagreement shows; "": none."""
    return _why(shown([name]), it)


def _why(places: Sequence[tuple[Deviation, Shown]], it: Compared) -> str:
    for deviation, where in places:
        if _covers(where, it):
            return f"{deviation.what}{_SOME_RUNS if where.racy else ''}"
    return ""


def _is_racy(places: Sequence[tuple[Deviation, Shown]], it: Fact) -> bool:
    """Whether another run may say otherwise, though this one was of one mind."""
    return any(where.racy and _covers(where, it.compared) for _, where in places)


def _covers(where: Shown, it: Compared) -> bool:
    record = it.record
    pairs = ((record.config, where.row), (record.probe, where.probe), (it.fact, where.fact))
    return all(fnmatchcase(value, glob) for value, glob in pairs)

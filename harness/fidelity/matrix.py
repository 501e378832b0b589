"""The matrix: what became of each row, and of each probe in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.fidelity.compare import Compared
from harness.fidelity.held import Fact, facts_of
from harness.fidelity.record import Record
from harness.fidelity.rows import Row
from harness.products import product


@dataclass(frozen=True, slots=True)
class Cell:
    """One probe of one row.

    Args:
        record: What was seen through the program, in the last attempt.
        facts: Every fact on both sides; one that agreed in any attempt does.
        racy: Facts that agreed in one attempt and not in another.
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
    why = explained(row)
    tries = [tuple(facts_of(it, row.hops, row.product, why)) for it in attempts]
    agreed = {fact.compared.fact: fact for it in tries for fact in it if fact.compared.is_agreed}
    disagreed = {fact.compared.fact for it in tries for fact in it if not fact.compared.is_agreed}
    last = tuple(agreed.get(fact.compared.fact, fact) for fact in tries[-1])
    racy = frozenset(fact.compared.fact for fact in last) & agreed.keys() & disagreed
    return Cell(attempts[-1], last, racy)


def explained(row: Row) -> Callable[[Compared], str]:
    """Says of a disagreement which deviation of the row's products it is; "": of none."""
    names = dict.fromkeys(hop.product.name for hop in row.hops if hop.product is not None)
    return lambda it: next(filter(None, (seen_as(name, it) for name in names)), "")


def seen_as(name: str, it: Compared) -> str:
    """Which deviation of a product a disagreement shows; "": none."""
    record = it.record
    for deviation in product(name).deviations:
        for where in deviation.seen:
            pairs = (
                (record.config, where.row),
                (record.probe, where.probe),
                (it.fact, where.fact),
            )
            if all(fnmatchcase(value, glob) for value, glob in pairs):
                return deviation.what
    return ""

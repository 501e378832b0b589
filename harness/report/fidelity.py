"""What held products against real programs came to: for a terminal, as JSON, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.fidelity.matrix import Held, Share, share_of
from harness.version import VERSION

SCHEMA: Final = 1
# What is asked of all programs together, and of each.
OF_ALL: Final = 0.97
OF_EACH: Final = 0.92

_UNEXPLAINED: Final = "not explained"


def by_product(rows: Sequence[Held]) -> dict[str, list[Held]]:
    """The rows of each product, in their order."""
    found: dict[str, list[Held]] = {}
    for held in rows:
        found.setdefault(held.row.product, []).append(held)
    return found


def racy_share(rows: Sequence[Held]) -> float:
    """The share of facts that were so in one attempt and otherwise in another."""
    facts = share_of(rows).facts
    return sum(len(cell.racy) for held in rows for cell in held.cells) / facts if facts else 0.0


def is_good_enough(rows: Sequence[Held]) -> bool:
    """Whether the simulations agree with the programs as far as is asked of them."""
    each = [share_of(its).share for its in by_product(rows).values()]
    return share_of(rows).share >= OF_ALL and min(each) >= OF_EACH


# -- JSON ------------------------------------------------------------------------------------------


def as_json(rows: Sequence[Held], wall_s: float, date: str) -> dict[str, Any]:
    """All of it, for programs.

    Args:
        rows: What was held.
        wall_s: How long that took, in seconds.
        date: The day, as ISO 8601 writes it.
    """
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "date": date,
        "wall_s": round(wall_s, 1),
        **_shares(share_of(rows)),
        "racy_share": round(racy_share(rows), 5),
        "good_enough": is_good_enough(rows),
        "products": [_product_json(name, its) for name, its in by_product(rows).items()],
    }


def _shares(it: Share) -> dict[str, Any]:
    return {"facts": it.facts, "agreed": it.agreed, "share": round(it.share, 5)}


def _product_json(name: str, rows: Sequence[Held]) -> dict[str, Any]:
    return {
        "product": name,
        "version": version_of(rows),
        **_shares(share_of(rows)),
        "rows": [_row_json(it) for it in rows],
    }


def _row_json(held: Held) -> dict[str, Any]:
    return {
        "row": held.row.name,
        "settings": held.row.settings,
        "through": [hop.called for hop in held.row.hops],
        "probes": len(held.cells),
        **_shares(share_of([held])),
        "skipped": held.skipped,
        "error": held.error,
        "disagreements": [
            {
                "probe": cell.record.probe,
                "fact": fact.compared.fact,
                "real": fact.compared.measured,
                "simulated": fact.compared.simulated,
                "why": fact.why,
            }
            for cell in held.cells
            for fact in cell.facts
            if not fact.compared.is_agreed
        ],
        "racy": [
            {"probe": cell.record.probe, "fact": fact}
            for cell in held.cells
            for fact in sorted(cell.racy)
        ],
    }


def version_of(rows: Sequence[Held]) -> str:
    """The version of a product's program; "": it was not there."""
    return next((it.version for it in rows if it.version), "")


# -- the terminal ----------------------------------------------------------------------------------


def print_row(console: Console, held: Held, done: int, count: int) -> None:
    """Say on a line that a row is done."""
    name = f"{held.row.product} {held.row.name}"
    line = Text(f"{done:>3} of {count}  ", style="dim")
    if problem := held.skipped or held.error:
        line.append(f"{name}: {problem}", style="yellow" if held.skipped else "bold red")
    else:
        it = share_of([held])
        line.append(f"{name}: ").append(f"{it.agreed} of {it.facts} facts agree")
    console.print(line)


def print_table(console: Console, rows: Sequence[Held]) -> None:
    """How far each product agrees, and where it does not."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("product", "program"):
        table.add_column(column)
    for column in ("rows", "probes", "facts", "agree", "racy"):
        table.add_column(column, justify="right")
    for name, its in by_product(rows).items():
        table.add_row(*_line(name, version_of(its), its))
    table.add_row(*_line("all", "", rows), style="bold")
    console.print(table)
    for name, its in by_product(rows).items():
        for problem in dict.fromkeys(it.skipped or it.error for it in its):
            if problem:
                console.print(Text(f"{name}: {problem}", style="yellow"))
        for line in disagreements(its):
            console.print(
                Text(f"{name}: {line.fact}: real {line.real} | simulated {line.simulated}")
            )
            style = "dim" if line.why else "yellow"
            console.print(Text(f"    {line.where}\n    {line.why or _UNEXPLAINED}", style=style))


def _line(name: str, version: str, rows: Sequence[Held]) -> tuple[str, ...]:
    it = share_of(rows)
    probes = sum(len(held.cells) for held in rows)
    held = [each for each in rows if not each.skipped]
    racy = sum(len(cell.racy) for each in rows for cell in each.cells)
    share = f"{100 * it.share:.1f} %" if it.facts else "-"
    return (name, version, str(len(held)), str(probes), str(it.facts), share, str(racy))


class Disagreement:
    """Places where the same two sides say the same two things.

    Args:
        fact: Which fact.
        real: What the program did.
        simulated: What the product did.
        why: Which deviation it is; "": none is known.
        where: The rows and their probes.
    """

    def __init__(self, key: tuple[str, str, str, str], where: str) -> None:
        self.fact, self.real, self.simulated, self.why = key
        self.where = where


def disagreements(rows: Iterable[Held]) -> Iterator[Disagreement]:
    """What disagrees, the same thing once."""
    groups: dict[tuple[str, str, str, str], dict[str, list[str]]] = {}
    for held in rows:
        for cell in held.cells:
            for fact in cell.facts:
                it = fact.compared
                if not it.is_agreed:
                    key = (it.fact, it.measured, it.simulated, fact.why)
                    places = groups.setdefault(key, {})
                    places.setdefault(held.row.name, []).append(cell.record.probe)
    for key, places in sorted(groups.items()):
        where = "; ".join(f"{row}: {', '.join(probes)}" for row, probes in places.items())
        yield Disagreement(key, where)


# -- Markdown --------------------------------------------------------------------------------------


def markdown(rows: Sequence[Held]) -> Iterator[str]:
    """Paragraphs: a table of all products, then what disagrees in each."""
    head = ("product", "program", "rows", "probes", "facts", "agree", "racy")
    lines = [_line(name, version_of(its), its) for name, its in by_product(rows).items()]
    yield table([head, ("---",) * len(head), *lines, _line("all", "", rows)])
    for name, its in by_product(rows).items():
        yield f"## {name}"
        found = [(it.fact, it.real, it.simulated, it.where, it.why) for it in disagreements(its)]
        if not found:
            yield "Every fact agrees."
            continue
        columns = ("fact", "real", "simulated", "where", "why")
        body = [(*it[:4], it[4] or _UNEXPLAINED) for it in found]
        yield table([columns, ("---",) * len(columns), *body])


def table(lines: Iterable[Sequence[str]]) -> str:
    """A table; its first line is the head, its second the rule below that."""
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

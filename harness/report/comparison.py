"""The report of a comparison at a terminal: the places, and what changes from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.model.survey import Change, Comparison
from harness.report.survey import labelled, remedy
from harness.report.terminal import STYLES, show_line
from harness.report.wording import visible, wrapped

_DIM = "dim"
_LEAST_WIDTH = 40


def show(comparison: Comparison, console: Console, directory: Path) -> None:
    """Print the report."""
    for line in lines(comparison, console.width, directory):
        show_line(line, console)


def lines(comparison: Comparison, width: int, directory: Path) -> Iterator[Text]:
    """Lay the report out; URLs are never broken, and may stick out."""
    width = max(width, _LEAST_WIDTH)
    yield Text(f"{visible(comparison.request)}, nearest your server first", _DIM)
    for number, place in enumerate(comparison.places, 1):
        yield Text(f"{number}  {visible(place.url)}")
        said = f"   {visible(' · '.join((place.stream, *place.observed)))}"
        yield from (Text(it, _DIM) for it in wrapped(said, width, "   "))
    for number, change in enumerate(comparison.changes, 1):
        yield from _change(number, change, width)
    yield Text.assemble(("report ", _DIM), str(directory))


def _change(number: int, change: Change, width: int) -> Iterator[Text]:
    between = f"{number} → {number + 1}"
    if not change.what:
        yield Text.assemble(("PASS", STYLES["PASS"]), f" {between}   nothing changes")
        return
    for outcome, what, said in change.what:
        first, *rest = wrapped(f"{outcome} {between}   {what}   {visible(said)}", width, "    ")
        yield Text.assemble((outcome, STYLES[outcome]), first.removeprefix(outcome))
        yield from map(Text, rest)
    for name, why in change.looks_like:
        yield from labelled("like", f"{name}   {why}", width)
    for it in change.remedies:
        yield from labelled("fix", remedy(it), width)

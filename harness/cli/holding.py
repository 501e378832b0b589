"""Holding products against programs, for `fidelity`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Console

from harness.engine import fidelity as engine
from harness.fidelity import rows as known
from harness.fidelity.matrix import Held
from harness.fidelity.rows import Row
from harness.model.verdict import (
    EXIT_ERROR,
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_PASS,
)
from harness.report import fidelity as report
from harness.report.terminal import make_console
from harness.scenario.keywords import parse


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Args:
        products: Names; none: all that there are.
        probe: An expression over names of probes; "": all.
        row: An expression over names of configurations; "": all.
        width: How many configurations at once.
    """

    products: tuple[str, ...]
    probe: str
    row: str
    width: int


def chosen(asked: Asked) -> list[Row]:
    """The rows that were asked for, with those of their probes that were."""
    return list(_chosen(asked))


def _chosen(asked: Asked) -> Iterator[Row]:
    is_wanted, is_asked = _predicate(asked.row), _predicate(asked.probe)
    for product in asked.products or known.products():
        for row in known.rows(product):
            probes = {name: ask for name, ask in row.probes.items() if is_asked(name)}
            if probes and is_wanted(row.name):
                yield replace(row, probes=probes)


def _predicate(expression: str) -> Callable[[str], bool]:
    return parse(expression) if expression.strip() else lambda _: True


def list_rows(asked: Asked, *, no_color: bool) -> int:
    """Print what there is."""
    console = make_console(no_color=no_color)
    rows = chosen(asked)
    for row in rows:
        line = f"{row.product} {row.name}: {', '.join(row.probes)}"
        console.print(line, highlight=False, soft_wrap=True)
    return EXIT_PASS if rows else EXIT_NOTHING


def hold_rows(asked: Asked, *, as_json: bool, no_color: bool) -> int:
    """Hold what was asked for; the exit code."""
    rows = chosen(asked)
    if not rows:
        sys.stderr.write("nothing matches; --list shows what there is\n")
        return EXIT_NOTHING
    out = make_console(no_color=no_color)
    said = make_console(no_color=no_color, file=sys.stderr) if as_json else out
    began_s = time.monotonic()
    watcher = _Watcher(said, len(rows))
    is_whole = True
    try:
        held = engine.hold(rows, None, asked.width, watcher)
    except KeyboardInterrupt:
        is_whole = False
        held = tuple(watcher.held)
        said.print(f"interrupted: {len(held)} of {len(rows)} are done")
    if as_json:
        took_s = time.monotonic() - began_s
        made = report.as_json(held, took_s, datetime.now(UTC).date().isoformat())
        sys.stdout.write(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    elif held:
        out.print()
        report.print_table(out, held)
    return _exit_code(held) if is_whole else EXIT_INTERRUPTED


def _exit_code(held: tuple[Held, ...]) -> int:
    if any(it.error for it in held):
        return EXIT_ERROR
    if all(it.skipped for it in held):
        return EXIT_INCONCLUSIVE
    return EXIT_PASS if report.is_good_enough(held) else EXIT_FAIL


class _Watcher:
    """Says what is done."""

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._count = count
        self.held: list[Held] = []

    def finished(self, held: Held) -> None:
        """Say that a row is done."""
        self.held.append(held)
        report.print_row(self._console, held, len(self.held), self._count)

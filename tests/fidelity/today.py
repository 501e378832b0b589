"""Write `reports/fidelity/README.md`: today's programs beside their simulations.

    python -m tests.fidelity.today

Takes some minutes: every row of `harness/fidelity/rows` is asked all its probes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.engine.fidelity import hold
from harness.fidelity.compare import Compared, compared
from harness.fidelity.matrix import Held
from harness.fidelity.record import Record
from harness.fidelity.rows import products, rows
from harness.report import fidelity as report
from harness.report.terminal import make_console
from tests.fidelity import configs, records
from tests.fidelity.reduce import MANY

FILE = Path(__file__).resolve().parents[2] / "reports" / "fidelity" / "README.md"
_AT_ONCE = 8
_OLD = "## Against the stored measurements"


def text(held: Sequence[Held], day: str) -> str:
    """The report."""
    parts = [*_head(day), *report.markdown(held), *_stored(held)]
    return "\n\n".join(parts) + "\n"


def _head(day: str) -> Iterator[str]:
    yield "# Simulated and real, side by side"
    yield (
        "<!-- made by `python -m tests.fidelity.today`; do not edit. "
        "`sse-harness fidelity` shows the same of the programs that are installed -->"
    )
    yield (
        f"{day}: each program was started on loopback in several configurations, and asked the "
        "probes of `harness/fidelity/battery.py` by one client, with one scripted origin behind "
        "it. The same probes went through its simulation, and every fact is compared: status, "
        "instants of the head and the end, arrival of events, end, framing, content coding, "
        "fields added and lost, what became of the upstream connection, sharing. "
        "`harness/fidelity/tolerances.py` says how far apart is the same. *Racy* are facts that "
        "were so in one attempt and otherwise in another, or of which a deviation says that the "
        "program is not of one mind: they may differ from run to run, all others may not."
    )
    yield (
        "What disagrees counts as disagreement, whether or not there is a reason for it; the "
        "reason is a deviation that the product tells (`sse-harness explain PRODUCT`)."
    )


def _stored(held: Sequence[Held]) -> Iterator[str]:
    yield _OLD
    lines, count = [], 0
    for it in held:
        old = _stored_of(it.row.product)
        for cell in it.cells:
            found = old.get((it.row.name, cell.record.probe))
            if found is not None:
                facts = list(_facts(found, cell.record, it.row.product))
                count += len(facts)
                lines += [(it.row.product, it.row.name, each) for each in facts]
    differ = [(product, row, it) for product, row, it in lines if not it.is_agreed]
    yield (
        "How many events a second the log's origin could write is its own: of dense streams, "
        "instants are left out."
    )
    yield (
        f"Of {count} facts that the stored measurements (`tests/fidelity/records.json.gz`) have of "
        f"the same probes and configurations, {count - len(differ)} are the same today."
    )
    columns = ("product", "configuration", "probe", "fact", "stored", "today")
    if differ:
        body = [
            (product, row, it.record.probe, it.fact, it.measured, it.simulated)
            for product, row, it in differ
        ]
        yield report.table([columns, ("---",) * len(columns), *body])


def _stored_of(product: str) -> dict[tuple[str, str], Record]:
    if product not in configs.names():
        return {}
    chosen = records.of(configs.configs(product).records)
    return {(it.config, it.probe): it for it in chosen}


def _facts(stored: Record, today: Record, product: str) -> Iterator[Compared]:
    for it in compared(stored, today.seen, product):
        if stored.ask.n < MANY or not it.fact.endswith(" at"):
            yield it


class _Watcher:
    def __init__(self, count: int) -> None:
        self._console = make_console()
        self._count = count
        self._done = 0

    def finished(self, held: Held) -> None:
        """Say that a row is done."""
        self._done += 1
        report.print_row(self._console, held, self._done, self._count)


def main() -> int:
    """Measure, and write the file."""
    chosen = [row for product in products() for row in rows(product)]
    held = hold(chosen, None, _AT_ONCE, _Watcher(len(chosen)))
    problems = [f"{it.row.product} {it.row.name}: {it.skipped or it.error}" for it in held]
    problems = [it for it in problems if not it.endswith(": ")]
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 1
    FILE.write_text(text(held, datetime.now(UTC).date().isoformat()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

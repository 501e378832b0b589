"""Files that are made from the tables in the code: `python -m tests.generated` writes them.

With `--check` it only compares, and says what differs; CI does that.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from harness.checks.base import CheckConfig
from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.faults.base import FaultConfig
from harness.faults.registry import FAULTS, settings_of
from harness.faults.when import When
from harness.model import verdict
from harness.model.scenario import EventSource, ReferenceSettings, Target, Traffic, Twin
from harness.products import products
from harness.report.model_tables import Key, keys, summary
from harness.report.pages import Table, markdown, markdown_table
from harness.report.product_page import LEGEND, best_mark, of_product
from harness.scenario import project
from harness.scenario.expand import expand
from harness.scenario.load import load
from harness.scenario.schema import schema
from harness.scenario.select import scenario_files
from tests.fidelity import report

ROOT = Path(__file__).parent.parent
STORED = ROOT / "reports" / "fidelity" / "stored.md"
_MADE = "<!-- made by `python -m tests.generated`; do not edit -->"
_TAKES = (
    "A time is written `250ms`, `30s`, `1m30s` or `2h`, a size `512B`, `4KiB` or `1MB`; a bare "
    "number is neither. `null` is what the meaning says of it. Every fault also takes `when:`."
)
_EXIT_CODES = (
    (verdict.EXIT_PASS, "pass, WARN included"),
    (verdict.EXIT_FAIL, "a check failed"),
    (verdict.EXIT_USAGE, "usage, or an invalid scenario"),
    (verdict.EXIT_INCONCLUSIVE, "inconclusive, or every case was skipped"),
    (verdict.EXIT_ERROR, "the target cannot be reached, or the harness failed"),
    (verdict.EXIT_NOTHING, "nothing was selected"),
    (verdict.EXIT_INTERRUPTED, "interrupted"),
)


def files() -> dict[Path, str]:
    """Every generated file and its content."""
    return {
        ROOT / "docs" / "catalogue.md": _catalogue(),
        ROOT / "docs" / "products.md": _products(),
        ROOT / "docs" / "scenario.schema.json": json.dumps(schema(), indent=2) + "\n",
        ROOT / "docs" / "sse-harness.schema.json": json.dumps(project.schema(), indent=2) + "\n",
        STORED: report.text(),
    }


def stale() -> list[Path]:
    """The generated files that are not what they would be made now."""
    return [
        path
        for path, text in files().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]


def _catalogue() -> str:
    parts = [
        "# Catalogue",
        _MADE,
        "## Faults",
        "What a hop may do, in `through:` and `--through`. Sizes and times carry units.",
        _TAKES,
        *(_fault(name, fault) for name, fault in FAULTS.items()),
        _model("when", When),
        "## Checks",
        "What `expect:` may ask; a bare value, `stays_open: 200s`, is the first key.",
        _table(
            ("check", "holds when", "level", "key: what it takes, default"),
            [(f"`{it.name}`", it.summary, it.level, _bounds(it)) for it in CHECKS.values()],
        ),
        "## Keys of a scenario",
        "Beside `id`, `why`, `source`, `through:` and `expect:`.",
        _model("traffic", Traffic),
        _model("server", ReferenceSettings),
        _model("client: {eventsource: …}", EventSource),
        _model("twin", Twin),
        "## Flaws",
        "What the reference server can be told to do wrong: `sse-harness run --flaw NAME`.",
        _table(
            ("flaw", "the server …", "caught by"),
            [(f"`{name}`", it.what, f"`{it.caught_by}`") for name, it in FLAWS.items()],
        ),
        "## Scenarios",
        "The built-in suite; a twin runs the same case with a flaw, which has to be caught.",
        _table(("cases", "why", "twins", "source"), list(_scenarios())),
        "## Exit codes",
        "Where several hold, the first of 130, 1, 4, 3, 0.",
        _table(("code", "means"), [(str(code), what) for code, what in _EXIT_CODES]),
    ]
    return "\n\n".join(parts) + "\n"


def _fault(name: str, fault: type[FaultConfig]) -> str:
    table = _keys(keys(fault, settings_of(fault)))
    said = f"{summary(fault)} Conserves {fault.conserves.value}."
    return f"### `{name}`\n\n{said}\n\n{table}"


def _keys(of: Iterable[Key]) -> str:
    rows = [
        (
            f"`{it.name}`",
            it.takes,
            "required" if it.default is None else f"`{it.default}`",
            it.meaning,
        )
        for it in of
    ]
    return _table(("key", "takes", "default", "meaning"), rows)


def _bounds(check: type[CheckConfig]) -> str:
    of = [f"`{it.name}`: {it.takes}, `{it.default}`" for it in keys(check)]
    return "<br>".join(of) or "`true`"


def _model(heading: str, model: type[BaseModel]) -> str:
    return f"### `{heading}`\n\n{summary(model)}\n\n{_keys(keys(model))}"


def _scenarios() -> Iterable[Sequence[str]]:
    for file in scenario_files(ROOT / "scenarios"):
        loaded = load(file, flaws=FLAWS)
        cases = expand(loaded, target=Target(), clock="virtual", seed=1)
        twins = ", ".join(f"`{twin.flaw}`" for twin in loaded.scenario.twin)
        # Of a matrix the first case with its whole id, of the others what differs.
        first, *others = (case.id for case in cases)
        ids = [first, *(it.removeprefix(loaded.scenario.id) for it in others)]
        yield ", ".join(f"`{it}`" for it in ids), loaded.scenario.why, twins, loaded.scenario.source


def _products() -> str:
    pages = [(it, of_product(it)) for it in products()]
    parts = [
        "# Products",
        _MADE,
        "Intermediaries by the names that `through:` knows; `sse-harness explain` shows the same.",
        LEGEND,
        "How far one that was measured agrees: [stored.md](../reports/fidelity/stored.md).",
        _table(
            ("product", "", "what"),
            [(_link(page.name), best_mark(it), it.title) for it, page in pages],
        ),
        *(markdown(page, level=2) for _, page in pages),
    ]
    return "\n\n".join(parts) + "\n"


def _link(heading: str) -> str:
    """A link to the heading of a page, by the anchor that GitHub makes of it."""
    return f"[{heading}](#{re.sub(r'[^\w-]', '', heading.lower())})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(Table.of(tuple(head), rows))


def main() -> int:
    """Write the files, or with `--check` compare them."""
    if "--check" in sys.argv[1:]:
        for path in stale():
            print(f"{path.relative_to(ROOT)} is stale: uv run python -m tests.generated")  # noqa: T201 - what this command is for
        return 1 if stale() else 0
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

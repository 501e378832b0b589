"""Files that are made from the tables in the code: `python -m tests.generated` writes them.

With `--check` it only compares, and says what differs; CI does that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.faults.registry import Row, catalogue
from harness.model import verdict
from harness.model.scenario import Target
from harness.scenario.expand import expand
from harness.scenario.load import load
from harness.scenario.schema import schema
from harness.scenario.select import scenario_files

ROOT = Path(__file__).parent.parent
_MADE = "<!-- made by `python -m tests.generated`; do not edit -->"
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
        ROOT / "docs" / "scenario.schema.json": json.dumps(schema(), indent=2) + "\n",
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
        *(_fault(row) for row in catalogue()),
        "## Checks",
        "What `expect:` may ask.",
        _table(
            ("check", "holds when", "level", "bound"),
            [
                (f"`{it.name}`", it.summary, it.level, f"`{it.short}`" if it.short else "true")
                for it in CHECKS.values()
            ],
        ),
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


def _fault(row: Row) -> str:
    table = _table(
        ("key", "default"),
        [
            (f"`{it.key}`", "required" if it.default is None else f"`{it.default}`")
            for it in row.settings
        ],
    )
    return f"### `{row.name}`\n\n{row.summary} Conserves {row.conserves.value}.\n\n{table}"


def _scenarios() -> Iterable[Sequence[str]]:
    for file in scenario_files(ROOT / "scenarios"):
        loaded = load(file, flaws=FLAWS)
        cases = expand(loaded, target=Target(), clock="virtual", seed=1)
        twins = ", ".join(f"`{twin.flaw}`" for twin in loaded.scenario.twin)
        ids = "<br>".join(f"`{case.id}`" for case in cases)
        yield ids, loaded.scenario.why, twins, loaded.scenario.source


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(it) for it in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


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

"""Whoever silences a tool says why, on the same line."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("harness", "tests", "benchmarks", "scenarios")
SILENCES = re.compile(r"#\s*(noqa\b|type:\s*ignore\b|pragma:|ruff:|mypy:)", re.IGNORECASE)
# The codes that are silenced, and then words: `noqa: S603 - why`, `type: ignore[misc]  # why`.
WITH_REASON = re.compile(
    r"# (noqa: [A-Z0-9, ]*[0-9] - |type: ignore\[[a-z, -]+\] {2}# |pragma: no cover - )[\w`'\"].+"
)


def silences(path: Path) -> Iterator[tuple[int, str]]:
    """The comments in a file that silence a tool, with their lines."""
    with tokenize.open(path) as lines:
        for token in tokenize.generate_tokens(lines.readline):
            if token.type == tokenize.COMMENT and SILENCES.search(token.string):
                yield token.start[0], token.string


@pytest.mark.parametrize("room", ROOMS)
def test_every_ignore_carries_its_reason(room: str) -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{line}: {comment}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, comment in silences(path)
        if not WITH_REASON.match(comment)
    ]
    assert bare == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S603",
        "# noqa: S603 - ",
        "# type: ignore[misc]",
        "# type: ignore  # of this loop only",
        "# pragma: no cover",
        "# ruff: noqa: S603 - a whole file",
        "# what it is  # noqa: S603",
    ],
)
def test_an_ignore_without_one_is_found(comment: str, tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(f"run()  {comment}\n", encoding="utf-8")
    assert [line for line, it in silences(path) if not WITH_REASON.match(it)] == [1]


def test_an_ignore_with_one_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text('run("# noqa")  # noqa: S603, S607 - what is asked for\n', encoding="utf-8")
    assert [WITH_REASON.match(it) is not None for _, it in silences(path)] == [True]

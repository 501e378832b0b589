"""The report of a check at a terminal: what survives, what fails, and what cures it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.model.survey import Remedy, Row, Survey
from harness.report.terminal import STYLES, show_line
from harness.report.wording import visible, wrapped

_DIM = "dim"
_LABEL = 8
_INDENT = "  "
_LEAST_WIDTH = 40
# So many of a list are named where nobody asked for all of them.
_NAMED = 4
_COUNTED = ("ERROR", "FAIL", "INCONCLUSIVE", "WARN", "SKIP")


def show(survey: Survey, console: Console, directory: Path | None, *, is_full: bool) -> None:
    """Print the report.

    Args:
        survey: What to report.
        console: From `terminal.make_console`.
        directory: Where its files are; None: not told.
        is_full: Whether to name all that is alike.
    """
    for line in lines(survey, console.width, directory, is_full=is_full):
        show_line(line, console)


def lines(
    survey: Survey, width: int, directory: Path | None = None, *, is_full: bool = False
) -> Iterator[Text]:
    """Lay the report out; see `show`. Commands are never broken, and may stick out."""
    width = max(width, _LEAST_WIDTH)
    yield from _said("target", f"{survey.target}     {survey.stream}", width)
    yield from _said("observed", " · ".join(survey.observed), width)
    yield from _said("kind", survey.kind, width)
    for row in survey.rows:
        if row.is_target:
            yield from _row(row, width, is_full=is_full)
    if survey.of:
        yield _counts(survey)
        yield from labelled("first", survey.first, width)
    for row in survey.rows:
        if not row.is_target:
            yield from _row(row, width, is_full=is_full)
    for skip in survey.skips:
        yield from _skip(skip, width, is_full=is_full)
    if survey.again:
        yield _label("again", survey.again)
    if directory is not None:
        yield _label("report", str(directory))


def _counts(survey: Survey) -> Text:
    is_all = survey.survived == survey.of
    line = Text.assemble(
        (f"SURVIVES {survey.survived} of {survey.of}", STYLES["PASS" if is_all else "FAIL"])
    )
    for outcome in _COUNTED:
        if count := survey.counts.get(outcome):
            line.append(f"   {outcome} {count}")
    line.append("      ● measured  ○ documented  ◌ reported", _DIM)
    if survey.projected:
        line.append(f"   {survey.projected}", _DIM)
    return line


def _row(row: Row, width: int, *, is_full: bool) -> Iterator[Text]:
    head = " ".join(filter(None, (row.outcome, row.grade, visible(row.title))))
    said = f"{head}   {row.cause}   {visible(row.headline)}"
    first, *rest = wrapped(said, width, _INDENT * 2)
    yield Text.assemble((row.outcome, STYLES[row.outcome]), first.removeprefix(row.outcome))
    yield from map(Text, rest)
    if row.sent:
        yield Text(f"{_INDENT}sent |{row.sent}", _DIM)
        held = f"   {visible(row.why)}" if row.why else ""
        line = f"{_INDENT}seen |{row.seen}"
        if len(line) + len(held) <= width:
            yield Text.assemble((line, _DIM), held)
        else:
            yield Text(line, _DIM)
            yield from labelled("why", row.why, width)
    else:
        yield from labelled("why", row.why, width)
    for it in row.remedies:
        yield from labelled("fix", remedy(it), width)
    yield from labelled("confirm", row.confirm, width)
    if row.alike:
        named = row.alike if is_full else row.alike[:_NAMED]
        more = "" if len(named) == len(row.alike) else ", …     -v to list"
        yield from labelled(
            "", f"{len(row.alike)} more, same cause: {', '.join(named)}{more}", width
        )


def remedy(it: Remedy) -> str:
    """A remedy, and whether it is known to help."""
    match it.is_proven:
        case None:
            return it.text
        case True:
            return f"{it.text}     PROVEN: replayed → PASS"
        case False:
            return f"{it.text}     does not help (replayed)"


def _skip(said: str, width: int, *, is_full: bool) -> Iterator[Text]:
    names = said.split(", ")
    if not is_full and len(names) > _NAMED:
        said = f"{', '.join(names[:_NAMED])}, …     -v to list"
    lines = wrapped(f"SKIP   {visible(said)}", width, _INDENT * 3)
    yield from (Text(line, _DIM) for line in lines)


def _said(label: str, said: str, width: int) -> Iterator[Text]:
    first, *rest = wrapped(f"{label:<{_LABEL}} {visible(said)}", width, " " * (_LABEL + 1))
    yield Text.assemble((label, _DIM), first.removeprefix(label))
    yield from map(Text, rest)


def labelled(label: str, said: str, width: int) -> Iterator[Text]:
    """A line under a row, with what it is about before it; nothing where nothing is said."""
    if not said:
        return
    indent = _INDENT + " " * _LABEL
    for number, line in enumerate(wrapped(f"{indent}{visible(said)}", width, indent)):
        head = f"{_INDENT}{label:<{_LABEL}}"
        yield Text.assemble((head, _DIM), line.strip()) if number == 0 else Text(line)


def _label(label: str, said: str) -> Text:
    return Text.assemble((f"{label:<{_LABEL - 1}}", _DIM), visible(said))

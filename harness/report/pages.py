"""Pages of documentation: made once from the tables, shown on a terminal or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

_GAP = 2
_NARROWEST = 16


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head, all with as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: words, a table, lines to type, or several of them, in this order."""

    heading: str
    text: str = ""
    table: Table | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say of one thing.

    Args:
        name: Its name, as it is written in YAML or on the command line.
        summary: One line.
        sections: The rest; empty ones are left out when it is shown.
    """

    name: str
    summary: str
    sections: tuple[Section, ...] = ()

    def parts(self) -> Iterator[Section]:
        """The sections that say something."""
        for it in self.sections:
            if it.text or it.commands or (it.table and it.table.rows):
                yield it


def markdown(page: Page, level: int = 1) -> str:
    """A page in Markdown.

    Args:
        page: The page.
        level: Of its heading.
    """
    parts = [f"{'#' * level} `{page.name}`", page.summary]
    for it in page.parts():
        if it.heading:
            parts.append(f"**{it.heading}**")
        if it.text:
            parts.append(it.text)
        if it.table and it.table.rows:
            parts.append(markdown_table(it.table))
        if it.commands:
            parts.append("\n".join(["```console", *it.commands, "```"]))
    return "\n\n".join(parts)


def markdown_table(table: Table) -> str:
    """A table in Markdown."""
    lines: list[Sequence[str]] = [table.head, ["---"] * len(table.head), *table.rows]
    return "\n".join("| " + " | ".join(_cell(it) for it in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def lines(page: Page, width: int) -> Iterator[Text]:
    """A page for a terminal of so many columns, line by line."""
    yield Text(page.name, "bold")
    yield from _wrapped(page.summary, width)
    for it in page.parts():
        yield Text()
        if it.heading:
            yield Text(it.heading, "bold")
        if it.text:
            yield from _wrapped(it.text, width)
        if it.table and it.table.rows:
            yield from _columns(it.table, width)
        yield from (Text(f"  {command}") for command in it.commands)


def _wrapped(text: str, width: int) -> Iterator[Text]:
    for paragraph in text.splitlines():
        yield from (Text(line) for line in _fold(paragraph, width))


def _columns(table: Table, width: int) -> Iterator[Text]:
    """The table with its last column folded; where even that is too narrow, below the others."""
    rows = [tuple(_plain(it) for it in row) for row in table.rows]
    used = [max(len(row[at]) for row in (table.head, *rows)) for at in range(len(table.head))]
    is_used = [any(row[at] for row in rows) for at in range(len(used))]
    columns = [at for at in range(len(used)) if is_used[at]]
    *fixed, last = columns
    indent = sum(used[at] + _GAP for at in fixed)
    is_folded = width - indent < max(_NARROWEST, min(used[last], width // 3))
    for number, row in enumerate((table.head, *rows)):
        style = "dim" if number == 0 else ""
        start = "".join(row[at].ljust(used[at] + _GAP) for at in fixed)
        if is_folded:
            yield Text(start.rstrip(), style)
            yield from (Text(f"    {it}", style) for it in _fold(row[last], width - 4) if row[last])
            continue
        first, *more = _fold(row[last], width - indent)
        yield Text((start + first).rstrip(), style)
        yield from (Text(" " * indent + it, style) for it in more)


def _fold(text: str, width: int) -> list[str]:
    folded = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return folded or [""]


def _plain(text: str) -> str:
    """A cell without what only Markdown reads."""
    return text.replace("`", "").replace("<br>", " ")

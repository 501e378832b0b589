"""Pages of documentation: made once from the tables, shown on a terminal or as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

_GAP = 2
_NARROWEST = 16
_INDENT = "  "
# What is code already, and what Markdown would take for its own in the rest.
_CODE = re.compile(r"(`[^`]*`)")
_OWN = re.compile(r"[*<]")
# A word of a command, or an option with its value; a quoted one is one.
_WORD = re.compile(r"(?:-[\w-]+ (?!-))?(?:'[^']*'|\S)+")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head, all with as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, head: tuple[str, ...], rows: Iterable[Sequence[str]]) -> Table:
        """A table of rows as they come."""
        return cls(head, tuple(map(tuple, rows)))


@dataclass(frozen=True, slots=True)
class Item:
    """One of a list.

    Args:
        text: What it is, in prose.
        name: What it is called, as it is typed, or "".
        mark: How it is known, or "".
        more: What else there is to say of it, each with a word or two before it, or "".
    """

    text: str
    name: str = ""
    mark: str = ""
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: words, a table, a list, lines to type, or several, in this order."""

    heading: str
    text: str = ""
    table: Table | None = None
    commands: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


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
            if it.text or it.items or it.commands or (it.table and it.table.rows):
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
            parts.append(_escaped(it.text))
        if it.table and it.table.rows:
            parts.append(markdown_table(_escaped_table(it.table)))
        if it.items:
            parts.append("\n".join(map(_bullet, it.items)))
        if it.commands:
            parts.append("\n".join(["```console", *it.commands, "```"]))
    return "\n\n".join(parts)


def _bullet(item: Item) -> str:
    """An item on one line of Markdown."""
    head = " ".join(filter(None, (item.mark, f"`{item.name}`" if item.name else "")))
    told = [(f"*{label}:* " if label else "", it) for label, it in (("", item.text), *item.more)]
    said = ". ".join(label + _escaped(words).rstrip(".") for label, words in told if words)
    return f"* {': '.join(filter(None, (head, said)))}"


def _escaped(text: str) -> str:
    """Prose in which Markdown finds nothing of its own but code."""
    parts = _CODE.split(text)
    return "".join(it if it.startswith("`") else _OWN.sub(r"\\\g<0>", it) for it in parts)


def _escaped_table(table: Table) -> Table:
    return Table(table.head, tuple(tuple(map(_escaped, row)) for row in table.rows))


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
        if it.items:
            yield from _list(it.items, width)
        for command in it.commands:
            yield from map(Text, _command(command, width))


def _list(items: Sequence[Item], width: int) -> Iterator[Text]:
    """Items below each other: a mark, the name, and what is said of it indented."""
    indent = " " * (1 + _GAP) if any(it.mark for it in items) else _INDENT
    labels = [label for item in items for label, _ in item.more if label]
    label_chars = max(map(len, labels), default=0) + _GAP
    for item in items:
        start = item.mark.ljust(len(indent)) if item.mark else ""
        first, *rest = _hung(item.name or item.text, width, start, indent)
        yield Text.assemble(start, (first, "bold" if item.name else ""))
        yield from map(Text, rest)
        if item.name and item.text:
            yield from map(Text, (indent + it for it in _fold(item.text, width - len(indent))))
        for label, words in item.more:
            head = indent + label.ljust(label_chars) if label else indent
            first, *rest = _hung(words, width, head, " " * len(head))
            yield Text.assemble((head, "dim"), first)
            yield from map(Text, rest)


def _hung(text: str, width: int, start: str, indent: str) -> list[str]:
    """Lines that stand behind `start`, the further ones behind `indent`."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    first, *rest = lines or [start]
    return [first.removeprefix(start), *rest]


def _command(command: str, width: int) -> Iterator[str]:
    """A command in as many lines as it takes, to be copied as they are."""
    line, *words = _WORD.findall(command)
    line = _INDENT + line
    for at, word in enumerate(words, 1):
        rest = "" if at == len(words) else " \\"
        if len(f"{line} {word}{rest}") > width:
            yield f"{line} \\"
            line = f"{_INDENT * 2}{word}"
        else:
            line += f" {word}"
    yield line


def _wrapped(text: str, width: int) -> Iterator[Text]:
    for paragraph in _plain(text).splitlines():
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
    """A text without what only Markdown reads."""
    return text.replace("`", "").replace("<br>", " ")

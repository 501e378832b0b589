"""The files of an nginx configuration, read into one tree of directives that know their lines.

What a token and a comment are is crossplane's to say. Only its lexer is used: its table of known
directives is older than nginx, and would refuse what nginx takes. Above that nginx is followed:

* `include` stands for the directives of the files it names, wherever it is written. A relative name
  starts at the folder of the main file, not of the file that includes. A name with `*`, `?` or `[`
  is a glob: no match is no mistake, and matches come sorted by their bytes. A plain name has to
  exist. Source: https://nginx.org/en/docs/ngx_core_module.html#include
* The output of `nginx -T` holds each file after a line `# configuration file NAME:`; its includes
  are looked up in it alone. Source: https://nginx.org/en/docs/switches.html

Only http is read: what `events`, `mail` and `stream` or a table such as `map` includes cannot touch
a proxied response, and often is not at hand where the file is read.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from crossplane import lex_string
from crossplane.errors import NgxParserBaseException

from harness.errors import ScenarioError, shown
from harness.products.nginx_directives import Directive, Line
from harness.units import format_size

MAX_BYTES: Final = 8 * 1024 * 1024  # of all files together; nginx -T of a big site has a few MiB
MAX_DIRECTIVES: Final = 200_000  # after includes; two files that include two others, and so on
MAX_DEPTH: Final = 64  # of blocks in a file, and of files including each other

_MAGIC = re.compile(r"[*?\[]")
_DUMPED = re.compile(r"^# configuration file (?P<name>.+):\r?\n", re.MULTILINE)
# What nginx says besides stands before the first file, when both its outputs went to one.
_SAID = re.compile(r"\s*|nginx: .*|\d{4}/\d\d/\d\d .*")
_ESCAPED = re.compile(r"""\\(["'\\trn])""")
_MEANT: Final = {"t": "\t", "r": "\r", "n": "\n"}
_NOT_READ: Final = frozenset(
    ("charset_map", "events", "geo", "mail", "map", "split_clients", "stream", "types")
)
# nginx brings them along, and they say nothing about proxying (Debian's proxy_params does).
_SHIPPED: Final = frozenset(
    ("fastcgi.conf", "fastcgi_params", "koi-utf", "koi-win", "mime.types", "scgi_params",
     "uwsgi_params", "win-utf")
)  # fmt: skip


def read_files(file: Path, name: str) -> Directive:
    """Read a configuration and what it includes.

    Args:
        file: The main file, or the output of `nginx -T`.
        name: What lines call that file; relative includes are called relative to this.

    Returns:
        A directive without a name, whose block is the main level.

    Raises:
        ScenarioError: A file is missing, too long or no configuration, or includes itself. The
            message begins with file and line.
    """
    start = Line(name, 1)
    text = _text(file, start)
    dumped = list(_DUMPED.finditer(text))
    files: _Files
    if dumped and all(map(_SAID.fullmatch, text[: dumped[0].start()].splitlines())):
        ends = [*(it.start() for it in dumped[1:]), len(text)]
        texts = {
            str(PurePosixPath(it["name"])): text[it.end() : end]
            for it, end in zip(dumped, ends, strict=True)
        }
        main, text = next(iter(texts.items()))
        files = _Dump(PurePosixPath(main).parent, texts)
        start = Line(main, 1)
    else:
        main = file.name
        files = _Folder(file.parent, PurePosixPath(name).parent)
    reader = _Reader(files)
    return Directive("", (), start, reader.read(start, text, (files.called(main),)))


# -- where files are -------------------------------------------------------------------------------


class _Files(Protocol):
    """The files that includes may name."""

    def matching(self, pattern: str) -> list[str]:
        """The files that a glob matches, in nginx's order."""

    def called(self, written: str) -> str:
        """What lines call the file that an include names."""

    def text(self, written: str, asked: Line) -> str:
        """What the file that an include names holds."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """Files on this machine.

    Args:
        folder: Where relative names start.
        named: What lines call that folder.
    """

    folder: Path
    named: PurePosixPath

    def matching(self, pattern: str) -> list[str]:
        return sorted(glob.glob(pattern, root_dir=self.folder), key=os.fsencode)  # noqa: PTH207 - sees no hidden files, as nginx

    def called(self, written: str) -> str:
        return str(self.named / written)

    def text(self, written: str, asked: Line) -> str:
        return _text(self.folder / written, asked, f"include {written}: ")


@dataclass(frozen=True, slots=True)
class _Dump:
    """Files in the output of `nginx -T`, by their names there."""

    folder: PurePosixPath
    texts: dict[str, str]

    def matching(self, pattern: str) -> list[str]:
        full = (self.folder / pattern).parts
        return sorted(
            (name for name in self.texts if _is_matching(full, PurePosixPath(name).parts)),
            key=os.fsencode,
        )

    def called(self, written: str) -> str:
        return str(self.folder / written)

    def text(self, written: str, asked: Line) -> str:
        text = self.texts.get(self.called(written))
        if text is None:
            raise asked.error(f"include {written}: no such file in the output of nginx -T")
        return text


def _is_matching(pattern: tuple[str, ...], name: tuple[str, ...]) -> bool:
    return len(pattern) == len(name) and all(
        fnmatch.fnmatchcase(there, here) and here.startswith(".") >= there.startswith(".")
        for here, there in zip(pattern, name, strict=True)
    )


def _text(file: Path, asked: Line, what: str = "") -> str:
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for, without end
            raise asked.error(f"{what}cannot be read: not a file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise asked.error(f"{what}cannot be read: {reason}") from error
    _check_length(len(data), asked)
    if data.startswith(b"\xef\xbb\xbf"):
        raise asked.error(f"{what}expected no byte order mark: nginx takes it for a directive")
    return data.decode(errors="replace")  # nginx takes any bytes, in comments above all


def _check_length(size_bytes: int, asked: Line) -> None:
    if size_bytes > MAX_BYTES:
        raise asked.error(f"expected at most {format_size(MAX_BYTES)} of configuration in all")


# -- from text to directives -----------------------------------------------------------------------

type _Token = tuple[str, int, bool]
"""Its text, the line it begins on, and whether it stood in quotes."""


@dataclass(slots=True)
class _Reader:
    """Reads files into directives, each file once."""

    files: _Files
    known: dict[str, tuple[Directive, ...]] = field(default_factory=dict)
    read_chars: int = 0

    def read(self, start: Line, text: str, trail: tuple[str, ...]) -> tuple[Directive, ...]:
        """Read one file.

        Args:
            start: Its first line.
            text: What it holds.
            trail: The files that led here, itself last; empty where includes are left alone.
        """
        self.read_chars += len(text)
        _check_length(self.read_chars, start)
        tokens = lex_string(text, start.file)
        try:
            return self._block((it for it in tokens if not _is_comment(it)), start, trail, 0)
        except NgxParserBaseException as error:
            raise Line(start.file, error.lineno).error(error.strerror) from error

    def _block(
        self, tokens: Iterator[_Token], opened: Line, trail: tuple[str, ...], depth: int
    ) -> tuple[Directive, ...]:
        """Read up to the brace that closes a block, or at depth 0 to the end of the file.

        The lexer has seen to it that there is such a brace, and none too many.
        """
        if depth > MAX_DEPTH:
            raise opened.error(f"expected at most {MAX_DEPTH} blocks in each other")
        found: list[Directive] = []
        for text, number, is_quoted in tokens:
            line = Line(opened.file, number)
            if not is_quoted and text == "}":
                break
            if not is_quoted and text in ("{", ";"):
                raise line.error(f'unexpected "{text}"')
            args, end = _arguments(tokens, line, text)
            more: Iterable[Directive]
            if end == "{":
                inside = self._block(tokens, line, () if text in _NOT_READ else trail, depth + 1)
                more = (Directive(text, args, line, inside),)
            elif text == "include" and trail:
                more = self._included(line, args, trail)
            else:
                more = (Directive(text, args, line),)
            for it in more:
                found.append(it)
                if len(found) > MAX_DIRECTIVES:
                    raise line.error(f"expected at most {MAX_DIRECTIVES} directives in a block")
        return tuple(found)

    def _included(
        self, line: Line, args: tuple[str, ...], trail: tuple[str, ...]
    ) -> Iterator[Directive]:
        if len(args) != 1:
            raise line.error(f"include: expected one name, got {shown(' '.join(args))}")
        names = self.files.matching(args[0]) if _MAGIC.search(args[0]) else args
        for name in names:
            yield from self._file(name, line, trail)

    def _file(self, written: str, line: Line, trail: tuple[str, ...]) -> tuple[Directive, ...]:
        name = self.files.called(written)
        if name in trail or len(trail) > MAX_DEPTH:
            raise line.error(f"include {written}: the file includes itself")
        if name not in self.known:
            try:
                text = self.files.text(written, line)
            except ScenarioError:
                if PurePosixPath(name).name not in _SHIPPED:
                    raise
                text = ""
            self.known[name] = self.read(Line(name, 1), text, (*trail, name))
        return self.known[name]


def _is_comment(token: _Token) -> bool:
    text, _, is_quoted = token
    return text.startswith("#") and not is_quoted


def _arguments(tokens: Iterator[_Token], line: Line, name: str) -> tuple[tuple[str, ...], str]:
    """What follows the name of a directive, and the `;` or `{` it ends with."""
    args: list[str] = []
    for text, _, is_quoted in tokens:
        if is_quoted or text not in ("{", "}", ";"):
            args.append(_ESCAPED.sub(lambda it: _MEANT.get(it[1], it[1]), text))
        elif text == "}":
            break
        else:
            return tuple(args), text
    raise line.error(f'expected ";" or "{{" after {shown(" ".join((name, *args)))}')

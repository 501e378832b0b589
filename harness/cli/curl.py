"""A curl command line, as people paste it from a shell or from a browser, read as a request.

Only what says what is asked, and whom to trust, is taken; what tells curl how to print is passed
over. Whatever else stands there is named: a request that is asked otherwise proves nothing.

https://curl.se/docs/manpage.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.errors import UsageError, shown

_TAKEN = {
    "-X": "request",
    "--request": "request",
    "-d": "data",
    "--data": "data",
    "--data-ascii": "data",
    "--data-raw": "data-raw",
    "--data-binary": "data-binary",
    "--json": "json",
    "-H": "header",
    "--header": "header",
    "-b": "cookie",
    "--cookie": "cookie",
    "-u": "user",
    "--user": "user",
    "-A": "agent",
    "--user-agent": "agent",
    "-e": "referer",
    "--referer": "referer",
    "--cacert": "cacert",
    "--url": "url",
}
"""Options with a value."""
_INSECURE = frozenset({"-k", "--insecure"})
# How curl prints, and what a stream is read like here anyway: any coding, and redirects followed.
_PASSED_OVER = frozenset({
    *("-N", "--no-buffer", "-s", "--silent", "-S", "--show-error", "-L", "--location"),
    *("-i", "--include", "-v", "--verbose", "--compressed"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Datum:
    """One `-d` of curl.

    Args:
        text: What is sent, or the name of a file that holds it.
        is_file: Whether it is a file's name; `-` is the standard input.
        is_exact: Whether a file is sent with its line ends.
    """

    text: str
    is_file: bool = False
    is_exact: bool = False


def datum(text: str, *, is_exact: bool = False) -> Datum:
    """What `-d` takes: a text, or behind an @ the name of a file."""
    is_file = text.startswith("@")
    return Datum(text[1:] if is_file else text, is_file, is_exact and is_file)


@dataclass(slots=True)
class _Read:
    urls: list[str] = field(default_factory=list)
    request: str | None = None
    data: list[Datum] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    is_json: bool = False
    is_insecure: bool = False
    cacert: str | None = None
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Curl:
    """What a curl command line asks.

    Args:
        url: With its scheme.
        request: As `-X`; None: as the data say.
        data: What is sent, in order.
        headers: Lines as `-H` takes them.
        is_insecure: As `-k`.
        cacert: As `--cacert`.
    """

    url: str
    request: str | None
    data: tuple[Datum, ...]
    headers: tuple[str, ...]
    is_insecure: bool
    cacert: str | None


def parse(words: Sequence[str]) -> Curl:
    """Read the words after `curl`.

    Raises:
        UsageError: There is an option that is not known, or not one URL.
    """
    read = _Read()
    for option, value in _options(words, read):
        _take(read, option, value)
    if read.unknown:
        raise UsageError(f"curl: not known here: {', '.join(dict.fromkeys(read.unknown))}")
    if len(read.urls) != 1:
        raise UsageError(f"curl: expected one URL, got {len(read.urls) or 'none'}")
    headers = list(_headers(read.headers))
    named = {line.partition(":")[0].strip().casefold() for line in headers}
    if read.is_json:
        for name in ("Content-Type", "Accept"):
            headers += [] if name.casefold() in named else [f"{name}: application/json"]
    url = read.urls[0]
    return Curl(
        url=url if "://" in url else f"http://{url}",
        request=read.request,
        data=tuple(read.data),
        headers=tuple(headers),
        is_insecure=read.is_insecure,
        cacert=read.cacert,
    )


def _options(words: Sequence[str], read: _Read) -> Iterator[tuple[str, str]]:
    """Each option that takes a value, by its name in `_TAKEN`; the others are taken note of."""
    rest = iter(words)
    for word in rest:
        if word == "--":
            read.urls += rest
        elif not word.startswith("-") or word == "-":
            read.urls.append(word)
        elif word.startswith("--"):
            if word in _TAKEN:
                yield _TAKEN[word], _value(word, rest)
            else:
                _flag(read, word)
        else:
            yield from _letters(word, rest, read)


def _letters(word: str, rest: Iterator[str], read: _Read) -> Iterator[tuple[str, str]]:
    """The options of a word such as `-sSXPOST`."""
    for at, letter in enumerate(word[1:], 1):
        option = f"-{letter}"
        if option in _TAKEN:
            yield _TAKEN[option], word[at + 1 :] or _value(option, rest)
            return
        _flag(read, option)


def _flag(read: _Read, option: str) -> None:
    if option in _INSECURE:
        read.is_insecure = True
    elif option not in _PASSED_OVER:
        read.unknown.append(option)


def _value(option: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"curl {option}: expected a value after it")
    return value


def _take(read: _Read, option: str, value: str) -> None:
    match option:
        case "url":
            read.urls.append(value)
        case "request":
            read.request = value
        case "header":
            read.headers.append(value)
        case "cacert":
            read.cacert = value
        case "data" | "data-binary" | "json":
            read.data.append(datum(value, is_exact=option != "data"))
            read.is_json |= option == "json"
        case "data-raw":
            read.data.append(Datum(value))
        case "cookie":
            if "=" not in value:
                raise UsageError(f"curl -b {shown(value)}: expected name=value, not a file")
            read.headers.append(f"Cookie: {value}")
        case "user":
            if ":" not in value:
                raise UsageError("curl -u: expected user:password")
            credentials = base64.b64encode(value.encode()).decode()
            read.headers.append(f"Authorization: Basic {credentials}")
        case "agent":
            read.headers.append(f"User-Agent: {value}")
        case "referer":
            read.headers.append(f"Referer: {value}")
        case _:
            raise AssertionError(option)


def _headers(lines: Sequence[str]) -> Iterator[str]:
    """Header lines in our form: `Name;` is an empty one, `Name:` none, and the length is ours."""
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and value.strip():
            if name.strip().casefold() != "content-length":
                yield line
        elif not colon and line.endswith(";"):
            yield f"{line.removesuffix(';')}:"
        elif not colon:
            yield line  # which is none, and is refused as such

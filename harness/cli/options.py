"""Options that several verbs take, each in one place."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.curl import Datum, datum
from harness.errors import UsageError, shown
from harness.wire.headers import Headers

Url = Annotated[
    str | None,
    typer.Option("--url", help="The server under test; {port} is a port for --command."),
]
Method = Annotated[
    str | None, typer.Option("-X", "--request", metavar="METHOD", help="As curl -X.")
]
Body = Annotated[
    list[str] | None,
    typer.Option("-d", "--data", metavar="BODY", help="As curl -d; @FILE is what a file holds."),
]
Header = Annotated[
    list[str] | None, typer.Option("-H", "--header", metavar="'K: V'", help="As curl -H.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="As curl -k: believe whoever answers over TLS.")
]
InsecureShort = Annotated[bool, typer.Option("-k", "--insecure", help="As curl -k.")]
CaCert = Annotated[str | None, typer.Option("--cacert", metavar="FILE", help="As curl --cacert.")]
Command = Annotated[
    str | None,
    typer.Option(
        "--command",
        metavar="'PROGRAM ARGS'",
        help="Start the server under test, for each case; {port} is a free port, as is $PORT.",
    ),
]
Cwd = Annotated[
    str | None, typer.Option("--cwd", metavar="DIR", help="Where --command runs; here.")
]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable for --command."),
]
Ready = Annotated[
    str | None,
    typer.Option(
        "--ready",
        metavar="URL|PORT|TEXT",
        help="When --command is ready: this answers, or stands in its output; else it listens.",
    ),
]
ReadyTimeout = Annotated[
    str | None,
    typer.Option("--ready-timeout", metavar="TIME", help="How long that may take; 30s."),
]
App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTRIBUTE",
        help="Serve this ASGI application, which --url /path asks; in this process, if it can be.",
    ),
]
Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH", help="Run --app with this interpreter instead."),
]
Through = Annotated[
    str | None,
    typer.Option(
        "--through",
        metavar="CHAIN",
        help="Hops, client first: nginx or '[nginx, {idle_timeout: {after: 5s}}]'.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PRODUCT.SETTING=VALUE",
        help="A setting of a product in the chain: nginx.proxy_read_timeout=5s.",
    ),
]
AllowLoad = Annotated[
    bool,
    typer.Option(
        "--allow-load", help="Open more than one stream at once at a server on another machine."
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="Plain text, as NO_COLOR does.")]

type Clock = Literal["auto", "real", "virtual"]


def seconds(option: str, text: str) -> float:
    """What an option gives as a time above zero, in seconds.

    Args:
        option: Such as `--max-time`.
        text: Such as `65s`.

    Raises:
        UsageError: It is no time, or none above zero.
    """
    from harness.units import parse_duration  # noqa: PLC0415 - only where an option needs it

    try:
        time_s = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error
    if time_s <= 0:
        raise UsageError(f"{option}: expected a time above zero")
    return time_s


# RFC 9110 §5.6.2 and §5.5: what a request with anything else in it would fail of is no fault of
# the target's.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def body(parts: Sequence[str | Datum] | None) -> str | None:
    """The body, as curl makes it of its `-d` options: joined by `&`, a file without line ends.

    Bytes of a file that are no UTF-8 are surrogates in it.

    Args:
        parts: As `-d` takes them, or read already.

    Raises:
        UsageError: A file cannot be read.
    """
    if not parts:
        return None
    return "&".join(_content(datum(it) if isinstance(it, str) else it) for it in parts)


def _content(it: Datum) -> str:
    if not it.is_file:
        return it.text
    try:
        data = sys.stdin.buffer.read() if it.text == "-" else Path(it.text).read_bytes()
    except OSError as error:
        raise UsageError(f"-d @{it.text}: {(error.strerror or str(error)).lower()}") from error
    text = data.decode(errors="surrogateescape")
    return text if it.is_exact else re.sub(r"[\r\n\0]", "", text)


def method(name: str | None, body: str | None) -> str:
    """The method, as curl chooses it: POST when there is a body and none is named.

    Raises:
        UsageError: It is no method.
    """
    if name is not None and not _TOKEN.fullmatch(name):
        raise UsageError(f"-X {shown(name)}: expected a method such as POST")
    return (name or ("GET" if body is None else "POST")).upper()


def headers(lines: Sequence[str] | None, body: str | None) -> Headers:
    """Header fields from `K: V` lines; a body has curl's content type unless one is given.

    Raises:
        UsageError: A line is no header field.
    """
    fields = []
    for line in lines or []:
        name, colon, val = line.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"-H {line!r}: expected 'Name: value'")
        field = name.strip(), val.strip()
        if not _TOKEN.fullmatch(field[0]):
            raise UsageError(f"-H {shown(field[0])}: expected a name without blanks in it")
        if _CONTROL.search(field[1]):
            # Without the value: it may be a secret.
            raise UsageError(f"-H {field[0]}: expected a value without line ends in it")
        fields.append(field)
    if body is not None and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("Content-Type", "application/x-www-form-urlencoded"))
    return tuple(fields)

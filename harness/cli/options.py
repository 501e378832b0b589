"""Options that several verbs take, each in one place."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import typer

from harness.errors import UsageError, shown
from harness.wire.headers import Headers

Url = Annotated[str | None, typer.Option("--url", help="The server under test.")]
Method = Annotated[
    str | None, typer.Option("-X", "--request", metavar="METHOD", help="As curl -X.")
]
Body = Annotated[str | None, typer.Option("-d", "--data", metavar="BODY", help="As curl -d.")]
Header = Annotated[
    list[str] | None, typer.Option("-H", "--header", metavar="'K: V'", help="As curl -H.")
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
NoColor = Annotated[bool, typer.Option("--no-color", help="Plain text, as NO_COLOR does.")]

type Clock = Literal["auto", "real", "virtual"]

# RFC 9110 §5.6.2 and §5.5: what a request with anything else in it would fail of is no fault of
# the target's.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def method(name: str | None, body: str | None) -> str:
    """The method, as curl chooses it: POST when there is a body and none is named.

    Raises:
        UsageError: It is no method.
    """
    if name is not None and not _TOKEN.fullmatch(name):
        raise UsageError(f"-X {shown(name)}: expected a method such as POST")
    return (name or ("GET" if body is None else "POST")).upper()


def headers(lines: list[str] | None, body: str | None) -> Headers:
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

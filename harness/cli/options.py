"""Options that several verbs take, each in one place."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from harness.errors import UsageError
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
        help="Hops, client first: '[{idle_timeout: {after: 5s}}]'.",
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="Plain text, as NO_COLOR does.")]

type Clock = Literal["auto", "real", "virtual"]


def method(name: str | None, body: str | None) -> str:
    """The method, as curl chooses it: POST when there is a body and none is named."""
    return (name or ("GET" if body is None else "POST")).upper()


def headers(lines: list[str] | None, body: str | None) -> Headers:
    """Header fields from `K: V` lines; a body has curl's content type unless one is given.

    Raises:
        UsageError: A line has no colon.
    """
    fields = []
    for line in lines or []:
        name, colon, val = line.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"-H {line!r}: expected 'Name: value'")
        fields.append((name.strip(), val.strip()))
    if body is not None and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("Content-Type", "application/x-www-form-urlencoded"))
    return tuple(fields)

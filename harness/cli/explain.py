"""`sse-harness explain`: what an intermediary, a fault, a check or a scenario is about."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def explain(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A product, fault, check, flaw or scenario."),
    ] = None,
    no_color: options.NoColor = False,
) -> None:
    """Say what an intermediary does to a stream, where its numbers come from, what rescues one.

    Without a name: what there is.
    """
    from harness.cli import explaining  # noqa: PLC0415 - heavy

    explaining.explain(name, no_color=no_color)

"""`sse-harness fidelity`: the simulations beside the programs."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def fidelity(
    products: Annotated[
        list[str] | None, typer.Argument(metavar="[PRODUCT]...", help="Which; none: all.")
    ] = None,
    probe: Annotated[
        str, typer.Option("--probe", metavar="EXPR", help="Only probes that match, as in pytest.")
    ] = "",
    row: Annotated[
        str, typer.Option("--row", metavar="EXPR", help="Only configurations that match.")
    ] = "",
    width: Annotated[
        int, typer.Option("-n", "--at-once", min=1, help="Configurations at once.")
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the end.")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List what there is and stop.")] = False,
    no_color: options.NoColor = False,
) -> None:
    """Hold the simulated products against the real programs, on the same streams.

    Each program that is installed is started on loopback in several configurations. The same
    scripted origin and client stand around it and around its simulation, and what both saw is
    compared fact by fact. Exit codes: 0 they agree as far as is asked, 1 they do not, 2 usage,
    3 no program is installed, 4 a program broke, 130 interrupted.
    """
    from harness.cli import holding  # noqa: PLC0415 - heavy

    asked = holding.Asked(tuple(products or ()), probe, row, width)
    if list_only:
        raise typer.Exit(holding.list_rows(asked, no_color=no_color))
    raise typer.Exit(holding.hold_rows(asked, as_json=as_json, no_color=no_color))

"""`sse-harness serve`: the reference server by hand, on a real port."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.errors import UsageError


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    every: Annotated[str, typer.Option(help="Time between two events.")] = "1s",
    heartbeat: Annotated[str, typer.Option(help="Time between two comments.")] = "15s",
    flaw: Annotated[list[str] | None, typer.Option(help="Serve with this flaw.")] = None,
) -> None:
    """Serve the reference server on a loopback port until Ctrl-C."""
    from harness.engine.serving import serve_reference  # noqa: PLC0415 - heavy
    from harness.units import parse_duration  # noqa: PLC0415 - heavy

    try:
        every_s, heartbeat_s = parse_duration(every), parse_duration(heartbeat)
    except ValueError as error:
        raise UsageError(str(error)) from error
    serve_reference(
        port=port,
        every_s=every_s,
        heartbeat_s=heartbeat_s,
        flaws=tuple(flaw or ()),
        said=typer.echo,
    )

"""`sse-harness trace`: what `curl -N` never tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError


def trace(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL | -- curl …]", help="The stream, or how curl asks for it."),
    ] = None,
    through: options.Through = None,
    settings: options.Settings = None,
    max_time: Annotated[
        str, typer.Option("--max-time", metavar="TIME", help="Stop after this time.")
    ] = "10s",
    request: options.Method = None,
    data: options.Body = None,
    header: options.Header = None,
    insecure: options.InsecureShort = False,
    cacert: options.CaCert = None,
    command: options.Command = None,
    cwd: options.Cwd = None,
    env: options.Env = None,
    ready: options.Ready = None,
    ready_timeout: options.ReadyTimeout = None,
    app: options.App = None,
    python: options.Python = None,
    no_reconnect: Annotated[
        bool, typer.Option("--no-reconnect", help="Stop when the stream ends.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the end.")] = False,
    no_color: options.NoColor = False,
) -> None:
    """Show each event as it comes, with its delay, each cut and by whose hand, each reconnect."""
    from harness.cli import targeting, tracing  # noqa: PLC0415 - heavy
    from harness.scenario import project  # noqa: PLC0415 - heavy

    max_time_s = options.seconds("--max-time", max_time)
    asked = targeting.Asked(
        request=request,
        data=data,
        header=header,
        insecure=insecure,
        cacert=cacert,
        command=command,
        cwd=cwd,
        env=env,
        ready=ready,
        ready_timeout=ready_timeout,
        app=app,
        python=python,
    )
    target = targeting.target(targeting.of_words(what or (), asked), (), project.find(Path.cwd()))
    if target.is_reference:
        raise UsageError("expected the URL of a stream")
    raise typer.Exit(
        tracing.trace(
            target,
            through=through,
            settings=tuple(settings or ()),
            max_time_s=max_time_s,
            reconnect=not no_reconnect,
            as_json=as_json,
            no_color=no_color,
        )
    )

"""`sse-harness compare`: one stream at several places on its way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError


def compare(
    urls: Annotated[
        list[str],
        typer.Argument(metavar="URL URL…", help="At your server, behind the proxy, at the edge."),
    ],
    request: options.Method = None,
    data: options.Body = None,
    header: options.Header = None,
    insecure: options.InsecureShort = False,
    cacert: options.CaCert = None,
    max_requests: Annotated[
        int, typer.Option("--max-requests", min=1, help="Ask each place no more often than this.")
    ] = 2,
    max_time: Annotated[
        str, typer.Option("--max-time", metavar="TIME", help="Watch a response no longer.")
    ] = "65s",
    report: Annotated[
        str, typer.Option(metavar="KINDS", help="Files to write: json, junit.")
    ] = "json,junit",
    report_dir: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("reports"),
    no_color: options.NoColor = False,
) -> None:
    """Ask for one stream at several places, nearest your server first, and say which changes it.

    Exit codes: 0 nothing changes, 1 something does, 2 usage, 4 a place cannot be asked, 130
    interrupted.
    """
    from harness.cli import comparing, targeting  # noqa: PLC0415 - heavy
    from harness.cli.running import report_kinds  # noqa: PLC0415 - heavy

    if len(urls) < 2:
        raise UsageError("expected two URLs or more, the one nearest your server first")
    max_time_s = options.seconds("--max-time", max_time)
    targets = [
        targeting.target(
            targeting.Asked(
                url=url,
                request=request,
                data=data,
                header=header,
                insecure=insecure,
                cacert=cacert,
            )
        )
        for url in urls
    ]
    code = comparing.compare(
        targets,
        max_requests=max_requests,
        max_time_s=max_time_s,
        kinds=report_kinds(report),
        reports=report_dir,
        no_color=no_color,
    )
    raise typer.Exit(code)

"""`sse-harness run`: scenarios against a server, with a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|FILE|DIR]...", help="Which scenarios; none: the whole suite."),
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", metavar="EXPR", help="Only ids that match, as in pytest.")
    ] = "",
    url: options.Url = None,
    request: options.Method = None,
    data: options.Body = None,
    header: options.Header = None,
    insecure: options.Insecure = False,
    cacert: options.CaCert = None,
    command: options.Command = None,
    cwd: options.Cwd = None,
    env: options.Env = None,
    ready: options.Ready = None,
    ready_timeout: options.ReadyTimeout = None,
    app: options.App = None,
    python: options.Python = None,
    flaw: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Test the reference server with this flaw."),
    ] = None,
    through: options.Through = None,
    settings: options.Settings = None,
    clock: Annotated[
        options.Clock,
        typer.Option(help="auto: virtual for the reference server, real for a URL."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 1,
    workers: Annotated[
        int | None, typer.Option("-n", "--workers", min=1, help="Processes.")
    ] = None,
    exit_first: Annotated[bool, typer.Option("-x", help="Stop at the first failure.")] = False,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", min=1, help="Stop after so many failures.")
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the cases and stop.")] = False,
    report: Annotated[
        str, typer.Option(metavar="KINDS", help="Files to write: json, junit.")
    ] = "json,junit",
    report_dir: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("reports"),
    from_dir: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Judge and report a finished run again."),
    ] = None,
    allow_load: options.AllowLoad = False,
    no_color: options.NoColor = False,
) -> None:
    """Run scenarios against a server and judge it.

    Exit codes: 0 pass, 1 fail, 2 usage or invalid scenario, 3 inconclusive, 4 target or harness
    error, 5 nothing selected, 130 interrupted.
    """
    from harness.cli import running, targeting  # noqa: PLC0415 - heavy
    from harness.scenario import project  # noqa: PLC0415 - heavy

    kinds = running.report_kinds(report)
    if from_dir is not None:
        raise typer.Exit(running.judge_again(from_dir, kinds, no_color=no_color))
    asked = running.Asked(
        words=tuple(what or ()),
        keyword=keyword,
        target=targeting.target(
            targeting.Asked(
                url=url,
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
            ),
            tuple(flaw or ()),
            project.find(Path.cwd()),
        ),
        through=through,
        settings=tuple(settings or ()),
        clock=clock,
        seed=seed,
        workers=workers,
        max_failures=1 if exit_first else max_failures,
        is_load_allowed=allow_load,
    )
    if only_list:
        raise typer.Exit(running.list_cases(asked, no_color=no_color))
    raise typer.Exit(running.run_cases(asked, kinds, report_dir, no_color=no_color))

"""`sse-harness check`: your server, one observation, every intermediary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError, did_you_mean


def check(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL | -- curl …]", help="Your stream, or how curl asks for it."),
    ] = None,
    url: options.Url = None,
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
    through: options.Through = None,
    settings: options.Settings = None,
    from_dir: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Use what a finished check observed; nothing is asked."
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Put each chain on the wire, in real time, in place of a replay."
        ),
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="notifications, llm-tokens, progress, ticker or mcp; guessed if not given.",
        ),
    ] = None,
    max_requests: Annotated[
        int, typer.Option("--max-requests", min=1, help="Ask the server no more often than this.")
    ] = 5,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time", metavar="TIME", help="Watch a response no longer; 65s, of a POST 180s."
        ),
    ] = None,
    allow_load: options.AllowLoad = False,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 1,
    report: Annotated[
        str, typer.Option(metavar="KINDS", help="Files to write: json, junit.")
    ] = "json,junit",
    report_dir: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("reports"),
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Name all that is alike.")
    ] = False,
    no_color: options.NoColor = False,
) -> None:
    """Ask your server once, and say which intermediaries its stream survives, and what cures it.

    Exit codes: 0 it survives all, 1 fail, 2 usage, 3 inconclusive, 4 target or harness error, 130
    interrupted.
    """
    from harness.cli import checking, targeting  # noqa: PLC0415 - heavy
    from harness.cli.running import report_kinds  # noqa: PLC0415 - heavy
    from harness.engine.asking import Limits  # noqa: PLC0415 - heavy
    from harness.scenario import project  # noqa: PLC0415 - heavy
    from harness.survey.kinds import KINDS  # noqa: PLC0415 - heavy

    max_time_s = None if max_time is None else options.seconds("--max-time", max_time)
    asked = targeting.Asked(
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
    )
    found = None if from_dir is not None else project.find(Path.cwd())
    if kind is None and found is not None:
        kind = found.project.kind
    if kind is not None and kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"; there are {', '.join(KINDS)}"
        raise UsageError(f"--kind {kind}: unknown kind{hint}")
    target = targeting.target(targeting.of_words(what or (), asked), (), found)
    if target.is_reference is (from_dir is None):
        raise UsageError("expected the URL of a stream, or --from DIR")
    if exact and from_dir is not None:
        raise UsageError("--exact asks your server, --from asks nothing: one of them")
    wanted = checking.Wanted(
        target=target,
        from_dir=from_dir,
        through=through,
        settings=tuple(settings or ()),
        limits=Limits(max_requests, max_time_s, is_load_allowed=allow_load),
        seed=seed,
        kinds=report_kinds(report),
        reports=report_dir,
        is_full=verbose,
        kind=kind,
        is_exact=exact,
    )
    raise typer.Exit(checking.check(wanted, no_color=no_color))

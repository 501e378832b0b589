"""Traces of servers nobody here wrote."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from harness.report.trace import Trace
from tests.real.programs import AtOnce, Finished, run

UNHURT = "[{latency: {delay: 1ms}}]"


def traced(url: str, *args: str, cwd: Path) -> Trace:
    """Trace once."""
    return decoded(run("trace", url, "--json", *args, cwd=cwd))


def decoded(ended: Finished) -> Trace:
    """The trace that the tool printed."""
    assert (ended.code, ended.err) == (0, ""), ended
    return msgspec.json.decode(ended.out, type=Trace)


def at_once(
    commands: Mapping[str, tuple[str, str, tuple[str, ...]]],
    origins: Mapping[str, str],
    folder: Path,
    width: int,
) -> AtOnce:
    """Make traces: of which server, which path, with which options."""
    return AtOnce(
        {
            name: partial(
                run,
                "trace",
                f"{origins[server]}{path}",
                "--json",
                *args,
                cwd=folder / str(number),
            )
            for number, (name, (server, path, args)) in enumerate(commands.items())
        },
        width,
    )

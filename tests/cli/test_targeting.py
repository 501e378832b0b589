"""The options that name a target, and what is wrong with them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from harness.cli import targeting
from harness.cli.targeting import Asked
from harness.errors import UsageError
from harness.model.target import Command, Target
from tests.cli.command import Command as Run

URL = "http://127.0.0.1:{port}/events"
PYTHON = shlex.quote(sys.executable)


def test_without_options_it_is_the_reference_server() -> None:
    assert targeting.target(Asked(), ("no-ids",)) == Target(flaws=("no-ids",))


def test_a_command_is_read_as_a_shell_splits_it(tmp_path: Path) -> None:
    target = targeting.target(
        Asked(
            url=URL,
            command=f"{PYTHON} -c 'print(1)' --port={{port}}",
            cwd=str(tmp_path),
            env=["A=b=c", "EMPTY="],
            ready="it listens",
            ready_timeout="1m30s",
            data=["{}"],
            header=["X-A: b"],
        )
    )
    assert target.command == Command(
        words=(sys.executable, "-c", "print(1)", "--port={port}"),
        cwd=str(tmp_path),
        env=(("A", "b=c"), ("EMPTY", "")),
        ready="it listens",
        ready_timeout_s=90.0,
    )
    assert (target.url, target.method, target.body) == (URL, "POST", "{}")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"command": "node app.js"},
         f"--command goes with --url, which names the stream: --url '{URL}'"),
        ({"header": ["A: b"]}, "-X, -d and -H go with --url"),
        ({"url": URL, "cwd": "."}, "--cwd goes with --command"),
        ({"url": URL, "ready_timeout": "3s"}, "--ready-timeout goes with --command"),
        ({"url": URL, "command": ""}, "--command: expected a program, such as 'node app.js'"),
        ({"url": URL, "command": "node 'x"}, "--command node 'x: no closing quotation"),
        ({"url": URL, "command": PYTHON, "env": ["NOVALUE"]},
         "--env NOVALUE: expected NAME=VALUE"),
        ({"url": URL, "command": PYTHON, "env": ["=s3cr3t"]},
         "--env an empty string: expected NAME=VALUE"),
        ({"url": URL, "command": PYTHON, "ready_timeout": "0s"},
         "--ready-timeout: expected a time above zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_obeyed_is_one_line(options: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        targeting.target(Asked(**options))  # type: ignore[arg-type]  # by name, as a test changes them
    assert str(refused.value) == why


def test_a_port_without_a_command_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^URL http"):
        targeting.target(Asked(url=URL))


@pytest.mark.parametrize("words", [("run",), ("trace", URL)])
def test_a_missing_program_is_one_line_before_anything_runs(
    words: tuple[str, ...], command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = () if words[0] == "trace" else ("--url", URL)
    said = command(*words, *url, "--command", "no-such-program")

    assert (said.code, said.out) == (4, "")
    assert said.err == "error: --command no-such-program: there is no such program\n"
    assert list(tmp_path.iterdir()) == []

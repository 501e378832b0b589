"""The options that name a target, and what is wrong with them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import targeting
from harness.cli.targeting import Asked
from harness.errors import UsageError
from harness.model.project import Project, ProjectTarget, ProjectTrigger
from harness.model.promises import EndMarker, Promises
from harness.model.target import Command, Target, Trigger
from harness.scenario.project import Found
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


# -- the project's file ----------------------------------------------------------------------------


def found(folder: Path, **target: object) -> Found:
    project = Project(target=ProjectTarget(**target), secrets=("X-Own",))
    return Found(folder / "sse-harness.yaml", project)


STARTED = {
    "url": URL,
    "command": ("node", "app.js"),
    "env": {"A": "1", "B": "2"},
    "headers": {"X-A": "file", "X-B": "file"},
    "body": {"q": "hi"},
}


def test_without_options_the_file_names_the_target(tmp_path: Path) -> None:
    target = targeting.target(
        Asked(), (), found(tmp_path, **STARTED, ready=80, ready_timeout_s=5.0)
    )
    assert target == Target(
        url=URL,
        method="POST",
        body='{"q": "hi"}',
        headers=(("X-A", "file"), ("X-B", "file"), ("Content-Type", "application/json")),
        command=Command(
            words=("node", "app.js"),
            cwd=str(tmp_path.resolve()),
            env=(("A", "1"), ("B", "2")),
            ready="80",
            ready_timeout_s=5.0,
        ),
        secrets=("X-Own",),
    )


def test_options_win_over_the_file(tmp_path: Path) -> None:
    asked = Asked(request="PUT", data=["x=1"], header=["x-a: flag"], env=["B=3"])
    target = targeting.target(asked, (), found(tmp_path, **STARTED))

    assert (target.method, target.body) == ("PUT", "x=1")
    assert target.headers == (
        ("X-B", "file"), ("x-a", "flag"), ("Content-Type", "application/x-www-form-urlencoded"),
    )  # fmt: skip
    assert target.command is not None
    assert dict(target.command.env) == {"A": "1", "B": "3"}


def test_another_command_runs_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    below = found(tmp_path / "below", **STARTED)
    target = targeting.target(Asked(command=PYTHON), (), below)
    assert target.command is not None
    assert (target.command.words, target.command.cwd) == ((sys.executable,), str(tmp_path))


def test_another_url_is_another_target(tmp_path: Path) -> None:
    other = targeting.target(Asked(url="http://other.test/"), (), found(tmp_path, **STARTED))
    assert other == Target(url="http://other.test/", secrets=("X-Own",))

    path = targeting.target(Asked(url=f"{URL}/other"), (), found(tmp_path, **STARTED))
    assert path.url == f"{URL}/other"
    assert path.command is not None


def test_a_flaw_is_the_reference_servers(tmp_path: Path) -> None:
    target = targeting.target(Asked(), ("no-ids",), found(tmp_path, **STARTED))
    assert (target.is_reference, target.flaws) == (True, ("no-ids",))


def test_a_trigger_goes_with_the_target_of_the_file(tmp_path: Path) -> None:
    file = found(tmp_path, **STARTED)
    trigger = ProjectTrigger(command="node notify.js {port}", body=None, every_s=5.0)
    file = replace(file, project=file.project.model_copy(update={"trigger": trigger}))

    pulled = targeting.target(Asked(), (), file).trigger
    assert pulled == Trigger(
        command=("node", "notify.js", "{port}"), cwd=str(tmp_path.resolve()), every_s=5.0
    )
    assert targeting.target(Asked(url="http://other.test/"), (), file).trigger is None
    assert targeting.target(Asked(), ("no-ids",), file).trigger is None


def test_what_the_file_says_of_its_target_holds_for_no_other_one(tmp_path: Path) -> None:
    own = Project(
        target=ProjectTarget(url="http://own.test/"),
        trigger=ProjectTrigger(command="true"),
        end_marker=EndMarker(data="[DONE]"),
        broadcast=True,
    )
    file = Found(tmp_path / "sse-harness.yaml", own)
    made = targeting.target(Asked(), (), file)
    assert made.promises == Promises(end_marker=EndMarker(data="[DONE]"), broadcast=True)
    assert made.trigger is not None
    assert targeting.target(Asked(url="http://other.test/"), (), file).promises == Promises()


def test_a_file_without_a_target_speaks_of_whatever_is_named(tmp_path: Path) -> None:
    file = Found(tmp_path / "sse-harness.yaml", Project(broadcast=True))
    made = targeting.target(Asked(url="http://named.test/"), (), file)
    assert made.promises.broadcast


@pytest.mark.parametrize("words", [("run", "--list"), ("trace",), ("check",)])
def test_every_verb_reads_it(
    words: tuple[str, ...], command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sse-harness.yaml").write_text("target: {url: '${NO_SUCH}'}")
    said = command(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "error: sse-harness.yaml:1:15: target.url: the environment variable NO_SUCH is not set\n"
    )

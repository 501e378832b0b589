"""Targets that are commands: started, awaited, watched, and ended with all that came of them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine.target_output import LIMIT_BYTES
from tests.real.programs import PATIENCE_S, Finished, Program, is_listening, run, started

pytestmark = pytest.mark.real

STUBBORN = Path(__file__).parent / "stubborn.py"
URL = "http://127.0.0.1:{port}/events"
CASE = "{id: mine/short, why: a test, watch: 3s, expect: {events_parse: true}}"
_POLL_S = 0.05


def command(*habits: str, port: str = "{port}") -> list[str]:
    words = [sys.executable, "-I", "-S", str(STUBBORN), port, *habits]
    return ["--url", URL.replace("{port}", port), "--command", shlex.join(words)]


def left(mark: str) -> list[int]:
    """The processes that have this in their command line."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_text(errors="replace")
            state = (line.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark in words and state != "Z":
            found.append(int(line.parent.name))
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(_POLL_S)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A word that only what this test starts has in its command line."""
    return f"test-{os.getpid()}-{tmp_path.name}"


def ran(mark: str, *habits: str, cwd: Path, more: tuple[str, ...] = ()) -> Finished:
    """A run of three seconds against the server with these habits; nothing of it is left."""
    (cwd / "case.yaml").write_text(CASE)
    ended = run("run", "case.yaml", *command(*habits, mark), *more, cwd=cwd)
    assert left(mark) == []
    return ended


def error(ended: Finished) -> str:
    """The one line that says what is wrong with the target."""
    (it,) = [it for it in ended.case.findings if it.outcome == "ERROR"]
    assert (ended.code, it.check) == (4, "target"), ended
    assert "\n" not in it.observed
    return it.observed


def output(ended: Finished) -> str:
    (log,) = ended.reports.glob("latest/*/target/log.txt")
    return log.read_text()


def test_a_command_is_started_on_a_free_port_that_its_environment_names(
    mark: str, tmp_path: Path
) -> None:
    ended = ran(mark, cwd=tmp_path)

    assert ended.code == 0, ended
    first = output(ended).splitlines()[0]
    said = re.fullmatch(r"it listens (\d+) ", first)
    assert said, first
    assert not is_listening(int(said[1]))


def test_a_command_that_is_deaf_to_sigterm_is_killed_and_named(mark: str, tmp_path: Path) -> None:
    ended = ran(mark, "deaf", cwd=tmp_path)

    assert ended.code == 0, ended
    (line,) = ended.err.splitlines()
    assert line.startswith("warning: mine/short: ")
    assert line.endswith("… ignored SIGTERM, and was killed")
    assert ended.case.note


def test_what_a_command_forked_away_ends_with_it(mark: str, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(CASE)
    with started("run", "case.yaml", *command("forks", mark), cwd=tmp_path) as program:
        # The leash, the server, and what it left in a session of its own.
        until(lambda: len(left(mark)) >= 4)
        ended = program.end()

    assert (ended.code, ended.err) == (0, "")
    assert left(mark) == []


def test_a_command_that_goes_into_the_background_is_one_line(mark: str, tmp_path: Path) -> None:
    said = error(ran(mark, "daemon", cwd=tmp_path))

    assert " ended with 0 " in said
    assert "; expected a command that stays in the foreground" in said


def test_a_command_that_crashes_is_one_line_with_its_reason(mark: str, tmp_path: Path) -> None:
    ended = ran(mark, "crashes", cwd=tmp_path)

    assert re.search(r"ended with 3 after 2\.\d s: RuntimeError: out of luck$", error(ended))
    assert "  at exit" in output(ended)


def test_a_command_that_prints_without_end_fills_no_disk(mark: str, tmp_path: Path) -> None:
    ended = ran(mark, "floods", cwd=tmp_path)

    assert ended.code in {0, 3}, ended  # inconclusive where this machine was late for it
    logs = list(ended.reports.glob("latest/*/target/*"))
    assert {it.name for it in logs} == {"log.txt", "log.1.txt"}
    assert all(it.stat().st_size <= LIMIT_BYTES for it in logs)


@pytest.mark.parametrize("ready", [None, "it listens", "http://127.0.0.1:{port}/health", "{port}"])
def test_a_command_that_binds_late_is_waited_for(
    ready: str | None, mark: str, tmp_path: Path
) -> None:
    more = () if ready is None else ("--ready", ready)
    ended = ran(mark, "late", cwd=tmp_path, more=more)

    assert (ended.code, ended.err) == (0, ""), ended


def test_a_command_that_binds_too_late_is_one_line(mark: str, tmp_path: Path) -> None:
    more = ("--ready-timeout", "700ms")
    said = error(ran(mark, "late", cwd=tmp_path, more=more))

    assert re.search(
        r" did not listen on 127\.0\.0\.1:\d+ within 0\.700 s \(--ready-timeout\)$", said
    )


def test_a_command_that_never_says_what_was_awaited_is_one_line(mark: str, tmp_path: Path) -> None:
    more = ("--ready", "all set", "--ready-timeout", "900ms")
    said = error(ran(mark, cwd=tmp_path, more=more))

    assert " did not say all set within 0.900 s (--ready-timeout): it listens" in said


def test_whoever_listens_already_is_not_taken_for_the_target(mark: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "case.yaml").write_text(CASE)
        ended = run("run", "case.yaml", *command(mark, port=str(port)), cwd=tmp_path)

    assert error(ended) == (
        f"port {port}: address already in use; stop what listens there, or write {{port}} for it "
        "in --url and --command"
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("verb", ["run", "trace"])
def test_nothing_of_it_is_left_when_this_process_goes(
    verb: str, how: signal.Signals, mark: str, tmp_path: Path
) -> None:
    _, url, *rest = command("deaf", "forks", mark)
    words = ["run", "--url", url, "--through", "[{latency: {delay: 1ms}}]", *rest]
    if verb == "trace":
        words = ["trace", url, "--max-time", "1m", *rest]
    with started(*words, cwd=tmp_path) as program:
        until(lambda: len(left(mark)) >= 4 and has_begun(verb, program, tmp_path))
        program.send(how, to_group=how == signal.SIGINT)
        ended = program.end()
        until(lambda: left(mark) == [])

    assert ended.code == (-signal.SIGKILL if how == signal.SIGKILL else 130), ended


def has_begun(verb: str, program: Program, cwd: Path) -> bool:
    if verb == "trace":
        return "message" in program.said()
    journals = (cwd / "reports").glob("latest/*/journal.jsonl")
    return any("client.read" in it.read_text() for it in journals)


def test_a_trace_ends_with_why_its_target_ended(mark: str, tmp_path: Path) -> None:
    _, url, *rest = command("crashes", mark)
    ended = run("trace", url, "--max-time", "20s", *rest, cwd=tmp_path)

    assert ended.code == 4
    assert "  1  " in ended.out
    assert ended.err.endswith(": RuntimeError: out of luck\n")
    assert len(ended.err.splitlines()) == 1
    assert left(mark) == []


def test_workers_have_targets_of_their_own(mark: str, tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / f"{n}.yaml").write_text(CASE.replace("short", f"short-{n}"))
    ended = run("run", ".", "-n", "2", *command(mark), cwd=tmp_path)

    assert ended.code == 0, ended
    ports = [it.read_text().split()[2] for it in ended.reports.glob("latest/*/target/log.txt")]
    assert len(ports) == 4
    assert left(mark) == []


def test_on_one_port_they_come_one_after_the_other(mark: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    for n in range(4):
        (tmp_path / f"{n}.yaml").write_text(CASE.replace("short", f"short-{n}"))
    ended = run("run", ".", "-n", "4", *command(mark, port=port), cwd=tmp_path)

    assert ended.code == 0, ended
    assert len(ended.verdict.cases) == 4

"""Runs that come to an early end, by a signal or for want of space: what there is, is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.model.journal import ClientRead, Journal
from tests.real.programs import HARNESS, PATIENCE_S, Program, is_listening, run, started

pytestmark = pytest.mark.real

_POLL_S = 0.05


def until(holds: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(_POLL_S)


def journals(cwd: Path) -> list[Journal]:
    """The journals of a run so far, without a line that is being written."""
    found = []
    for file in (cwd / "reports" / "latest").glob("*/journal.jsonl"):
        lines = file.read_bytes().split(b"\n")[:-1]
        if lines:
            found.append(Journal.read(lines))
    return found


def is_gone(program: Program) -> bool:
    return not program.members()


# -- Ctrl-C ----------------------------------------------------------------------------------------


def test_ctrl_c_ends_a_shared_run_with_a_report_of_what_was_judged(tmp_path: Path) -> None:
    with started("run", "-n", "2", cwd=tmp_path) as program:
        program.wait_for("PASS")
        program.interrupt()
        ended = program.end()
        until(lambda: is_gone(program))

    assert (ended.code, ended.err) == (130, "")
    assert "interrupted: not every case was run" in ended.out
    assert (ended.verdict.exit_code, ended.verdict.cases != ()) == (130, True)
    assert {it.outcome for it in ended.verdict.cases} == {"PASS"}
    latest = ended.reports / "latest"
    assert len(ET.parse(latest / "junit.xml").findall(".//testcase")) >= len(ended.verdict.cases)

    again = run("run", "--from", "reports", cwd=tmp_path)

    assert again.code in {0, 3}, again
    judged = {it.id: it.outcome for it in again.verdict.cases}
    assert {it.id for it in ended.verdict.cases} <= set(judged)
    # One that was interrupted before its first entry leaves an empty file.
    assert len(judged) == len(journals(tmp_path))


def test_a_second_ctrl_c_ends_it_as_quietly(tmp_path: Path) -> None:
    with started("run", "-n", "2", cwd=tmp_path) as program:
        program.wait_for("PASS")
        program.interrupt()
        time.sleep(_POLL_S)
        program.interrupt()
        ended = program.end()
        until(lambda: is_gone(program))

    # When all is done Python takes its handler away, and the signal itself ends it.
    assert ended.code in {130, -signal.SIGINT}
    assert ended.err == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_no_process_no_port_and_readable_journals(
    workers: str, tmp_path: Path
) -> None:
    words = ("run", "duration", "--clock", "real", "-n", workers)
    with started(*words, cwd=tmp_path) as program:

        def is_under_way() -> bool:
            reading = [
                it for it in journals(tmp_path) if any(isinstance(e, ClientRead) for e in it)
            ]
            return len(reading) == int(workers)

        until(is_under_way)
        ports = program.ports()
        assert ports
        program.interrupt()
        ended = program.end()
        until(lambda: is_gone(program))

    assert (ended.code, ended.err) == (130, "")
    assert [port for port in ports if is_listening(port)] == []
    assert ended.verdict.exit_code == 130
    assert len(journals(tmp_path)) == int(workers)

    again = run("run", "--from", "reports", cwd=tmp_path)

    assert again.code == 3, again
    assert "journal: it was interrupted" in again.out
    assert [it.outcome for it in again.verdict.cases] == ["INCONCLUSIVE"] * int(workers)


# -- other signals, other moments ------------------------------------------------------------------

# Minutes of the real clock, and one client that needs a certificate authority.
LONG = ("run", "duration", "combined/http2", "--clock", "real")


@contextmanager
def under_way(workers: int, cwd: Path) -> Iterator[Program]:
    """A run on the real clock whose clients read; what it keeps for itself goes to `cwd`/own."""
    words = (*LONG, "-n", str(workers))
    # Workers meet at a Unix socket in there, whose path has a hundred characters at most.
    with tempfile.TemporaryDirectory(prefix="own-") as own:
        (cwd / "own").symlink_to(own)
        with started(*words, cwd=cwd, env={"TMPDIR": own}) as program:
            until(lambda: len(journals(cwd)) == workers)
            until(lambda: all(any(isinstance(e, ClientRead) for e in it) for it in journals(cwd)))
            yield program


def authorities(cwd: Path) -> list[Path]:
    """The directories of certificate authorities that a run has left."""
    return list((cwd / "own").glob("sse-harness-ca-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("to_group", [False, True], ids=["alone", "group"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_to_end_cleans_up_as_ctrl_c_does(
    workers: int, to_group: bool, number: signal.Signals, tmp_path: Path
) -> None:
    with under_way(workers, tmp_path) as program:
        ports = program.ports()
        assert ports
        assert len(authorities(tmp_path)) == 1
        program.send(number, to_group=to_group)
        ended = program.end()
        until(lambda: is_gone(program))
        assert authorities(tmp_path) == []

    assert (ended.code, ended.err) == (130, "")
    assert "interrupted: not every case was run" in ended.out
    assert ended.verdict.exit_code == 130
    assert len(journals(tmp_path)) == workers
    assert [port for port in ports if is_listening(port)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_trace_ends_with_what_there_is(
    number: signal.Signals, starlette: str, tmp_path: Path
) -> None:
    with started("trace", f"{starlette}/events", "--max-time", "60s", cwd=tmp_path) as trace:
        trace.wait_for("message")
        trace.send(number, to_group=False)
        ended = trace.end()

    assert (ended.code, ended.err) == (130, "")
    assert "still open at" in ended.out


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_ctrl_c_while_workers_start_prints_no_traceback(processes: int, tmp_path: Path) -> None:
    """First there is the run, then what tracks its resources, what forks workers, a worker."""
    with started("run", "-n", "2", cwd=tmp_path) as program:
        program.wait_for("testing the built-in reference server")
        until(lambda: len(program.members()) >= processes)
        program.interrupt()
        ended = program.end()
        until(lambda: is_gone(program))

    assert (ended.code, ended.err) == (130, "")


def test_a_run_that_is_killed_leaves_no_worker_and_no_port(tmp_path: Path) -> None:
    with under_way(2, tmp_path) as program:
        ports = program.ports()
        assert ports
        assert len(program.members()) > 2
        program.send(signal.SIGKILL, to_group=False)
        assert program.end().code == -signal.SIGKILL
        until(lambda: is_gone(program))

    assert [port for port in ports if is_listening(port)] == []

    again = run("run", "--from", "reports", cwd=tmp_path)

    assert again.code == 3, again
    assert {it.outcome for it in again.verdict.cases} == {"INCONCLUSIVE"}


# -- a full disk -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of a given size can be mounted by root only")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_ends_a_run_with_what_was_kept(
    workers: str, small_disk: Path, tmp_path: Path
) -> None:
    words = ("run", "direct", "buffering", "-n", workers, "--report-dir", str(small_disk / "r"))

    ended = run(*words, cwd=tmp_path)

    assert ended.code == 4, ended
    assert "the disk is full; kept in" in ended.err
    assert "no space left on device; kept" in ended.err
    assert "Traceback" not in ended.err
    assert list((small_disk / "r" / "latest").glob("*/journal.jsonl"))


def test_a_full_disk_is_known_before_anything_runs(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(200 * 1024))

    ended = run("run", "direct", "--report-dir", str(small_disk / "r"), cwd=tmp_path)

    assert (ended.code, ended.out) == (4, "")
    assert ended.err == (
        f"error: the report directory {small_disk}/r cannot be written: the disk is full\n"
    )


def test_a_limit_on_files_ends_a_run_with_what_was_kept(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 16; exec "$0" "$@"', *HARNESS]

    ended = run("run", "direct", "-n", "1", cwd=tmp_path, command=limited)

    assert ended.code == 4, ended
    assert "file too large; kept" in ended.err
    assert "Traceback" not in ended.err
    assert list((tmp_path / "reports" / "latest").glob("*/journal.jsonl"))

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.report.progress import Progress
from harness.report.terminal import make_console
from tests.report.samples import case, failed


class Log(io.StringIO):
    """A log that remembers what it had been told when it was last flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


def a_terminal(file: io.StringIO) -> Console:
    return Console(file=file, force_terminal=True, width=80, height=24, markup=False)


def test_a_log_has_one_flushed_line_for_each_judged_case() -> None:
    log = Log()
    with Progress(make_console(file=log)) as progress:
        progress.start(12)
        progress.began("idle/quiet[60s]")
        assert log.flushed == ""
        progress.finished(failed())
        assert log.flushed == "[ 1/12] FAIL idle/quiet[60s]  200.0 s in 0.12 s\n"
        progress.finished(case("idle/quiet+no-heartbeat", is_twin=True))
    assert log.flushed.splitlines()[1] == (
        "[ 2/12] PASS idle/quiet+no-heartbeat (twin)  200.0 s in 0.12 s"
    )


def test_a_terminal_shows_what_runs_and_how_long() -> None:
    file = io.StringIO()
    times = iter([0.0, *[2.5] * 1000])
    with Progress(a_terminal(file), lambda: next(times)) as progress:
        progress.began("idle/quiet[60s]")
        progress.start(3)
    shown = file.getvalue()
    assert "0/3 cases · 0.0 s" in shown
    assert "idle/quiet[60s]" in shown


def test_a_terminal_keeps_what_did_not_pass_only() -> None:
    file = io.StringIO()
    with Progress(a_terminal(file)) as progress:
        progress.start(2)
        progress.finished(case("cut/fine"))
        progress.finished(failed("cut/broken"))
    assert "cut/broken" in file.getvalue()
    assert "cut/fine" not in file.getvalue()


def test_many_at_once_are_counted_rather_than_listed() -> None:
    file = io.StringIO()
    with Progress(a_terminal(file)) as progress:
        for n in range(6):
            progress.began(f"case-{n}")
        progress.start(6)
    assert "case-3" in file.getvalue()
    assert "case-4" not in file.getvalue()
    assert "and 2 more" in file.getvalue()


def test_an_interrupt_gives_the_cursor_back() -> None:
    file = io.StringIO()
    hide, show = "\x1b[?25l", "\x1b[?25h"
    progress = Progress(a_terminal(file))
    progress.start(2)
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert file.getvalue().count(hide) == file.getvalue().count(show) == 1


def test_stopping_twice_does_no_harm() -> None:
    file = io.StringIO()
    with Progress(a_terminal(file)) as progress:
        progress.start(1)
        progress.stop()
        stopped = file.getvalue()
    assert file.getvalue() == stopped


def test_an_id_cannot_move_the_cursor() -> None:
    log = Log()
    with Progress(make_console(file=log)) as progress:
        progress.start(1)
        progress.finished(failed("x[\x1b[2J]"))
    assert "\x1b" not in log.flushed
    assert "x[\\x1b[2J]" in log.flushed

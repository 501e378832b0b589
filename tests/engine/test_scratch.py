"""What a process keeps among temporary files goes with it, or with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.engine.scratch import own_folder, sweep

OLD_S = 3600.0
HOLDS = """
import signal
from harness.engine.scratch import own_folder
with own_folder("test"):
    print("it is there", flush=True)
    signal.pause()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def aged(path: Path) -> Path:
    before_s = time.time() - OLD_S
    os.utime(path, (before_s, before_s))
    return path


def test_it_is_there_until_it_is_left(temporary: Path) -> None:
    with suppress(ZeroDivisionError), own_folder("test") as folder:
        assert folder.parent == temporary
        (folder / "file").touch()
        raise ZeroDivisionError
    assert list(temporary.iterdir()) == []


def test_what_is_in_use_stays(temporary: Path) -> None:
    with own_folder("test") as folder:
        aged(folder)
        sweep()
        assert folder.is_dir()


def test_what_is_young_or_not_ours_stays(temporary: Path) -> None:
    (temporary / "sse-harness-young").mkdir()
    other = temporary / "other"
    other.mkdir()
    aged(other)
    (temporary / "sse-harness-file").touch()
    aged(temporary / "sse-harness-file")
    (temporary / "sse-harness-link").symlink_to(other)
    before = sorted(temporary.iterdir())
    sweep()
    assert sorted(temporary.iterdir()) == before


def test_what_is_old_and_called_alike_but_made_by_somebody_else_stays(temporary: Path) -> None:
    for name in ("sse-harness-main", "sse-harness-scratch-1"):
        clone = temporary / name
        clone.mkdir()
        (clone / "work").write_text("of a day")
        aged(clone)
    sweep()
    assert [it.read_text() for it in temporary.glob("*/work")] == ["of a day"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be locked so")
def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    held = subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "it is there\n"
        (left,) = temporary.iterdir()
        (left / "file").touch()
        aged(left)
        sweep()
        assert left.is_dir()
    finally:
        held.send_signal(signal.SIGKILL)
        held.communicate()
    assert left.is_dir()
    sweep()
    assert list(temporary.iterdir()) == []

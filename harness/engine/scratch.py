"""Directories of our own, where the system has temporary ones.

Not in a run's directory: the path of a Unix socket has a hundred characters at most. Each is locked
for as long as its process lives, so that what one leaves that was killed can be told from what is
in use, also by those in another container: the next process that needs one removes it. Ours is what
holds a mark of ours: a clone or a report of the user's may have such a name, too.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_PREFIX = "sse-harness-"
# What is killed before it has made it leaves an empty directory, which stays.
_MARK = ".made-by-sse-harness"
# One is made before it is locked, and a program may outlive for a moment who started it.
_YOUNG_S = 60.0


@contextmanager
def own_folder(what: str) -> Iterator[Path]:
    """A directory `sse-harness-WHAT-…`, until this is left."""
    _sweep_once()
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{what}-"))
    lock = _lock(path)
    try:
        (path / _MARK).touch()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@cache
def _sweep_once() -> None:
    sweep()


def sweep() -> None:
    """Remove what killed processes have left."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if _is_stale(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_stale(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    with suppress(OSError):
        found = path.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        is_ours = is_ours and stat.S_ISREG((path / _MARK).lstat().st_mode)
        if is_ours and time.time() - found.st_mtime > _YOUNG_S:
            lock = _lock(path)
            if lock is not None:
                os.close(lock)
                return True
    return False


def _lock(path: Path) -> int | None:
    """Lock a directory until what this returns is closed; None: somebody has, or nobody can."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 - Windows has none

    held: int | None = None
    try:
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if held is not None:
            os.close(held)
        return None
    return held

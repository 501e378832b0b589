"""Run a program, and let nothing of it outlive whoever asked for it; a script of its own.

    python leash.py SCRATCH PROGRAM [ARGUMENT]...

It ends the program and everything that came of it when its standard input ends, which is when the
process that holds the other end closes it, or is gone, in whatever way. Servers fork, and some of
their processes leave the group and the session; on Linux those whose parents end become children
of this one, which therefore finds them all. Then it removes SCRATCH.

Not a thread or a `PR_SET_PDEATHSIG` of the engine's: that signal is sent when the thread which
forked ends, reaches the first process only, and a server which is killed leaves its workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

# https://man7.org/linux/man-pages/man2/prctl.2.html
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# Time to remove what a server keeps in shared memory; by then nobody waits for its answers.
_GRACE_S = 2.0
_POLL_S = 0.02
# What a shell ends with then.
_NOT_STARTED = 127
_IS_LINUX = sys.platform == "linux"


def main(scratch: str, command: list[str]) -> int:
    """See the module; the program's exit code, 128 and its number for a signal that ended it.

    127 when it cannot be started; why goes to the standard error.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # With a handler, which a program that is started does not inherit: it hears of them.
        signal.signal(number, lambda *_: None)
    try:
        child = subprocess.Popen(  # noqa: S603 - what the engine asks for
            command,
            stdin=subprocess.DEVNULL,
            # This thread is the only one, so that the signal comes when this process ends.
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509 - one thread
        )
        _wait(child)
        _end(child)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {(error.strerror or str(error)).lower()}\n")
        return _NOT_STARTED
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _wait(child: subprocess.Popen[bytes]) -> None:
    """Wait for the end of the standard input, or of the program."""
    descriptors = [0]
    patience_s: float | None = 0.2
    with contextlib.suppress(AttributeError, OSError):  # Linux since 5.3
        descriptors.append(os.pidfd_open(child.pid))
        patience_s = None
    while child.poll() is None:
        ready, _, _ = select.select(descriptors, [], [], patience_s)
        if 0 in ready:
            return


def _end(child: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _GRACE_S
    if child.poll() is None:
        child.terminate()
    while (left := _descendants()) and time.monotonic() < deadline_s:
        if child.poll() is not None:
            for pid in left:
                _send(pid, signal.SIGTERM)
        _reap(child)
        time.sleep(_POLL_S)
    while left := _descendants():
        for pid in left:
            _send(pid, signal.SIGKILL)
        _reap(child)
        time.sleep(_POLL_S)
    if child.poll() is None:  # where descendants cannot be told
        child.kill()
    child.wait()


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Take note of those that have ended."""
    child.poll()
    with contextlib.suppress(ChildProcessError):
        while child.poll() is not None and os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _descendants() -> set[int]:
    """The processes below this one that still run."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat") if _IS_LINUX else ():
        with contextlib.suppress(OSError):
            # Behind the name, which may hold anything: state, parent.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    found: set[int] = set()
    news = {os.getpid()}
    while news:
        news = {pid for pid, parent in parents.items() if parent in news} - found
        found |= news
    return found


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _prctl(option: int, value: int) -> None:
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

"""Programs that tests start: servers, and this tool as its users run it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.engine.leashed import free_ports
from harness.model import verdict
from harness.model.verdict import CaseVerdict, Finding, Verdict

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ROOT / "tests" / "foreign"
HARNESS = (sys.executable, "-m", "harness")

# Far more than anything here takes, on a machine with other work to do.
PATIENCE_S = 60.0
_POLL_S = 0.02


# -- servers ---------------------------------------------------------------------------------------


@contextmanager
def server(command: Sequence[str], log: Path, cwd: Path = ROOT) -> Iterator[str]:
    """Run a server that prints its port on the first line; its origin, once it can be reached.

    It has a process group of its own, which is killed in the end.

    Args:
        command: What to run.
        log: Where its output goes; shown when it does not come up.
        cwd: Where to run it.
    """
    with _up(command, log, cwd, {}, partial(_first_line, log)) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def server_on_a_port(command: Sequence[str], log: Path, cwd: Path = ROOT) -> Iterator[str]:
    """Run a server that is told its port, as {port} or in the variable PORT; see `server`."""
    (port,) = map(str, free_ports((0,)))
    words = [it.replace("{port}", port) for it in command]
    with _up(words, log, cwd, {"PORT": port}, lambda: port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _up(
    command: Sequence[str],
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    port_of: Callable[[], str],
) -> Iterator[str]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while not ((port := port_of()).isdigit() and is_listening(int(port))):
            is_up = time.monotonic() < deadline_s and process.poll() is None
            assert is_up, f"it did not come up: {log.read_text()}"
            time.sleep(_POLL_S)
        yield port
        assert process.poll() is None, f"{command[0]} died in the meantime: {log.read_text()}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _first_line(log: Path) -> str:
    """What was printed first; "": no whole line yet."""
    first, end, _ = log.read_text().partition("\n")
    return first if end else ""


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- many at once ----------------------------------------------------------------------------------


class SideBySide[T]:
    """What mostly waits, several at the same time.

    Under pytest-xdist each process has tests of its own, and runs what those ask for; unless
    SSE_HARNESS_WHOLE_FILES says that it has all those of a file (`--dist loadfile`).

    Args:
        calls: What there is to run, by name.
        width: How many at once.
    """

    def __init__(self, calls: Mapping[str, Callable[[], T]], width: int) -> None:
        self._calls = calls
        self._pool = ThreadPoolExecutor(width)
        self._futures: dict[str, Future[T]] = {}
        has_all = "SSE_HARNESS_WHOLE_FILES" in os.environ
        if has_all or "PYTEST_XDIST_WORKER" not in os.environ:
            for name in calls:
                self._start(name)

    def _start(self, name: str) -> Future[T]:
        if name not in self._futures:
            self._futures[name] = self._pool.submit(self._calls[name])
        return self._futures[name]

    def of(self, name: str) -> T:
        """What became of one of them."""
        return self._start(name).result()

    def stop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(cancel_futures=True)


# -- the tool --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has come to its end.

    Args:
        code: Its exit code.
        out: What it printed.
        err: What it printed on standard error.
        took_s: How long it took.
        peak_bytes: The most memory it had.
        reports: The directory of its reports.
    """

    code: int
    out: str
    err: str
    took_s: float
    peak_bytes: int
    reports: Path

    @property
    def verdict(self) -> Verdict:
        """The verdict it left."""
        return verdict.decode((self.reports / "latest" / "verdict.json").read_bytes())

    @property
    def case(self) -> CaseVerdict:
        """The only case of the verdict it left."""
        (only,) = self.verdict.cases
        return only

    def found(self, check: str, outcome: str) -> Finding:
        """The finding of one check with this outcome in the only case."""
        found = [it for it in self.case.findings if (it.check, it.outcome) == (check, outcome)]
        assert found, f"no {outcome} of {check} in {self.case.findings}"
        return found[0]


class AtOnce(SideBySide[Finished]):
    """Runs of this tool side by side."""


def run(
    *args: str,
    cwd: Path,
    command: Sequence[str] = HARNESS,
    env: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> Finished:
    """Run this tool to its end.

    Args:
        args: Its arguments.
        cwd: Where; relative reports are there.
        command: What to run.
        env: Variables to add.
        patience_s: When to take it for hung, and fail.
    """
    with started(*args, cwd=cwd, command=command, env=env) as program:
        return program.end(patience_s)


@contextmanager
def started(
    *args: str,
    cwd: Path,
    command: Sequence[str] = HARNESS,
    env: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Start this tool, and leave nothing of it behind; see `run`.

    Not what it keeps where the system has temporary files either, should it be killed. That place
    has a short name, as Unix sockets need it.
    """
    cwd.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="own-", ignore_cleanup_errors=True) as own:
        # Programs that root starts go on as nobody.
        Path(own).chmod(0o711)
        program = Program([*command, *args], cwd, {"TMPDIR": own, **(env or {})})
        try:
            yield program
        finally:
            program.kill()


class Program:
    """A program under way, in a process group of its own."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._command = command
        self._began_s = time.monotonic()
        self._out = cwd / "out.txt"
        self._err = cwd / "err.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def group(self) -> int:
        """Its process group."""
        return self._process.pid

    def said(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    def members(self) -> list[int]:
        """The processes of its group that still run."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # Behind the name, which may hold anything: state, parent, group.
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.group and state != "Z":
                    found.append(int(stat.parent.name))
        return found

    def ports(self) -> set[int]:
        """The ports of loopback that its processes listen on."""
        return {_port_in(row[1]) for row in self._sockets("0A")}

    def _sockets(self, state: str) -> list[list[str]]:
        """The rows of /proc/net/tcp for sockets of its processes that are in this state."""
        inodes = set()
        for pid in self.members():
            for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
                with suppress(OSError):
                    inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
        rows = [it.split() for it in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return [row for row in rows if row[3] == state and row[9] in inodes]

    def wait_until_connected(self, port: int) -> None:
        """Wait until it has a connection to a port of loopback."""
        deadline_s = time.monotonic() + PATIENCE_S
        while port not in {_port_in(row[2]) for row in self._sockets("01")}:
            assert time.monotonic() < deadline_s, f"it never connected: {self._shown()}"
            time.sleep(_POLL_S)

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something."""
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self.said():
            assert time.monotonic() < deadline_s, f"{text!r} never came: {self._shown()}"
            assert self._process.poll() is None, f"it ended: {self._shown()}"
            time.sleep(_POLL_S)

    def interrupt(self) -> None:
        """Ctrl-C: the whole group gets it."""
        self.send(signal.SIGINT, to_group=True)

    def send(self, number: signal.Signals, *, to_group: bool) -> None:
        """Send a signal: to the process that was started, or to all of its group."""
        (os.killpg if to_group else os.kill)(self.group, number)

    def end(self, patience_s: float = PATIENCE_S) -> Finished:
        """Wait for its end.

        Raises:
            TimeoutError: It did not come within that many seconds.
        """
        deadline_s = time.monotonic() + patience_s
        peak_bytes = 0
        while self._process.poll() is None:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"still running: {self._shown()}")
            peak_bytes = max(peak_bytes, _peak_bytes(self._process.pid))
            time.sleep(_POLL_S)
        return Finished(
            code=self._process.returncode,
            out=self.said(),
            err=self._err.read_text(),
            took_s=time.monotonic() - self._began_s,
            peak_bytes=peak_bytes,
            reports=self._cwd / "reports",
        )

    def kill(self) -> None:
        """Kill what is left of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self._process.wait()

    def _shown(self) -> str:
        return f"{self._command}\n{self.said()}\n{self._err.read_text()}"


def _port_in(address: str) -> int:
    """The port of an address as the kernel writes it."""
    return int(address.split(":")[1], 16)


def _peak_bytes(pid: int) -> int:
    """The most memory a process had so far; 0 where that cannot be told.

    The kernel's ru_maxrss would not do: it begins with what the process that forked it had.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return 0 if found is None else int(found[1]) * 1024

"""Programs on a leash: started in a session of their own, and ended with all that came of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import trio

from harness.engine import leash

# RFC 6335 has the system give away ports from 49152 on, and Linux does from 32768 on.
_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_PORT, _PORT_LIMIT = 20_000, 32_768
# Processes that are started one after the other begin so many ports apart.
_APART = 100
_MOST_TAKEN = 100
_choosing = threading.Lock()
# Longer than the leash gives the program before it kills it.
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Args:
        words: The program and its arguments.
        cwd: Where.
        env: The whole of its environment; None: this process's.
        scratch: A directory that goes with it, also when this process goes first: one of `scratch`.
    """

    words: Sequence[str]
    cwd: Path
    env: Mapping[str, str] | None
    scratch: Path


class Leashed:
    """A program on a leash: when this is left, nothing of it runs any more.

    Args:
        program: What to run.
        out: Where its output goes: a descriptor, or `subprocess.PIPE`.
    """

    def __init__(self, program: Program, out: int) -> None:
        self._program = program
        self._out = out

    async def __aenter__(self) -> trio.Process:
        with trio.CancelScope(shield=True):
            self._process = await trio.lowlevel.open_process(
                # Without site-packages: it starts in 20 ms.
                [
                    *(sys.executable, "-I", "-S", str(Path(leash.__file__))),
                    str(self._program.scratch),
                    *self._program.words,
                ],
                stdin=subprocess.PIPE,
                stdout=self._out,
                stderr=subprocess.STDOUT,
                cwd=self._program.cwd,
                env=None if self._program.env is None else dict(self._program.env),
                # Ctrl-C reaches everybody in the terminal's group: what ends when is ours to say.
                start_new_session=True,
            )
        return self._process

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            assert self._process.stdin is not None
            await self._process.stdin.aclose()
            with trio.move_on_after(_END_S):
                await self._process.wait()
                return
            os.killpg(self._process.pid, 9)
            await self._process.wait()


def free_ports(wanted: Sequence[int]) -> list[int]:
    """Free ports of loopback, for 0 any; who listens there is not taken for ours.

    Until a program listens there a port is anybody's. Those that the system gives to whoever asks
    for any, and to every connection, are therefore left to it, where there are others.

    Raises:
        OSError: Somebody has one; its `strerror` says which.
    """
    with _choosing, ExitStack() as stack:
        return [_bound(stack, port) if port else _any_bound(stack) for port in wanted]


def _bound(stack: ExitStack, port: int) -> int:
    it = stack.enter_context(socket.socket())
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        it.bind(("127.0.0.1", port))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(error.errno, f"port {port}: {reason}") from error
    found: int = it.getsockname()[1]
    return found


def _any_bound(stack: ExitStack) -> int:
    for port in islice(_turns(), _MOST_TAKEN):
        with suppress(OSError):
            return _bound(stack, port)
    return _bound(stack, 0)


@cache
def _turns() -> Iterator[int]:
    """Ports that the system does not give away: one after the other, each process elsewhere."""
    ours = range(_LOWEST_PORT, min(_given_from(), _PORT_LIMIT))
    return cycle([ours[(os.getpid() * _APART + it) % len(ours)] for it in range(len(ours))])


def _given_from() -> int:
    """The lowest port that the system gives away."""
    try:
        return int(_GIVEN.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _PORT_LIMIT

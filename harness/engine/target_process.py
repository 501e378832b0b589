"""The process of a command target: started, awaited, watched, and ended with the case."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import trio

from harness.ends import command as ends
from harness.ends.target import origin
from harness.engine.leashed import Leashed, Program, free_ports
from harness.engine.scratch import own_folder
from harness.engine.target_output import Output
from harness.errors import TargetError, shown
from harness.model import redaction
from harness.model.secret_values import Secrets
from harness.model.target import PORT, Command
from harness.units import show_seconds

_POLL_S = 0.02
_ASK_S = 5.0
# Another process may take the port between our finding it free and the program's listening there.
_TRIES = 3
_IN_USE = "in use"
# What it printed before it ended is there at once, save where somebody else holds its output open.
_REST_S = 1.0
_KILLED = 128 + 9
# From here on a status says that a server, or something behind it, is not ready.
_NOT_READY = 400


@dataclass(frozen=True, slots=True)
class Told:
    """Whom to tell what becomes of a command target.

    Args:
        broke: Told when it ends by itself.
        remark: Told what is worth a line, and nothing that the stream did.
    """

    broke: Callable[[TargetError], None]
    remark: Callable[[str], None]


async def stand(
    command: Command,
    url: str,
    folder: Path | None,
    secrets: Secrets,
    told: Told,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the command of a target until cancelled; its status is its URL, with the port.

    Args:
        command: What to run.
        url: The target's, maybe with `{port}` in it.
        folder: Where its output is kept; None: nowhere.
        secrets: Neither kept nor repeated.
        told: Whom to tell what becomes of it.
        task_status: trio's.

    Raises:
        TargetError: It does not come up; says what it said last. Or the port is taken.
    """
    for attempt in range(1, _TRIES + 1):
        start = ends.start(command, url, _port(url))
        problem = await _Run(command, start, folder, secrets, told).perform(task_status)
        if problem is None:
            return
        if _IN_USE not in problem.lower() or PORT not in url or attempt == _TRIES:
            raise TargetError(problem, "command-not-ready")


def _port(url: str) -> int:
    """The port that a command is to listen on."""
    port = ends.fixed_port(url)
    if port and not origin(url).is_local:
        return port
    try:
        (found,) = free_ports((port,))
    except OSError as error:
        wanted = f"stop what listens there, or write {PORT} for it in --url and --command"
        raise TargetError(f"{error.strerror}; {wanted}", "port-taken") from error
    return found


class _Run:
    """One process of a command target."""

    def __init__(
        self,
        command: Command,
        start: ends.Start,
        folder: Path | None,
        secrets: Secrets,
        told: Told,
    ) -> None:
        self._command = command
        self._called = secrets.text(ends.called(command))
        self._start = start
        self._told = told
        awaited = start.ready.text if isinstance(start.ready, ends.Says) else ""
        self._output = Output(folder, secrets.text, secrets.longest, awaited)
        self._pumping = trio.CancelScope(shield=True)
        self._has_ended = trio.Event()

    async def perform(self, task_status: trio.TaskStatus[str]) -> str | None:
        """Run it; why it did not come up, None: it did."""
        is_up = False
        began_s = trio.current_time()
        with own_folder("scratch") as scratch:
            program = Program(self._start.words, self._start.cwd, self._start.env, scratch)
            async with trio.open_nursery() as nursery:
                leashed = Leashed(program, subprocess.PIPE)
                try:
                    async with leashed as process:
                        assert process.stdout is not None
                        nursery.start_soon(self._pump, process.stdout)
                        problem = await self._ready(process)
                        if problem is not None:
                            return problem + self._last_words()
                        is_up = True
                        task_status.started(self._start.url)
                        code = await process.wait()
                        after = show_seconds(trio.current_time() - began_s)
                        ended = f"{self._called} ended with {code} after {after}{_why(code)}"
                        await self._rest()
                        said = self._last_words()
                        self._told.broke(TargetError(ended + said, "command-ended"))
                        is_up = False
                        return None
                finally:
                    # Its output is read on until nobody holds it open, so that nothing blocks in
                    # printing what it has to say about its end.
                    self._pumping.deadline = trio.current_time() + _REST_S
                    if is_up and process.returncode == _KILLED:
                        self._told.remark(f"{self._called} ignored SIGTERM, and was killed")
        raise AssertionError("a nursery swallows no exception")

    async def _pump(self, stream: trio.abc.ReceiveStream) -> None:
        with self._pumping:
            await self._output.read(stream)
        self._has_ended.set()

    async def _rest(self) -> None:
        """Wait for what a process printed that has ended."""
        with trio.move_on_after(_REST_S):
            await self._has_ended.wait()

    def _last_words(self) -> str:
        """What it said last, to be put behind a message."""
        said = self._output.last_words()
        return f": {said}" if said else ""

    async def _ready(self, process: trio.Process) -> str | None:
        """Wait until it is ready; what is wrong, None: nothing."""
        at = self._start.at
        wanted = self._wanted()
        with trio.move_on_after(self._command.ready_timeout_s) as scope:
            while process.poll() is None:
                if await self._is_ready():
                    # Whatever it said or whoever answered: it is the target that has to listen.
                    wanted = f"listen on {at.host}:{at.port}"
                    if await _connects(at.host, at.port):
                        return None
                await trio.sleep(_POLL_S)
        if scope.cancelled_caught:
            limit = show_seconds(self._command.ready_timeout_s)
            return f"{self._called} did not {wanted} within {limit} (--ready-timeout)"
        code = process.returncode
        await self._rest()
        return f"{self._called} ended with {code} before it was ready{_why(code)}"

    def _wanted(self) -> str:
        match self._start.ready:
            case ends.Connects():
                return f"listen on {self._start.at.host}:{self._start.at.port}"
            case ends.Answers(url=url):
                return f"answer {shown(redaction.url(url))}"
            case ends.Listens(port=port):
                return f"listen on port {port}"
            case ends.Says(text=text):
                return f"say {shown(text)}"

    async def _is_ready(self) -> bool:
        match self._start.ready:
            case ends.Connects():
                return True
            case ends.Answers(url=url):
                return await _answers(url)
            case ends.Listens(port=port):
                return await _connects("localhost", port)
            case ends.Says():
                return self._output.has_said.is_set()


def _why(code: int | None) -> str:
    return "; expected a command that stays in the foreground" if code == 0 else ""


async def _connects(host: str, port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def _answers(url: str) -> bool:
    # A certificate made for development proves nothing, and this is not yet the test.
    asking = httpx.AsyncClient(verify=False, trust_env=False, timeout=_ASK_S)  # noqa: S501 - see above
    async with asking as client:
        try:
            async with client.stream("GET", url) as response:
                return response.status_code < _NOT_READY
        except httpx.HTTPError:
            return False

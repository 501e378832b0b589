"""The processes of real hops: started, awaited, watched, and ended with the case."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import trio

from harness.engine.leashed import Leashed, Program, free_ports
from harness.engine.scratch import own_folder
from harness.errors import HopError, LocalEnvironmentError
from harness.hops import real
from harness.model.scenario import Case, Hop
from harness.model.secret_values import Secrets
from harness.products.real import installed

LOG = "log.txt"
# Far more than any of them takes to say its version.
_PATIENCE_S = 20.0
_POLL_S = 0.01
# Another process may take the port between our finding it free and the program's listening there.
_TRIES = 3
_IN_USE = "in use"
_WELL = b"HTTP/1.1 200 "


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a program that stands can be met.

    Args:
        at: A host and a port.
        h2_at: Where it takes HTTP/2 in cleartext, with prior knowledge; None: nobody asked for it.
    """

    at: tuple[str, int]
    h2_at: tuple[str, int] | None


def identified(case: Case) -> Case:
    """The same case, with the versions of its real hops.

    Raises:
        LocalEnvironmentError: A program is not installed; says how to install it.
    """
    hops = case.scenario.through
    if not any(hop.is_real for hop in hops):
        return case
    through = tuple(identified_hop(hop) for hop in hops)
    scenario = case.scenario.model_copy(update={"through": through})
    return case.model_copy(update={"scenario": scenario})


def identified_hop(hop: Hop) -> Hop:
    """The same hop, with the version of its program if it is a real one.

    Raises:
        LocalEnvironmentError: The program is not installed, or what its settings take; says how to
            install it.
    """
    if not hop.is_real:
        return hop
    assert hop.product is not None
    real.check(hop.product)
    return installed(hop, version(hop.product.name))


@cache
def version(product: str) -> str:
    """The version of a product that is installed."""
    program = real.find(product)
    packaged = real.package_version(product)
    if packaged is not None:
        return packaged
    command = (program, *real.PROGRAMS[product].version)
    try:
        said = subprocess.run(  # noqa: S603 - a program of our table
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalEnvironmentError(f"{' '.join(command)}: {error}") from error
    return real.version_in(product, said.decode(errors="replace"))


async def stand(
    hop: Hop,
    number: int,
    upstream: tuple[str, int],
    folder: Path | None,
    broke: Callable[[HopError], None],
    port: int = 0,
    h2_port: int | None = None,
    base: Path = Path(),
    secrets: Secrets | None = None,
    *,
    task_status: trio.TaskStatus[Standing] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the program of a real hop until cancelled; its status is a `Standing`.

    Args:
        hop: The hop.
        number: 1 nearest the client.
        upstream: Where it connects to.
        folder: Where its configuration and its log are kept; None: nowhere.
        broke: Told when the program ends by itself.
        port: Where it has to listen; 0: anywhere.
        h2_port: Where it has to listen for HTTP/2, in cleartext; 0: anywhere, None: nowhere.
        base: Where the name of a user's own configuration starts.
        secrets: Not kept: a program logs URLs and more of requests. None: there are none.
        task_status: trio's.

    Raises:
        HopError: It does not come up; says what it said last. Or a port is taken.
        LocalEnvironmentError: It is not installed.
        ScenarioError: It cannot listen for HTTP/2, or a user's own configuration cannot be read.
    """
    wanted = (port,) if h2_port is None else (port, h2_port)
    with ExitStack() as stack:
        for attempt in range(1, _TRIES + 1):
            scratch = stack.enter_context(own_folder("scratch"))
            # In there it goes with the program, also when this process goes first.
            kept = folder if folder is not None else scratch / "kept"
            kept.mkdir(parents=True, exist_ok=True)
            log = kept / LOG
            if secrets or folder is None:
                # No secret is kept, not even until the program ends, or if this process is killed.
                # Nor is what it says last in what its leash removes before that can be read.
                log = stack.enter_context(own_folder("log")) / LOG
            if secrets and folder is not None:
                stack.callback(_keep, log, folder / LOG, secrets)
            try:
                ports = free_ports(wanted)
            except OSError as error:
                raise HopError(str(error.strerror), number) from error
            start = _start(hop, upstream, kept, scratch, ports, base)
            out = stack.enter_context(log.open("wb"))
            async with Leashed(_program(start, scratch), out.fileno()) as process:
                problem = await _ready(process, start)
                if problem is not None:
                    said = _last_words(log)
                    if _IN_USE in said.lower() and attempt < _TRIES:
                        continue
                    raise HopError(f"{hop.called} {problem}{said}", number)
                if lacking := _lacking(hop, log):
                    raise HopError(f"{hop.called} leaves something out: {lacking}", number)
                task_status.started(Standing(start.listening, start.listening_h2))
                code = await process.wait()
                broke(HopError(f"{hop.called} ended with {code}{_last_words(log)}", number))
                return


def _keep(log: Path, kept: Path, secrets: Secrets) -> None:
    """Keep a log without secrets."""
    with suppress(FileNotFoundError), log.open(errors="replace") as read, kept.open("w") as write:
        for line in read:
            write.write(secrets.text(line))


def _program(start: real.Start, scratch: Path) -> Program:
    return Program(start.command, scratch, start.env, scratch)


def _start(
    hop: Hop,
    upstream: tuple[str, int],
    folder: Path,
    scratch: Path,
    ports: list[int],
    base: Path,
) -> real.Start:
    assert hop.product is not None
    start = real.start(hop.product, upstream, folder.absolute(), scratch, *ports, base=base)
    name, text = start.config
    ((scratch if start.is_own else folder) / name).write_text(text)
    for it in start.writes:
        (scratch / it).mkdir()
        if real.is_root():
            scratch.chmod(0o711)
            shutil.chown(scratch / it, "nobody")
    return start


async def _ready(process: trio.Process, start: real.Start) -> str | None:
    """Wait until it can serve; what is wrong, None: nothing."""
    did = "listen"
    with trio.move_on_after(start.patience_s):
        while process.poll() is None:
            try:
                if start.listening_h2 is not None:
                    await (await trio.open_tcp_stream(*start.listening_h2)).aclose()
                stream = await trio.open_tcp_stream(*start.listening)
            except OSError:
                await trio.sleep(_POLL_S)
                continue
            async with stream:
                if not start.ready or await _answers(stream, start.ready):
                    return None
            did = "take its configuration"
            await trio.sleep(_POLL_S)
        return f"ended with {process.returncode} before it listened"
    return f"did not {did} within {start.patience_s:g} s"


async def _answers(stream: trio.SocketStream, path: str) -> bool:
    """Whether a request for a path is answered with 200."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    said = bytearray()
    try:
        await stream.send_all(head.encode())
        while len(said) < len(_WELL) and (read := await stream.receive_some()):
            said += read
    except trio.BrokenResourceError:
        return False
    return said.startswith(_WELL)


def _lacking(hop: Hop, log: Path) -> str:
    assert hop.product is not None
    return real.lacking(hop.product.name, log.read_text(errors="replace"))


def _last_words(log: Path) -> str:
    """What a program said last, to be put behind a message."""
    lines: Iterable[str] = log.read_text(errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1]}" if said else ""

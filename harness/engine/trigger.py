"""Make a quiet target speak: a request to it, or a command, beside the chain and not through it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import trio

from harness.ends.command import with_port
from harness.ends.target import Origin
from harness.engine.leashed import Leashed, Program
from harness.engine.scratch import own_folder
from harness.engine.target_output import Output
from harness.errors import TargetError
from harness.model import journal
from harness.model.journal import Entry
from harness.model.secret_values import Secrets
from harness.model.target import Trigger
from harness.net import Address, Network
from harness.net.httpcore_backend import transport

# Far more than it takes to hand on a message.
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class At:
    """Where the target of a trigger is.

    Args:
        network: Where it is met.
        url: Its URL.
        at: The same, taken apart.
        address: Where it listens.
        secrets: Not to be repeated.
    """

    network: Network
    url: str
    at: Origin
    address: Address
    secrets: Secrets


def armed(
    trigger: Trigger,
    where: At,
    broke: Callable[[TargetError], None],
    record: Callable[[Entry], None],
    nursery: trio.Nursery,
) -> Callable[[Entry], None]:
    """Have a trigger pulled once a stream is open; what the tap is to tell its entries to.

    Args:
        trigger: What to pull.
        where: Where the target is.
        broke: Told when it fails.
        record: Told every entry, first.
        nursery: What it waits and runs in.
    """
    puller = Puller(trigger, where, broke)
    nursery.start_soon(puller.run)

    def told(entry: Entry) -> None:
        record(entry)
        puller.see(entry)

    return told


class Puller:
    """Pulls the trigger of a case, once a stream is open.

    Args:
        trigger: What to pull.
        where: Where the target is.
        broke: Told when it fails.
    """

    def __init__(self, trigger: Trigger, where: At, broke: Callable[[TargetError], None]) -> None:
        self._trigger = trigger
        self._where = where
        self._broke = broke
        self._opened = trio.Event()

    def see(self, entry: Entry) -> None:
        """Take an entry of the tap's."""
        if isinstance(entry, journal.TapHead) and not entry.is_interim:
            self._opened.set()

    async def run(self) -> None:
        """Pull it as often as it wants to be."""
        await self._opened.wait()
        await trio.sleep(self._trigger.after_s)
        while True:
            try:
                with trio.fail_after(_PATIENCE_S):
                    problem = await self._pull()
            except trio.TooSlowError:
                problem = f"took more than {_PATIENCE_S:g} s"
            if problem:
                said = self._where.secrets.text(f"trigger {self._name}: {problem}")
                self._broke(TargetError(said, "trigger"))
                return
            if self._trigger.every_s is None:
                return
            await trio.sleep(self._trigger.every_s)

    @property
    def _name(self) -> str:
        it = self._trigger
        return " ".join(it.command) if it.url is None else f"{it.method} {it.url}"

    async def _pull(self) -> str:
        """Pull it once; what went wrong, "": nothing."""
        if self._trigger.url is None:
            return await self._run_command()
        return await self._ask(self._trigger.url)

    async def _ask(self, url: str) -> str:
        target = httpx.URL(self._where.url)
        asked = target.join(with_port(url, self._where.at.port))
        is_own = (asked.host, asked.port) == (target.host, target.port)
        address = self._where.address
        wires = transport(
            self._where.network, connect_to=(lambda _host, _port: address) if is_own else None
        )
        body = self._trigger.body
        request = httpx.Request(
            self._trigger.method,
            asked,
            headers=list(self._trigger.headers),
            content=None if body is None else body.encode(),
        )
        try:
            async with wires:
                response = await wires.handle_async_request(request)
                await response.aclose()
        except httpx.HTTPError as error:
            return str(error).lower() or type(error).__name__
        return "" if response.is_success else f"answered {response.status_code}"

    async def _run_command(self) -> str:
        words = [with_port(it, self._where.at.port) for it in self._trigger.command]
        output = Output(None, self._where.secrets.text, self._where.secrets.longest)
        with own_folder("scratch") as scratch:
            program = Program(words, Path(self._trigger.cwd or "."), None, scratch)
            async with trio.open_nursery() as nursery, Leashed(program, subprocess.PIPE) as process:
                assert process.stdout is not None
                nursery.start_soon(partial(output.read, process.stdout))
                code = await process.wait()
        said = output.last_words()
        return f"ended with {code}{f': {said}' if said else ''}" if code else ""

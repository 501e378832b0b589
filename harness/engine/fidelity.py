"""Hold rows against the real programs: each is started, asked its probes, and ended."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import trio

from harness.clock.runner import run
from harness.engine import real_hop
from harness.errors import HarnessError, HopError
from harness.fidelity.live_origin import Origin
from harness.fidelity.matrix import Cell, Held, cell
from harness.fidelity.measure import Places, measured
from harness.fidelity.record import Ask, Record
from harness.fidelity.rows import Row

# What is asked many times a second makes the rest late when there is too much of it at once.
_DENSE: Final = 100
_DENSE_AT_ONCE: Final = 2
# One probe begins so long after the other.
_APART_S: Final = 0.03
# A busy machine delays an event now and then; what a program does, it does every time.
_ATTEMPTS: Final = 6
# From this attempt on, one probe at a time.
_ALONE: Final = 3
# Who was woken so much too late himself cannot say that a program was late.
_LATE_S: Final = 0.04
_LOOKS_EVERY_S: Final = 0.02
_WARM: Final = "warm"
_AT_MOST_S: Final = 3600.0
_WARM_ASK: Final = Ask(n=1, dt=0.05, watch_s=10.0)


class Observer(Protocol):
    """Whoever watches."""

    def finished(self, held: Held) -> None:
        """A row is done."""
        ...


def hold(
    rows: Sequence[Row], folder: Path | None, width: int, observer: Observer
) -> tuple[Held, ...]:
    """Hold rows against their programs, several at a time; in the order of the rows.

    Args:
        rows: What to hold.
        folder: Where configurations and logs of the programs are kept, a directory a row.
        width: How many rows at once.
        observer: Told of each row that is done.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C, upon which every program was ended.
    """
    return run(
        _hold,
        rows,
        folder,
        width,
        observer,
        clock="real",
        seed=0,
        budget_s=math.inf,
        wall_limit_s=_AT_MOST_S,
    )


async def _hold(
    rows: Sequence[Row], folder: Path | None, width: int, observer: Observer
) -> tuple[Held, ...]:
    found: dict[int, Held] = {}
    limit = trio.CapacityLimiter(width)
    shared = _Shared(trio.CapacityLimiter(_DENSE_AT_ONCE), trio.CapacityLimiter(1), _Lateness())

    async def one(number: int, row: Row) -> None:
        async with limit:
            at = None if folder is None else folder / row.product / row.name
            found[number] = await _held(row, at, shared)
            observer.finished(found[number])

    async with trio.open_nursery() as watching:
        watching.start_soon(shared.lateness.watch)
        async with trio.open_nursery() as nursery:
            for number, row in enumerate(rows):
                nursery.start_soon(one, number, row)
        watching.cancel_scope.cancel()
    return tuple(found[number] for number in sorted(found))


class _Lateness:
    """When this process was last woken too late."""

    def __init__(self) -> None:
        self._last_s = -math.inf

    async def watch(self) -> None:
        """Look at the clock again and again, until cancelled."""
        while True:
            due_s = trio.current_time() + _LOOKS_EVERY_S
            await trio.sleep_until(due_s)
            if trio.current_time() - due_s > _LATE_S:
                self._last_s = trio.current_time()

    def since(self, t_s: float) -> bool:
        """Whether it was late since then."""
        return self._last_s >= t_s


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the rows share.

    Args:
        dense: Lets so many probes of many events through at once.
        alone: Lets one probe through at once.
        lateness: Of this process.
    """

    dense: trio.CapacityLimiter
    alone: trio.CapacityLimiter
    lateness: _Lateness


async def _held(row: Row, folder: Path | None, shared: _Shared) -> Held:
    try:
        hops = tuple(map(real_hop.identified_hop, row.hops))
    except HarnessError as error:
        return Held(row, "", skipped=str(error))
    version = next((hop.product.version for hop in hops if hop.product), "")
    under_way = _Run(replace(row, hops=hops), version, shared)
    problem = ""
    try:
        async with trio.open_nursery() as nursery:
            await under_way.ask(await under_way.start(nursery, folder))
            nursery.cancel_scope.cancel()
    except* HarnessError as errors:
        problem = _first_line(errors)
    return Held(under_way.row, version, under_way.cells(), error=problem)


def _first_line(errors: BaseExceptionGroup[HarnessError]) -> str:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first)


class _Run:
    """One row under way."""

    def __init__(self, row: Row, version: str, shared: _Shared) -> None:
        self.row = row
        self._version = version
        self._shared = shared
        self._origin = Origin({**row.probes, _WARM: _WARM_ASK})
        self._records: dict[str, list[Record]] = {name: [] for name in row.probes}

    def cells(self) -> tuple[Cell, ...]:
        """What was seen so far."""
        return tuple(cell(self.row, it) for it in self._records.values() if it)

    # -- starting ----------------------------------------------------------------------------------

    async def start(self, nursery: trio.Nursery, folder: Path | None) -> Places:
        """Start the origin and the programs before it."""
        asks = self.row.probes.values()
        port = await nursery.start(self._origin.serve)
        origin = ("127.0.0.1", port)
        has_h2 = any(it.http == "2" for it in asks)
        standing = await self._chain(nursery, origin, folder, "", has_h2=has_h2)
        if all(it.end != "refused" for it in asks):
            return Places(standing.at, standing.h2_at)
        # Bound, so that nobody else gets it, and nobody listens.
        nobody = socket.socket()
        nursery.start_soon(_keep, nobody)
        nobody.bind(("127.0.0.1", 0))
        dead = await self._chain(nursery, nobody.getsockname(), folder, "-dead")
        return Places(standing.at, standing.h2_at, dead.at)

    async def _chain(
        self,
        nursery: trio.Nursery,
        upstream: tuple[str, int],
        folder: Path | None,
        suffix: str,
        *,
        has_h2: bool = False,
    ) -> real_hop.Standing:
        standing = real_hop.Standing(upstream, None)
        for number, hop in reversed(list(enumerate(self.row.hops, 1))):
            at = None if folder is None else folder / f"hop-{number}{suffix}"
            h2_port = 0 if has_h2 and number == 1 else None
            standing = await nursery.start(
                partial(real_hop.stand, hop, number, standing.at, at, _broke, h2_port=h2_port)
            )
        return standing

    # -- asking ------------------------------------------------------------------------------------

    async def ask(self, places: Places) -> None:
        """Ask every probe, and again those that disagree."""
        await measured(_WARM, 0, _WARM_ASK, places, self._origin)
        wanted = {it: ask for it, ask in self.row.probes.items() if places.of(ask) is not None}
        for attempt in range(_ATTEMPTS):
            async with trio.open_nursery() as nursery:
                for number, (name, ask) in enumerate(wanted.items()):
                    nursery.start_soon(self._ask_one, name, attempt, ask, places, number * _APART_S)
            wanted = {it: ask for it, ask in wanted.items() if self._disagrees(self._records[it])}

    async def _ask_one(
        self, name: str, attempt: int, ask: Ask, places: Places, after_s: float
    ) -> None:
        async with AsyncExitStack() as stack:
            if attempt >= _ALONE:
                await stack.enter_async_context(self._shared.alone)
            if ask.n >= _DENSE:
                await stack.enter_async_context(self._shared.dense)
            else:
                await trio.sleep(after_s)
            began_s = trio.current_time()
            ask, seen = await measured(name, attempt, ask, places, self._origin)
        record = Record(self.row.product, self._version, self.row.name, name, ask, seen)
        is_ours = self._shared.lateness.since(began_s) and attempt < _ATTEMPTS - 1
        if not (is_ours and self._disagrees([record])):
            self._records[name].append(record)

    def _disagrees(self, records: Sequence[Record]) -> bool:
        """Whether there is a disagreement that nobody expects, or nothing to agree with."""
        if not records:
            return True
        facts = cell(self.row, records).facts
        return any(not it.compared.is_agreed and not it.why for it in facts)


def _broke(error: HopError) -> None:
    raise error


async def _keep(it: socket.socket) -> None:
    with it:
        await trio.sleep_forever()

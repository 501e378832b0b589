"""A whole journal of a chain before a raw target: with the tap, and clients that reconnect.

    async def target(peer: Peer, number: int) -> None:
        await peer.head()
        await peer.send(CHUNKED, chunk(b"data: 1\\n\\n"))
        peer.reset()

    journal = observed([{"latency": {"delay": "1s"}}], target)

`number` counts the connections to the target from 1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import trio

from harness.clock import run
from harness.ends.client import EventSourceClient
from harness.ends.tap import Tap
from harness.engine.recorder import Recorder
from harness.errors import HopError
from harness.hops.mitm import ChainSpec, make_chain
from harness.model import journal
from harness.model.journal import Journal
from harness.model.scenario import Case, EventSource, Scenario
from harness.model.scenario import Target as CaseTarget
from harness.net import ByteStream, Memory
from harness.units import YAML_CONTEXT
from tests.testkit.stage import BUDGET_S, WALL_LIMIT_S, Peer, Yaml, hops
from tests.testkit.stage_faults import FAULTS, known

type Target = Callable[[Peer, int], Awaitable[None]]

URL = "http://target.test/events"


def observed(
    through: Sequence[Yaml],
    target: Target,
    *,
    client: Mapping[str, Any] | None = None,
    until_s: float = 60.0,
    seed: int = 1,
) -> Journal:
    """Run one client through a chain until it is done.

    Args:
        through: The hops, client first.
        target: Speaks on each connection, which is closed when it returns.
        client: Settings of the EventSource.
        until_s: When the case is over, if the client is not done before.
        seed: The case's.
    """
    network = Memory()
    spec = EventSource.model_validate(client or {}, context=YAML_CONTEXT)
    case = Case(
        id="test/observed",
        scenario=Scenario(
            id="test/observed", why="a test", through=tuple(hops(through)), client=(spec,)
        ),
        target=CaseTarget(url=URL),
        clock="virtual",
        seed=seed,
    )
    broke: list[HopError] = []

    async def main() -> Journal:
        with Recorder(None, trio.current_time) as recorder:
            recorder.record(_first_entry(case))
            async with trio.open_nursery() as nursery:
                address = await nursery.start(_listen, network, target)
                tap = Tap(network, address, recorder.record)
                listener = await nursery.start(tap.serve)
                chain = make_chain(
                    ChainSpec(
                        hops=case.scenario.through,
                        upstream=listener.address,
                        seed=seed,
                        record=recorder.record,
                        now_s=recorder.now_s,
                        broke=broke.append,
                        network=network,
                        base=Path(),
                    )
                )
                await nursery.start(chain.serve)
                recorder.begin()
                with trio.move_on_after(until_s):
                    await EventSourceClient(
                        spec,
                        1,
                        URL,
                        network=network,
                        entry=chain.entry,
                        record=recorder.record,
                        now_s=recorder.now_s,
                        went_around=lambda where: None,
                    ).run()
                await trio.sleep(1)
                chain.close_case()
                recorder.record(journal.StageOver(reason="the test is over"))
                recorder.stop()
                nursery.cancel_scope.cancel()
            return recorder.journal()

    with known(FAULTS):
        entries = run(
            main, clock="virtual", seed=seed, budget_s=BUDGET_S, wall_limit_s=WALL_LIMIT_S
        )
    if broke:
        raise broke[0]
    return entries


async def _listen(
    network: Memory,
    target: Target,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    numbers = count(1)
    listener = await network.listen()

    async def serve(stream: ByteStream) -> None:
        try:
            await target(Peer(stream), next(numbers))
        except trio.BrokenResourceError:
            pass  # it was cut off
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        task_status.started(listener.address)
        await trio.serve_listeners(serve, [listener], handler_nursery=nursery)


def _first_entry(case: Case) -> journal.CaseEntry:
    return journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool="test",
        case=case.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        clock="virtual",
        seed=case.seed,
        target=URL,
        is_reference=False,
    )

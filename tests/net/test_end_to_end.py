"""httpx on trio, Hypercorn on trio, the in-memory network, the virtual clock."""

from __future__ import annotations

import time

import httpx
import trio

from harness.clock import now_s
from harness.net import Memory
from harness.net.httpcore_backend import transport
from tests.net import origin
from tests.net.stages import Stage

EVENTS = 900
MOST_CPU_S = 1.0  # of the processor: what else the machine does must not count; 0.1 measured

type Journal = list[tuple[float, bytes]]


async def stream(events: int, readers: int = 1) -> Journal:
    network = Memory()
    listener = await network.listen()
    journal: Journal = []

    async def read() -> None:
        async with (
            httpx.AsyncClient(transport=transport(network), timeout=httpx.Timeout(None)) as client,
            client.stream("GET", f"http://127.0.0.1:{listener.port}/?{events}") as response,
        ):
            async for data in response.aiter_raw():
                journal.append((now_s(), data))

    async with trio.open_nursery() as nursery:
        await nursery.start(origin.serve, origin.ticks, listener)
        async with trio.open_nursery() as clients:
            for _ in range(readers):
                clients.start_soon(read)
        nursery.cancel_scope.cancel()
    return journal


def test_900_seconds_of_stream_take_a_fraction_of_one() -> None:
    began_s = time.process_time()
    journal = Stage("memory").run(stream, EVENTS)
    took_s = time.process_time() - began_s
    assert journal == [
        (float(number), b"id: %d\ndata: tick\n\n" % number) for number in range(1, EVENTS + 1)
    ]
    assert took_s < MOST_CPU_S


def test_20_runs_of_a_case_give_one_journal() -> None:
    journals = {repr(Stage("memory").run(stream, 5, 4)) for _ in range(20)}
    assert len(journals) == 1

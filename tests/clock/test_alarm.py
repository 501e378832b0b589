"""Cases that no virtual timeout can end. The limits here are wall-clock seconds."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
import trio

from harness.clock import AioLoop, open_loop, run
from harness.errors import StageError

LIMIT_S = 0.05
# On a busy machine it takes a case that long to get to where it hangs.
BEGUN_S = 0.3

type Case = Callable[[], Awaitable[object]]


async def polls() -> None:
    while True:  # noqa: ASYNC110 - that is the point
        await trio.sleep(1e-9)


async def waits_for_nothing_due() -> None:
    await trio.sleep_forever()


async def awaits_without_waiting() -> None:
    while True:
        await trio.lowlevel.checkpoint()


async def never_awaits() -> None:
    while True:
        pass


async def blocks_in_a_call() -> None:
    time.sleep(60)  # noqa: ASYNC251 - that is the point


async def hides_behind_shields() -> None:
    try:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()


async def polls_behind_a_shield() -> None:
    with trio.CancelScope(shield=True):
        await polls()


async def on_asyncio(case: Case) -> None:
    async with open_loop() as aio:
        assert isinstance(aio, AioLoop)
        await aio.run(case)  # type: ignore[arg-type]  # coroutine functions, all of them


async def yields_on_asyncio() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - that is the point
            await asyncio.sleep(0)

    await on_asyncio(spin)


async def never_awaits_on_asyncio() -> None:
    await on_asyncio(never_awaits)


CASES = [
    polls,
    waits_for_nothing_due,
    awaits_without_waiting,
    never_awaits,
    blocks_in_a_call,
    hides_behind_shields,
    polls_behind_a_shield,
    yields_on_asyncio,
    never_awaits_on_asyncio,
]


def end_of(case: Case, limit_s: float = LIMIT_S) -> str:
    with pytest.raises(StageError) as caught:
        run(case, clock="virtual", seed=0, budget_s=math.inf, wall_limit_s=limit_s)
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_alarm_ends_a_case_that(case: Case) -> None:
    began_s = time.perf_counter()
    message = end_of(case)
    assert message.startswith("case took more than 0.05 s of wall-clock time")
    assert time.perf_counter() - began_s < 10
    assert run(still_works, clock="virtual", seed=0, budget_s=math.inf, wall_limit_s=20) == 5


async def still_works() -> float:
    await trio.sleep(5)
    return trio.current_time()


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (polls, "test_alarm.py"),
        (never_awaits, "in never_awaits"),
        (blocks_in_a_call, "in blocks_in_a_call"),
        (yields_on_asyncio, "asyncio: clock/test_alarm.py"),
    ],
)
def test_the_message_says_where_it_stood(case: Case, told: str) -> None:
    message = end_of(case, BEGUN_S)
    assert told in message
    assert len(message.splitlines()) < 15


def test_a_case_on_another_thread_is_ended_too() -> None:
    messages = []
    thread = threading.Thread(target=lambda: messages.append(end_of(never_awaits)))
    thread.start()
    thread.join(10)
    assert "in never_awaits" in messages[0]


LAST_RESORT = """
import math, sys, trio
from harness.clock import alarm, run
from harness.errors import StageError

alarm._LAST_RESORT_S = 0.0
sys.unraisablehook = lambda _: None

async def takes_no_for_no_answer():
    while True:
        try:
            await trio.sleep(1e-9)
        except trio.Cancelled:
            pass

for _ in range(3):
    try:
        run(takes_no_for_no_answer, clock="virtual", seed=0, budget_s=math.inf, wall_limit_s=0.05)
    except StageError:
        print("ended")
    run(trio.sleep, 5, clock="virtual", seed=0, budget_s=math.inf, wall_limit_s=20)
print("alive")
"""


@pytest.mark.real
def test_a_process_survives_the_last_resort() -> None:
    # In a process of its own: what is torn apart complains whenever it is collected.
    done = subprocess.run(
        [sys.executable, "-c", LAST_RESORT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == ["ended", "ended", "ended", "alive"]


def test_a_case_with_many_tasks_is_summed_up() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(trio.sleep_forever)

    lines = end_of(main).splitlines()
    assert any("1000 x sleep_forever" in line for line in lines)
    assert len(lines) < 15

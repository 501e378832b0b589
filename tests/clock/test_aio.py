from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest
import sniffio
import trio

from harness.clock import ClockName, now_s, open_loop, run
from harness.errors import MissingExtraError


def in_loop[T](main: Callable[[], Coroutine[Any, Any, T]], clock: ClockName = "virtual") -> T:
    async def on_trio() -> T:
        async with open_loop() as aio:
            return await aio.run(main)

    return run(on_trio, clock=clock, seed=0, budget_s=10_000, wall_limit_s=20)


def test_timers_of_asyncio_follow_the_clock_of_the_run() -> None:
    async def main() -> tuple[float, float]:
        await asyncio.sleep(900)
        return asyncio.get_running_loop().time(), now_s()

    assert in_loop(main) == (900.0, 900.0)


def test_a_timeout_of_asyncio_is_met_to_the_bit() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 60)
        return now_s()

    assert in_loop(main) == 60.0


def test_two_loops_share_the_clock_and_nothing_else() -> None:
    async def nap(seconds: float) -> tuple[asyncio.AbstractEventLoop, float]:
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop(), now_s()

    async def main() -> tuple[bool, float, float]:
        async with open_loop() as one, open_loop() as two:
            (loop_1, at_1), (loop_2, at_2) = await one.run(nap, 30), await two.run(nap, 30)
            assert (loop_1, loop_2) == (one.loop, two.loop)
            return loop_1 is loop_2, at_1, at_2

    got = run(main, clock="virtual", seed=0, budget_s=10_000, wall_limit_s=20)
    assert got == (False, 30.0, 60.0)


def test_an_error_comes_out_as_it_was_raised() -> None:
    error = ZeroDivisionError("x")

    async def main() -> None:
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        in_loop(main)
    assert caught.value is error


def test_a_group_of_errors_stays_one_group() -> None:
    async def main() -> None:
        raise ExceptionGroup("two", [OSError(), KeyError()])

    with pytest.raises(ExceptionGroup, match="two") as caught:
        in_loop(main)
    assert [type(error) for error in caught.value.exceptions] == [OSError, KeyError]


def test_a_cancelled_scope_cancels_the_task() -> None:
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(900)
        finally:
            ended.append(now_s())

    async def main() -> float:
        async with open_loop() as aio:
            with trio.move_on_after(5):
                await aio.run(wait)
        return now_s()

    assert run(main, clock="virtual", seed=0, budget_s=10_000, wall_limit_s=20) == 5.0
    assert ended == [5.0]


def test_what_still_runs_at_the_end_is_cancelled() -> None:
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(900)
        finally:
            ended.append(now_s())

    async def main() -> None:
        main.task = asyncio.create_task(wait())  # type: ignore[attr-defined]  # keeps it alive
        await asyncio.sleep(5)

    in_loop(main)
    assert ended == [5.0]


@pytest.mark.parametrize(
    "in_thread",
    [
        pytest.param(lambda: asyncio.to_thread(time.sleep, 0.02), id="asyncio"),
        pytest.param(lambda: anyio.to_thread.run_sync(time.sleep, 0.02), id="anyio"),
    ],
)
def test_a_worker_thread_costs_no_virtual_time(
    in_thread: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> tuple[float, float]:
        sleeping = asyncio.create_task(asyncio.sleep(600))
        await in_thread()
        after_thread_s = now_s()
        await sleeping
        return after_thread_s, now_s()

    assert in_loop(main) == (0.0, 600.0)


def test_a_thread_pool_of_the_apps_own_costs_no_virtual_time() -> None:
    async def main() -> tuple[str, float, float]:
        sleeping = asyncio.create_task(asyncio.sleep(600))
        with ThreadPoolExecutor(1) as pool:
            loop = asyncio.get_running_loop()
            got = await loop.run_in_executor(pool, slow_answer)
        after_thread_s = now_s()
        await sleeping
        return got, after_thread_s, now_s()

    assert in_loop(main) == ("answer", 0.0, 600.0)


def slow_answer() -> str:
    time.sleep(0.02)
    return "answer"


def test_a_task_started_eagerly_by_a_socket_knows_it_is_on_asyncio() -> None:
    seen: list[str | None] = []
    is_over = asyncio.Event()

    class Eager(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            loop = asyncio.get_running_loop()
            self.task = asyncio.eager_task_factory(loop, self.answer())

        async def answer(self) -> None:
            seen.append(sniffio.current_async_library())
            await anyio.sleep(0.001)
            seen.append(sniffio.current_async_library())
            is_over.set()

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Eager, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        await is_over.wait()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    in_loop(main, clock="real")
    assert seen == ["asyncio", "asyncio"]


def test_nothing_is_left_for_the_garbage_collector_to_complain_about() -> None:
    async def main() -> None:
        async def numbers() -> Any:
            yield 1
            yield 2

        async for _ in numbers():
            break
        await asyncio.to_thread(int)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_loop(main)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_asyncio_outside_of_a_run_is_as_it_was() -> None:
    async def loop_type() -> type:
        return type(asyncio.get_running_loop())

    in_loop(loop_type)
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(asyncio.run, loop_type()).result()
    here = asyncio.run(loop_type())
    assert {here.__module__.partition(".")[0], elsewhere.__module__.partition(".")[0]} == {
        "asyncio"
    }


def test_a_missing_trio_asyncio_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trio_asyncio", None)

    async def main() -> None:
        await asyncio.sleep(0)

    with pytest.raises(MissingExtraError, match="needs the extra mitmproxy"):
        in_loop(main)


@pytest.mark.real
def test_importing_the_rooms_loads_neither_trio_asyncio_nor_mitmproxy() -> None:
    code = (
        "import sys, asyncio; before = asyncio.get_event_loop_policy()\n"
        "import harness.clock, harness.net, harness.net.httpcore_backend\n"
        "assert asyncio.get_event_loop_policy() is before\n"
        "print([name for name in ('trio_asyncio', 'mitmproxy', 'greenlet') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

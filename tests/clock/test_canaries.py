"""One canary for each private name we lean on. Each says who breaks, and when it last worked."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import anyio.to_thread
import httpcore
import pytest
import sniffio
import trio
import trio.testing

from harness.clock import open_loop, run


def broken(what: str, package: str, worked_in: str) -> str:
    return f"{what} is broken: last worked with {package} {worked_in}, this is {version(package)}"


def virtual(main: Callable[[], Any]) -> Any:
    return run(main, clock="virtual", seed=0, budget_s=100, wall_limit_s=20)


def test_trio_draws_the_order_of_ties_from_a_generator_that_can_be_seeded() -> None:
    told = broken("harness.clock.scheduler (_ALLOW_DETERMINISTIC_SCHEDULING, _r)", "trio", "0.35.0")
    names = vars(sys.modules["trio._core._run"])
    assert isinstance(names.get("_ALLOW_DETERMINISTIC_SCHEDULING"), bool), told
    assert isinstance(names.get("_r"), random.Random), told


def test_trio_keeps_its_run_in_a_context_that_can_be_cleared() -> None:
    told = broken("harness.clock.scheduler.forget_run (GLOBAL_RUN_CONTEXT)", "trio", "0.35.0")
    context = vars(sys.modules["trio._core._run"])["GLOBAL_RUN_CONTEXT"]

    async def main() -> None:
        assert {"runner", "task"} <= set(vars(context)), told

    trio.run(main)
    assert vars(context) == {}, told


def test_trio_keeps_what_its_testing_package_shows_where_pytest_is_not_needed() -> None:
    told = broken("harness.clock.clocks (MockClock, active_thread_count)", "trio", "0.35.0")
    mock_clock = vars(sys.modules["trio._core._mock_clock"])
    threads = vars(sys.modules["trio._threads"])
    assert mock_clock.get("MockClock") is trio.testing.MockClock, told
    assert threads.get("active_thread_count") is trio.testing.active_thread_count, told


def test_trio_asks_its_mock_clock_to_jump() -> None:
    told = broken("harness.clock.clocks (MockClock._autojump)", "trio", "0.35.0")
    asked = []
    clock = trio.testing.MockClock(autojump_threshold=0)
    jump = clock._autojump
    clock._autojump = lambda: (asked.append(1), jump())  # type: ignore[method-assign,func-returns-value,assignment]  # as harness.clock does
    trio.run(trio.sleep, 5, clock=clock)
    assert asked, told


def test_trio_leads_from_a_task_to_its_scopes() -> None:
    told = broken("harness.clock.alarm (Task._cancel_status, ._scope, ._parent)", "trio", "0.35.0")

    async def main() -> None:
        with trio.CancelScope() as outer, trio.CancelScope() as inner:
            await trio.lowlevel.checkpoint()
            status: Any = trio.lowlevel.current_task()._cancel_status
            assert status._scope is inner, told
            assert status._parent._scope is outer, told

    trio.run(main)


def test_trio_says_where_a_late_signal_may_raise() -> None:
    told = broken("harness.clock.alarm (currently_ki_protected)", "trio", "0.35.0")

    async def main() -> bool:
        return trio.lowlevel.currently_ki_protected()

    assert not trio.run(main), told
    assert trio.lowlevel.currently_ki_protected(), told


def test_anyio_keeps_its_idle_workers_apart() -> None:
    told = broken("harness.clock.clocks (WorkerThread.idle_workers, .loop)", "anyio", "4.14.2")

    async def workers() -> list[Any]:
        kind = sys.modules["anyio._backends._asyncio"].WorkerThread
        return [thread for thread in threading.enumerate() if isinstance(thread, kind)]

    async def main() -> None:
        async with open_loop() as aio:

            async def use() -> None:
                (busy,) = await anyio.to_thread.run_sync(lambda: asyncio.run(workers()))
                assert busy.loop is aio.loop, told
                assert busy in busy.idle_workers, told

            await aio.run(use)

    virtual(main)


def test_trio_asyncio_lets_a_policy_speak_for_all_threads() -> None:
    told = broken("harness.clock.aio (_loop._faked_policy)", "trio-asyncio", "0.16.0")

    async def main() -> None:
        async with open_loop():
            pass

    virtual(main)
    policies = sys.modules["trio_asyncio._loop"]._faked_policy
    assert isinstance(policies, threading.local), told
    assert isinstance(vars(type(policies))["policy"], asyncio.AbstractEventLoopPolicy), told


def test_trio_asyncio_still_runs_socket_callbacks_unmarked() -> None:
    told = (
        "trio-asyncio marks the callbacks of sockets as asyncio's now: "
        "harness.clock.aio._mark_fd_callbacks can go"
    )
    trio_asyncio = pytest.importorskip("trio_asyncio")
    seen: list[str | None] = []

    async def main() -> None:
        ours, theirs = trio.socket.socketpair()
        async with trio_asyncio.open_loop() as loop:
            loop.add_reader(ours.fileno(), lambda: seen.append(sniffio.thread_local.name))
            await theirs.send(b"x")
            with trio.fail_after(30):
                while not seen:  # noqa: ASYNC110 - the callback is what is waited for
                    await trio.sleep(0.001)
            loop.remove_reader(ours.fileno())
        ours.close()
        theirs.close()

    trio.run(main)
    assert set(seen) == {"trio"}, told


def test_asyncio_adds_readers_and_writers_by_names_of_the_loop() -> None:
    told = broken("harness.clock.aio (_add_reader, _add_writer)", "trio-asyncio", "0.16.0")
    added: list[str] = []

    async def main() -> None:
        async with open_loop() as aio:
            for name in ("_add_reader", "_add_writer"):
                note(aio.loop, name)

            async def talk() -> None:
                async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
                    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                    writer.close()

            await aio.run(talk)

    def note(loop: asyncio.AbstractEventLoop, name: str) -> None:
        original = getattr(loop, name)

        def add(*args: object) -> Any:
            added.append(name)
            return original(*args)

        setattr(loop, name, add)

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    run(main, clock="real", seed=0, budget_s=100, wall_limit_s=20)
    assert "_add_reader" in added, told


@pytest.mark.parametrize("module", ["http11", "http2"])
def test_httpcore_compares_its_clock_with_nothing_when_connections_do_not_expire(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = broken("harness.net.httpcore_backend (keepalive_expiry=None)", "httpcore", "1.0.9")
    clock = Leaping()
    monkeypatch.setattr(f"httpcore._async.{module}.time", clock)
    connection = getattr(
        sys.modules[f"httpcore._async.{module}"],
        {"http11": "AsyncHTTP11Connection", "http2": "AsyncHTTP2Connection"}[module],
    )(httpcore.Origin(b"http", b"a", 80), httpcore.AsyncMockStream([]), keepalive_expiry=None)
    assert not connection.has_expired(), told
    assert not connection.has_expired(), told
    assert clock.reads == 2, told + "; if it is not read any more, all the better"


class Leaping:
    """A `time` module whose clock leaps a thousand years at each look."""

    def __init__(self) -> None:
        self.reads = 0

    def monotonic(self) -> float:
        self.reads += 1
        return self.reads * 3e10

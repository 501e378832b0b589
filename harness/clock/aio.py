"""asyncio components inside a trio run.

Each gets a loop of its own (`open_loop`), driven by trio through trio-asyncio, so its timers follow
the run's clock: `loop.time()` is `trio.current_time()`. Parts written for trio stay outside of any
`open_loop`: inside, `asyncio.get_running_loop()` finds the loop in every trio task as well.

trio-asyncio is optional, and loaded when the first loop is opened.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import ExitStack, asynccontextmanager
from types import ModuleType
from typing import Any, Protocol

import sniffio

from harness.clock import stacks
from harness.clock.clocks import hold
from harness.errors import MissingExtraError


class Grafting(Protocol):
    """A network that can put itself under an asyncio loop."""

    def graft(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the servers and connections of `loop` use this network."""


class AioLoop:
    """An open asyncio loop, seen from trio.

    Attributes:
        loop: The loop itself, for code that runs inside it.
    """

    __slots__ = ("loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    async def run[T, *Ts](self, function: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        """Run an asyncio coroutine function to its end, from trio.

        A cancelled trio scope around the call cancels the asyncio task.
        """
        result: T = await self.loop.run_aio_coroutine(function(*args))  # type: ignore[attr-defined]  # trio-asyncio's loops have it
        return result


async def call_trio[T, *Ts](function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Call a function of trio's, from a coroutine that `AioLoop.run` runs.

    Raises:
        MissingExtraError: trio-asyncio is not installed.
    """
    result: T = await _load().trio_as_aio(function)(*args)
    return result


@asynccontextmanager
async def open_loop(network: Grafting | None = None) -> AsyncIterator[AioLoop]:
    """Open an asyncio loop for one component; what still runs in it at the end is cancelled.

    Args:
        network: Put under the loop's servers and connections; None leaves it the machine's.

    Raises:
        MissingExtraError: trio-asyncio is not installed.
    """
    trio_asyncio = _load()
    try:
        async with trio_asyncio.open_loop() as loop:
            _mark_fd_callbacks(loop)
            _accept_any_executor(loop, trio_asyncio.TrioExecutor)
            if network is not None:
                network.graft(loop)
            stacks.asyncio_loops.add(loop)
            yield AioLoop(loop)
    except BaseExceptionGroup as group:
        error = _unwrapped(group)
        if error is group:
            raise
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context  # else the group it was taken from is printed with it
            del error


# An accepted connection becomes a task, which makes a transport, which tells its protocol, which
# makes a task.
_STEPS_TO_LET_IN = 3


async def let_in() -> None:
    """Wait, in asyncio, until whoever a closed server had accepted by then has its own task."""
    for _ in range(_STEPS_TO_LET_IN):
        await asyncio.sleep(0)


def _load() -> ModuleType:
    was_loaded = "trio_asyncio" in sys.modules
    policy = asyncio.get_event_loop_policy()
    try:
        with warnings.catch_warnings():
            # trio-asyncio 0.16 subclasses AbstractChildWatcher, deprecated since Python 3.12.
            warnings.filterwarnings("ignore", "'AbstractChildWatcher'", DeprecationWarning)
            import trio_asyncio  # noqa: PLC0415 - optional, and changes asyncio: see the module
    except ImportError as exc:
        raise MissingExtraError("mitmproxy", "an asyncio component in a trio run") from exc
    if not was_loaded:
        # Loaded, it makes every new loop of the process one of its own, asyncio.run() included,
        # except in a thread that has chosen a policy. This makes the old one the choice of all
        # threads; tasks of trio are not affected.
        type(trio_asyncio._loop._faked_policy).policy = policy  # noqa: SLF001 - no public way
    module: ModuleType = trio_asyncio
    return module


def _unwrapped(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take off the two nurseries of trio_asyncio.open_loop, so that errors come out as raised."""
    error: BaseException = group
    for _ in range(2):
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
    return error


def _mark_fd_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    """Say "asyncio" to sniffio while a callback for a file descriptor runs.

    trio-asyncio 0.16 says so for every callback but these, which it runs in trio tasks. A task that
    starts eagerly from data_received() would believe itself on trio and corrupt the cancel scopes.
    """
    for name in ("_add_reader", "_add_writer"):
        _mark_one(loop, name)


def _mark_one(loop: asyncio.AbstractEventLoop, name: str) -> None:
    original = getattr(loop, name)

    def add(fd: object, callback: Callable[..., object], *args: object, **options: object) -> Any:
        return original(fd, _as_asyncio, callback, *args, **options)

    setattr(loop, name, add)


def _as_asyncio(callback: Callable[..., object], *args: object) -> None:
    before = sniffio.thread_local.name
    sniffio.thread_local.name = "asyncio"
    try:
        callback(*args)
    finally:
        sniffio.thread_local.name = before


def _accept_any_executor(loop: asyncio.AbstractEventLoop, trio_executor: type[Executor]) -> None:
    """Let run_in_executor() take the app's own thread pool, which trio-asyncio refuses."""
    original = loop.run_in_executor

    def run_in_executor(
        executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if executor is None or isinstance(executor, trio_executor):
            return original(executor, func, *args)
        future = asyncio.wrap_future(executor.submit(func, *args), loop=loop)
        held = ExitStack()
        held.enter_context(hold())
        future.add_done_callback(lambda _: held.close())
        return future

    loop.run_in_executor = run_in_executor  # type: ignore[method-assign,assignment]  # on this loop only

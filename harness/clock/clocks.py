"""The two clocks of a run. Both read 0.0 when it starts.

The virtual one stands still while any task can move, and jumps to the next deadline when none can
(trio.testing.MockClock with an autojump threshold of 0, which is exact and the fastest). A jump is
vetoed while a worker thread works: trio sees such a task as blocked, so a 50 ms thread beside a
600 s sleep would otherwise cost 600 virtual seconds.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, assert_never

import trio

# Their public home, trio.testing, imports pytest where that is installed: 0.3 s for every command.
from trio._core._mock_clock import MockClock
from trio._threads import active_thread_count

type ClockName = Literal["real", "virtual"]

# Wall seconds the loop waits in the kernel before it looks again. A finishing thread wakes it.
_THREAD_POLL_S = 0.001
_IDLE_POLL_S = 0.05
# A stream that a thread tells takes its time, and then all that comes of it has the wrong one.
MOST_IN_THREADS_S = 2.0

_ANYIO_ASYNCIO = "anyio._backends._asyncio"


def now_s() -> float:
    """Read the run's clock: seconds since the run began."""
    return trio.current_time()


def make_clock(name: ClockName, is_slow: Callable[[], None] = lambda: None) -> trio.abc.Clock:
    """Make the clock of one run; it starts at 0.0 and is of no use to a second one.

    Args:
        name: Which.
        is_slow: Told, in the thread of the run, when worker threads have kept the virtual clock
            from jumping for so long that the real one would have come further.
    """
    match name:
        case "real":
            return RealClock()
        case "virtual":
            return virtual_clock(is_slow)
        case _:
            assert_never(name)


class RealClock(trio.abc.Clock):
    """Seconds of the machine's steady clock since the run began.

    trio's own starts at a random number, which would make journals of real and virtual runs differ.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def start_clock(self) -> None:
        """Call this instant 0.0."""
        self._began = time.perf_counter()

    def current_time(self) -> float:
        """Return the seconds since `start_clock`."""
        return time.perf_counter() - self._began

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how many seconds of the machine are left until `deadline`."""
        return deadline - self.current_time()


def virtual_clock(is_slow: Callable[[], None] = lambda: None) -> MockClock:
    """Make a clock which jumps to the next deadline once no task and no worker thread can move."""
    clock = MockClock(autojump_threshold=0)
    _holds.count = 0
    forget_threads()

    def jump_unless_vetoed() -> None:
        if _threads_work():
            clock.autojump_threshold = _THREAD_POLL_S
            spent_s = _spent.more()
            if spent_s > MOST_IN_THREADS_S and spent_s > clock.current_time():
                is_slow()
            return
        _spent.since_s = None
        due_s = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if due_s == math.inf:
            # Only the outside can wake this run now, and the wall-clock alarm if nothing does. Wait
            # for either in the kernel instead of spinning.
            clock.autojump_threshold = _IDLE_POLL_S
            return
        clock.autojump_threshold = 0
        if due_s > 0:
            clock.jump(due_s)

    # MockClock is final and trio's loop insists on one, so the hook is replaced on the instance.
    # https://github.com/python-trio/trio/issues/1587 asks for a public one.
    clock._autojump = jump_unless_vetoed  # type: ignore[method-assign]  # noqa: SLF001 - see above
    return clock


class _Holds:
    count = 0


_holds = _Holds()


class _Spent:
    """How long worker threads kept the clock from jumping, in seconds of the wall."""

    total_s = 0.0
    since_s: float | None = None

    def more(self) -> float:
        now_s = time.perf_counter()
        if self.since_s is not None:
            self.total_s += now_s - self.since_s
        self.since_s = now_s
        return self.total_s


_spent = _Spent()


def forget_threads() -> None:
    """What worker threads did so far belongs to no stream, and is not held against the clock."""
    _spent.total_s, _spent.since_s = 0.0, None


@contextmanager
def hold() -> Iterator[None]:
    """Keep the virtual clock from jumping while something trio cannot see is at work.

    Threads of trio and anyio are seen without it. Does nothing under the real clock.
    """
    _holds.count += 1
    try:
        yield
    finally:
        _holds.count = max(0, _holds.count - 1)  # a hold that outlived its run counts for nothing


def _threads_work() -> bool:
    return _holds.count > 0 or active_thread_count() > 0 or _anyio_asyncio_threads_work()


def _anyio_asyncio_threads_work() -> bool:
    """Tell whether a worker thread of anyio's asyncio backend has a job.

    anyio runs these itself (Starlette and FastAPI send every synchronous endpoint to one), so
    trio does not count them. A worker rejoins the idle ones on its loop's thread, in the step that
    delivers its result, so there is no moment between the two in which a jump could slip in.
    """
    anyio_asyncio = sys.modules.get(_ANYIO_ASYNCIO)
    if anyio_asyncio is None:
        return False
    worker_type = anyio_asyncio.WorkerThread
    return any(
        isinstance(thread, worker_type)
        and thread not in thread.idle_workers
        and not thread.loop.is_closed()  # an abandoned job of an earlier run holds up no later one
        for thread in threading.enumerate()
    )

"""One `trio.run` for one case."""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable

import trio

from harness.clock import stacks
from harness.clock.alarm import Alarm
from harness.clock.clocks import ClockName, make_clock
from harness.clock.interrupts import Interrupt
from harness.clock.outside import touch
from harness.clock.scheduler import forget_run, seeded
from harness.errors import StageError

SLOW = "works in threads, which take real time"

_one_at_a_time = threading.Lock()


class _Budget:
    """How long a case may last on its own clock."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.is_spent = False
        self.stack = ""

    async def watch(self, scope: trio.CancelScope, task: trio.lowlevel.Task) -> None:
        await trio.sleep_until(self.budget_s)
        self.is_spent = True
        self.stack = stacks.task_stacks(task)
        scope.cancel()


class _Threads:
    """Ends a run on the virtual clock that worker threads make slower than the real one."""

    def __init__(self) -> None:
        self.scope: trio.CancelScope | None = None
        self.took_long = False

    def are_slow(self) -> None:
        if self.scope is not None and not self.took_long:
            self.took_long = True
            touch(SLOW)
            self.scope.cancel()


def run[T, *Ts](
    main: Callable[[*Ts], Awaitable[T]],
    *args: *Ts,
    clock: ClockName,
    seed: int,
    budget_s: float,
    wall_limit_s: float,
) -> T:
    """Run a case in a `trio.run` of its own.

    With the virtual clock and memory networks one seed gives one order of events, whatever ran
    before in this process. Nothing of it remains after: trio's random state and the signal handlers
    are as they were. One run at a time in a process.

    Args:
        main: The case, as an async function.
        *args: Handed to `main`.
        clock: "virtual" jumps over all waiting.
        seed: Decides between tasks due at one instant.
        budget_s: Longest the case may last in seconds of its clock. With the virtual clock also
            what ends a case in which nothing is due. math.inf disables.
        wall_limit_s: Longest the run may take in seconds of the wall clock, whatever it is doing.

    Returns:
        What `main` returned.

    Raises:
        StageError: The case ran past a limit. Says where it stood. Or worker threads took so long
            that the virtual clock is of no use: whoever watches the outside is told, too.
        KeyboardInterrupt: Somebody pressed Ctrl-C, upon which everything was cancelled. Never in a
            group.
    """
    if not _one_at_a_time.acquire(blocking=False):
        raise AssertionError("a second run in one process: trio's random state is global")
    budget = _Budget(budget_s)
    threads = _Threads()
    alarm = Alarm(wall_limit_s)
    interrupt = Interrupt()

    async def bounded() -> tuple[T] | None:
        with trio.CancelScope() as scope:
            alarm.guard(scope)
            threads.scope = scope
            interrupt.guard(scope)
            if budget_s != math.inf:
                # A system task: a nursery would wrap every exception of the case in a group.
                task = trio.lowlevel.current_task()
                trio.lowlevel.spawn_system_task(budget.watch, scope, task)
            return (await main(*args),)
        return None

    try:
        try:
            with interrupt, seeded(seed), alarm:
                outcome = trio.run(bounded, clock=make_clock(clock, threads.are_slow))
        finally:
            if alarm.went_off:
                forget_run()
            _one_at_a_time.release()
    except BaseException as exc:
        if interrupt.came or _is_interrupt(exc):
            raise KeyboardInterrupt from exc
        # Whatever a case raises while a limit ends it, the limit is what went wrong.
        _check_limits(budget, alarm, exc)
        raise
    if interrupt.came:
        raise KeyboardInterrupt
    _check_limits(budget, alarm, None)
    if threads.took_long:
        raise StageError(f"case {SLOW}")
    if outcome is None:
        raise AssertionError("the scope of a run was cancelled by nobody")
    return outcome[0]


def _is_interrupt(error: BaseException) -> bool:
    """Tell whether somebody pressed Ctrl-C: the nurseries it came through have wrapped it."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is not None
    return isinstance(error, KeyboardInterrupt)


def _check_limits(budget: _Budget, alarm: Alarm, cause: BaseException | None) -> None:
    if budget.is_spent:  # first: a case that does not end when it is over will meet the alarm too
        raise StageError(
            f"case ran past its budget of {budget.budget_s:g} s; it stood at\n{budget.stack}"
        ) from cause
    if alarm.went_off:
        at = "" if alarm.at_s is None else f", at {alarm.at_s:g} s of its own"
        raise StageError(
            f"case took more than {alarm.limit_s:g} s of wall-clock time{at}; "
            f"it stood at\n{alarm.stack}"
        ) from cause

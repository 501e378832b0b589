"""The wall-clock alarm: a thread which ends a run that has taken too long.

It has to be a thread. A case that polls with `sleep(0.001)`, awaits without ever waiting or has
nothing due keeps the virtual clock busy or still, so no timeout on that clock ever comes; and a
task that never awaits leaves no trio task a chance to run.

Steps, each taken when the one before has not ended the run:

1. The run's cancel scope is cancelled, from inside trio.
2. After a grace period the shields of all its tasks are lifted, again and again. Hypercorn's trio
   worker, for one, sends under a shield, which holds for ever when nobody reads.
3. If the run does not come back to trio at all, an exception is raised in its thread. On the main
   thread of a process that is done by a signal whose handler raises, because a signal also
   interrupts a blocking call such as `time.sleep`; and where trio allows Ctrl-C to raise, so that
   trio itself stays whole. The signal is SIGURG: nothing else in this process uses it, and one that
   comes late is ignored by default. On another thread PyThreadState_SetAsyncExc has to do, which
   waits for the next bytecode and spares nothing.
4. As a last resort the exception is raised anywhere, trio or not. The run ends, and may leave
   warnings about abandoned coroutines.
"""

from __future__ import annotations

import ctypes
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

import trio

from harness.clock import stacks

_LONGEST_GRACE_S = 2.0
_RETRY_S = 0.01
_STUCK_AFTER_S = 0.1  # since trio last answered; a busy machine alone must not look stuck
_AGAIN_AFTER_S = 2.0  # since the last raise: its exception needs time to end the run
_LAST_RESORT_S = 5.0  # since the end of the grace period


class WallLimitReached(BaseException):
    """Raised in the thread of a run that ignored its cancellation."""


class Alarm:
    """Guard one `trio.run` of the calling thread.

    Args:
        limit_s: Wall-clock seconds until the alarm goes off.

    Attributes:
        went_off: Whether it did.
        at_s: What the run's clock showed then; None if the run never came back to its loop.
        stack: Where the run stood.
    """

    def __init__(self, limit_s: float) -> None:
        self.went_off = False
        self.at_s: float | None = None
        self.stack = ""
        self.limit_s = limit_s
        self._grace_s = min(limit_s, _LONGEST_GRACE_S)
        self._is_interrupted = False
        self._spares_trio = True
        self._answered_s = 0.0
        self._raised_s = -math.inf
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._runner_id = threading.get_ident()
        self._by_signal = (
            hasattr(signal, "SIGURG") and threading.current_thread() is threading.main_thread()
        )
        self._run: tuple[trio.CancelScope, trio.lowlevel.TrioToken, trio.lowlevel.Task] | None
        self._run = None
        self._thread = threading.Thread(target=self._watch, name="wall-clock alarm", daemon=True)

    def guard(self, scope: trio.CancelScope) -> None:
        """Name what to cancel. Called in the main task of the run, inside `scope`."""
        token = trio.lowlevel.current_trio_token()
        self._run = (scope, token, trio.lowlevel.current_task())

    def __enter__(self) -> Self:
        if self._by_signal:
            self._handler_before = signal.signal(signal.SIGURG, self._raise_in_main_thread)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over.set()
        if not self._by_signal:
            _raise_in_thread(self._runner_id, None)  # takes back one that is still on its way
        self._thread.join()
        if self._by_signal:
            # None: a handler Python did not install, and cannot put back.
            signal.signal(signal.SIGURG, self._handler_before or signal.SIG_DFL)

    def _watch(self) -> None:
        if self._over.wait(self.limit_s):
            return
        with self._lock:
            if self._over.is_set():
                return
            self.went_off = True
            self.stack = stacks.thread_stack(self._runner_id)
        self._in_trio(self._cancel)
        if self._over.wait(self._grace_s):
            return
        began_s = self._answered_s = time.monotonic()
        while True:
            self._in_trio(self._lift_shields)
            if self._over.wait(_RETRY_S):
                return
            now_s = time.monotonic()
            self._spares_trio = now_s - began_s < _LAST_RESORT_S
            is_stuck = now_s - self._answered_s > _STUCK_AFTER_S
            if (is_stuck or not self._spares_trio) and now_s - self._raised_s > _AGAIN_AFTER_S:
                self._interrupt()

    def _in_trio(self, step: Callable[[trio.CancelScope, trio.lowlevel.Task], None]) -> None:
        if self._run is None:
            return
        scope, token, task = self._run
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(step, scope, task, idempotent=True)

    def _cancel(self, scope: trio.CancelScope, task: trio.lowlevel.Task) -> None:
        self.at_s = trio.current_time()
        if not self._is_interrupted:
            # The run does come back to its loop: the thread's stack shows that loop, so what the
            # tasks wait for tells more.
            self.stack = stacks.task_stacks(task)
        scope.cancel()

    def _lift_shields(self, scope: trio.CancelScope, task: trio.lowlevel.Task) -> None:
        self._answered_s = time.monotonic()
        scope.cancel()  # again, if the alarm went off before there was a run to cancel
        for each in stacks.task_tree(task):
            for around in _scopes(each):
                around.shield = False

    def _interrupt(self) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._is_interrupted = True
            if self._by_signal:
                signal.pthread_kill(self._runner_id, signal.SIGURG)
            else:
                self._raised_s = time.monotonic()
                _raise_in_thread(self._runner_id, WallLimitReached)

    def _raise_in_main_thread(self, _signum: int, _frame: FrameType | None) -> None:
        # Only inside trio.run: a late signal must not hit whoever called it.
        if not self.went_off or not trio.lowlevel.in_trio_run():
            return
        if self._spares_trio and trio.lowlevel.currently_ki_protected():
            return
        self._raised_s = time.monotonic()
        raise WallLimitReached


def _scopes(task: trio.lowlevel.Task) -> Iterator[trio.CancelScope]:
    """Walk the cancel scopes around a task, the innermost first."""
    # No public name leads from a task to them.
    status: Any = task._cancel_status  # noqa: SLF001 - see above
    while status is not None:
        yield status._scope  # noqa: SLF001 - see above
        status = status._parent  # noqa: SLF001 - see above


def _raise_in_thread(thread_id: int, exception: type[BaseException] | None) -> None:
    order = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), order)

"""Ctrl-C during a run cancels the run, at a checkpoint.

Python raises KeyboardInterrupt wherever the program happens to be, and trio lets it: in the middle
of a server's or a proxy's own code, which may swallow it or stop half-way. A cancelled scope ends
everything in order.
"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

import trio


class Interrupt:
    """Takes Ctrl-C for a run while entered, and whatever signal else has the handler of that.

    The second one is raised wherever it finds the program: a run that never reaches a checkpoint
    does not notice the first.

    Attributes:
        came: Whether somebody pressed it.
    """

    def __init__(self) -> None:
        self.came = False
        self._guarded: tuple[trio.lowlevel.TrioToken, trio.CancelScope] | None = None
        self._ours: list[int] = []

    def guard(self, scope: trio.CancelScope) -> None:
        """Name what to cancel. Called in the run."""
        self._guarded = (trio.lowlevel.current_trio_token(), scope)
        if self.came:
            scope.cancel()

    def __enter__(self) -> Self:
        # A handler of somebody else's stays; and only the main thread is told of signals.
        if threading.current_thread() is threading.main_thread():
            for number in signal.valid_signals():
                if signal.getsignal(number) is signal.default_int_handler:
                    signal.signal(number, self._pressed)
                    self._ours.append(number)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._ours:
            signal.signal(self._ours.pop(), signal.default_int_handler)

    def _pressed(self, _number: int, _frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        if self._guarded is not None:
            token, scope = self._guarded
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)

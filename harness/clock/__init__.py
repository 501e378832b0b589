"""One clock for a case, real or virtual, and the only room for private names of trio and friends.

`run` is `trio.run` for a case: seeded, with a budget on the case's clock and a limit on the wall.
Everything inside reads the time from `now_s` and waits with trio; nothing reads `time.*`.
"""

from __future__ import annotations

from harness.clock.aio import AioLoop, call_trio, let_in, open_loop
from harness.clock.clocks import ClockName, forget_threads, hold, now_s
from harness.clock.interrupts import Interrupt
from harness.clock.outside import Outside, watch_outside
from harness.clock.runner import run

__all__ = [
    "AioLoop",
    "ClockName",
    "Interrupt",
    "Outside",
    "call_trio",
    "forget_threads",
    "hold",
    "let_in",
    "now_s",
    "open_loop",
    "run",
    "watch_outside",
]

"""Read a fault test top to bottom: `at(t) >> event << action`; silence is explicit.

    play = Playbook(Buffer(block_bytes=8))
    assert play.at(1.0) >> Data(b"abc")                            # held: no action
    assert play.at(2.0) >> Data(b"defgh") << Forward(b"abcdefgh")
    assert play.at(2.0, x=2) >> Data(b"x")                         # another exchange

A wake that falls due while time advances is part of the transcript, and has to be expected with
`woke`. Notes that a fault is armed are not.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Self

from harness.faults.base import (
    Action,
    Event,
    Fault,
    FaultConfig,
    Note,
    RequestEnd,
    RequestHead,
    ResponseHead,
    Wake,
    WakeAt,
)

GET = RequestHead("GET", "/events", (("Host", "target"), ("Accept-Encoding", "gzip, br")))
OK = ResponseHead(200, (("Content-Type", "text/event-stream"),))
NEVER = WakeAt(math.inf)


def fired(reason: str, offset: int = 0, stage: int = 0) -> Note:
    """A note that the fault acted."""
    return Note("fired", reason, offset, stage)


def defeated(reason: str, offset: int = 0, stage: int = 0) -> Note:
    """A note that something disarmed the fault."""
    return Note("defeated", reason, offset, stage)


def not_reached(reason: str, offset: int = 0, stage: int = 0) -> Note:
    """A note that the fault had no chance."""
    return Note("not_reached", reason, offset, stage)


class Playbook:
    """Drive a fault through virtual time and compare the whole transcript.

    Args:
        fault: A running fault, or a configuration to start.
        draw: What it draws from; always 0.5 unless given.
    """

    def __init__(self, fault: Fault | FaultConfig, draw: Callable[[], float] = lambda: 0.5) -> None:
        self._fault = fault.start(draw) if isinstance(fault, FaultConfig) else fault
        self._now_s = 0.0
        self._x = 1
        self._wakes_s: dict[int, float] = {}
        self._expected: list[str] = []
        self._actual: list[str] = []

    def at(self, now_s: float, x: int = 1) -> Self:
        """Advance the clock to `now_s`, waking whoever falls due, and speak for exchange `x`."""
        while due := [(at_s, y) for y, at_s in self._wakes_s.items() if at_s <= now_s]:
            at_s, y = min(due)
            del self._wakes_s[y]
            self._feed(at_s, y, Wake())
        self._now_s, self._x = now_s, x
        return self

    def __rshift__(self, event: Event) -> Self:
        self._expected.append(_line(">>", self._now_s, self._x, event))
        self._feed(self._now_s, self._x, event)
        return self

    def __lshift__(self, action: Action | tuple[int, Action]) -> Self:
        x, what = action if isinstance(action, tuple) else (self._x, action)
        self._expected.append(_line("<<", None, x, what))
        return self

    def woke(self, at_s: float, x: int | None = None) -> Self:
        """Expect a wake at exactly `at_s`."""
        self._expected.append(_line(">>", at_s, self._x if x is None else x, Wake()))
        return self

    def opened(self, request: RequestHead = GET, head: ResponseHead = OK) -> Self:
        """Send request and head now and forget what came of it: the scene of most tests."""
        return self.unheard(request, RequestEnd(), head)

    def unheard(self, *events: Event) -> Self:
        """Send these now and forget what came of it."""
        for event in events:
            self._feed(self._now_s, self._x, event)
        self._expected = list(self._actual)
        return self

    def _feed(self, now_s: float, x: int, event: Event) -> None:
        self._actual.append(_line(">>", now_s, x, event))
        for y, action in self._fault.step(now_s, x, event):
            if isinstance(action, WakeAt):
                assert action.at_s >= now_s, f"{action} is in the past at {now_s}"
                self._wakes_s[y] = action.at_s
            if not (isinstance(action, Note) and action.what == "armed"):
                self._actual.append(_line("<<", None, y, action))

    def __bool__(self) -> bool:
        if self._expected != self._actual:
            diff = "\n".join(difflib.ndiff(self._expected, self._actual))
            raise AssertionError(f"not this transcript (- expected, + actual)\n{diff}")
        return True


def _line(arrow: str, now_s: float | None, x: int, what: Event | Action) -> str:
    when = "" if now_s is None else f"{_seconds(now_s)} s "
    # 60 + 0.001 and 60.001 are one time to a reader and two floats.
    shown = f"WakeAt({_seconds(what.at_s)})" if isinstance(what, WakeAt) else repr(what)
    return f"{arrow} {when}x{x} {shown}"


def _seconds(at_s: float) -> str:
    return f"{at_s:.6f}".rstrip("0").rstrip(".")

"""A body that goes out in pieces, each when its time has come."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Data,
    Event,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.held import HeldBody
from harness.faults.standing import Standing


class PacedBody(ABC):
    """One exchange of a fault that lets the body out piece by piece; heads do not wait.

    Args:
        limit_bytes: Most bytes to hold; see `Gate`.
        margin: Why the fault did not act, where it did not.
    """

    def __init__(self, limit_bytes: int, margin: str) -> None:
        self.standing = Standing()
        self.held = HeldBody(limit_bytes)
        self._margin = margin

    @abstractmethod
    def came(self, read: Data) -> Iterable[Action]:
        """A read is about to join what waits."""

    @abstractmethod
    def send(self, now_s: float) -> Iterable[Action]:
        """Send what may go out now, and wake for the rest."""

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        """See `Exchange.step`."""
        self.standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd() | ResponseHead():
                yield passed(event)
            case Data():
                was_waiting = bool(self.held)
                yield from self.came(event)
                yield from self.held.add(event)
                if not was_waiting:
                    yield from self.send(now_s)
            case UpstreamEnd():
                if self.held and event.is_dropping:
                    yield WakeAt(math.inf)
                yield from self.standing.not_reached(self._margin)
                yield from self.held.end(event)
            case ClientGone():
                yield from self.standing.not_reached(self._margin)
                yield passed(event)
            case Wake():
                yield from self.send(now_s)
            case CaseOver():
                yield from self.standing.not_reached(self._margin)

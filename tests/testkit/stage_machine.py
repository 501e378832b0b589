"""One hop's machine around a fault that does what a test tells it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.faults.base import (
    Action,
    CaseOver,
    Event,
    RequestHead,
    ResponseHead,
    Wake,
    passed,
)
from harness.hops.machine import HopMachine
from harness.model.journal import Entry

GET = RequestHead("GET", "/events", (("Host", "target"),))
OK = ResponseHead(200, (("Content-Type", "text/event-stream"),))


class Told:
    """A fault that does what the test tells it, and remembers what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, Event]] = []
        self.says: list[Action | tuple[int, Action]] | None = None

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        self.seen.append((x, event))
        if self.says is not None:
            for it in self.says:
                yield it if isinstance(it, tuple) else (x, it)
        elif not isinstance(event, Wake | CaseOver):
            yield x, passed(event)


class Hop:
    """A machine and what came of it: `hop.take(event)` passes, `hop.say(…)` lets the fault act."""

    def __init__(self, number: int = 1) -> None:
        self.fault = Told()
        self.entries: list[Entry] = []
        names = ["told", "second"]
        self.machine = HopMachine(number, names, self.fault, self.entries.append)

    def begin(self, request: RequestHead = GET) -> int:
        x = self.machine.new_exchange()
        self.take(request, x=x)
        return x

    def take(self, event: Event, x: int = 1, now_s: float = 0.0) -> list[Action]:
        done = self.machine.step(now_s, x, event)
        assert {y for y, _ in done} <= {x}
        return [action for _, action in done]

    def say(self, *actions: Action, x: int = 1) -> list[Action]:
        """What becomes of actions a fault gives at a wake."""
        self.fault.says = list(actions)
        done = self.take(Wake(), x)
        self.fault.says = None
        return done

    @property
    def kinds(self) -> list[str]:
        return [type(it).__name__ for it in self.entries]


def begun() -> Hop:
    hop = Hop()
    hop.begin()
    return hop

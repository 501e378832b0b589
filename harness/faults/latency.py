"""See `Latency`."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.held import Gate, RequestGate
from harness.faults.standing import Standing
from harness.units import Duration, show_seconds


class Latency(SimpleFault):
    """Deliver everything later, in order.

    Heads, reads and ends wait alike; one that drew a shorter delay than the one before it still
    waits its turn, so an end never overtakes data. Held at most: what comes within the longest
    delay, and never more than 64 MiB and one read of a response, and of a request: then the side it
    comes from is read no further until less than half is left.

    Models: the distance between two machines, with the jitter of the path — as Linux tc-netem(8)
    `delay TIME JITTER` in its uniform distribution, but without reordering, as TCP hides it.
    Conserves: bytes and order.

    Args:
        delay_s: Delay of each read, in seconds.
        jitter_s: Added to it, uniformly between 0 and this, in seconds.
        direction: down (responses), up (requests and leaving clients), or both.

    Journal: fired (the first delay), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    limit_decides: ClassVar[bool] = False

    delay_s: Duration
    jitter_s: Duration = 0.0
    direction: Literal["down", "up", "both"] = "down"

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.delay_s + self.jitter_s

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self, draw)


class _State:
    def __init__(self, config: Latency, draw: Callable[[], float]) -> None:
        self._config = config
        self._draw = draw
        self._standing = Standing()
        self._down: deque[tuple[float, Event]] = deque()
        self._up: deque[tuple[float, Event]] = deque()
        self._gate = Gate(config.held_bytes)
        self._held_bytes = 0  # of the response's body
        self._request_gate = RequestGate(config.held_bytes)
        self._request_bytes = 0

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd() | ClientGone():
                yield from self._take(now_s, event, self._up, "up")
            case ResponseHead() | Data() | UpstreamEnd():
                if isinstance(event, UpstreamEnd) and event.is_dropping:
                    kept = [it for it in self._down if not isinstance(it[1], Data)]
                    self._down, self._held_bytes = deque(kept), 0
                yield from self._take(now_s, event, self._down, "down")
            case Wake():
                for queue in (self._up, self._down):
                    while queue and queue[0][0] <= now_s:
                        _, due = queue.popleft()
                        if isinstance(due, Data):
                            self._held_bytes -= len(due.data)
                        elif isinstance(due, RequestData):
                            self._request_bytes -= len(due.data)
                        yield passed(due)
                yield from self._gate.drained(self._held_bytes)
                yield from self._request_gate.drained(self._request_bytes)
                yield from self._ask()
            case CaseOver():
                yield from self._standing.not_reached(f"nothing to delay {self._config.direction}")

    def _take(
        self,
        now_s: float,
        event: Event,
        queue: deque[tuple[float, Event]],
        direction: Literal["down", "up"],
    ) -> Iterator[Action]:
        if self._config.direction not in {direction, "both"}:
            yield passed(event)
            return
        delay_s = self._config.delay_s + self._config.jitter_s * self._draw()
        due_s = max(now_s + delay_s, queue[-1][0] if queue else 0.0)
        if due_s <= now_s:
            yield passed(event)
            return
        yield from self._standing.fired(f"{direction}: first delay {show_seconds(delay_s)}")
        queue.append((due_s, event))
        if isinstance(event, Data):
            self._held_bytes += len(event.data)
            yield from self._gate.filled(self._held_bytes, event.attempt)
        elif isinstance(event, RequestData):
            self._request_bytes += len(event.data)
            yield from self._request_gate.filled(self._request_bytes)
        if len(queue) == 1:
            yield from self._ask()

    def _ask(self) -> Iterator[Action]:
        due_s = min((queue[0][0] for queue in (self._up, self._down) if queue), default=math.inf)
        if due_s < math.inf:
            yield WakeAt(due_s)

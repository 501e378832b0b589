"""See `DeferredFlush`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Forward,
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
from harness.faults.held import Gate
from harness.faults.standing import Standing
from harness.units import Duration, format_duration, format_size


class DeferredFlush(SimpleFault):
    """Send every burst a fixed time after its first byte.

    What comes meanwhile joins it, and an end sends what waits at once. A proxy that sleeps before
    it writes (`joins: false`) reads on only after the write: what came meanwhile, the end too, is
    a burst of its own and waits as long again. Held at most: what comes within one delay, and
    never more than 64 MiB and one read.

    Models: HAProxy, which lets the kernel hold a chunked response's bytes for 200 ms unless `option
    http-no-delay` says otherwise — docs.haproxy.org, "option http-no-delay"; measured on 2.6: each
    event 0.2 s late, its head too, and 17 events of a dense stream together; Apache mod_ratelimit,
    which sleeps 200 ms before it passes on what it has read — httpd.apache.org, mod_ratelimit;
    measured on 2.4: events 0.2 to 0.4 s late.
    Conserves: bytes and order.

    Args:
        after_s: From a burst's first byte until it goes out, in seconds; more than 0.
        hold_head: Whether the response head begins a burst as a byte does.
        joins: Whether what comes while a burst waits goes out with it.

    Journal: fired (what was held first), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    limit_decides: ClassVar[bool] = False

    after_s: Annotated[Duration, Field(gt=0)]
    hold_head: bool = False
    joins: bool = True

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.after_s if self.joins else 2 * self.after_s

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


@dataclass(slots=True)
class _Burst:
    """What goes out together: a head, bytes, an end."""

    events: list[ResponseHead | Data | UpstreamEnd] = field(default_factory=list)
    held_bytes: int = 0

    def add(self, event: ResponseHead | Data | UpstreamEnd) -> None:
        self.events.append(event)
        if isinstance(event, Data):
            self.held_bytes += len(event.data)

    def sent(self, *, is_dropping: bool = False) -> Iterator[Action]:
        """All of it, its bytes as one write; `is_dropping` loses them."""
        for event in self.events:
            if isinstance(event, ResponseHead):
                yield passed(event)
        if self.held_bytes and not is_dropping:
            yield Forward(b"".join(it.data for it in self.events if isinstance(it, Data)))
        for event in self.events:
            if isinstance(event, UpstreamEnd):
                yield passed(event)


class _State:
    def __init__(self, config: DeferredFlush) -> None:
        self._config = config
        self._standing = Standing()
        self._gate = Gate(config.held_bytes)
        self._burst = _Burst()  # goes out at the wake that was asked for
        self._next = _Burst()  # came since, and does not join it

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd():
                yield passed(event)
            case ResponseHead() if not self._config.hold_head:
                yield passed(event)
            case UpstreamEnd() if self._ends_at_once(event):
                if self._burst.events:
                    yield WakeAt(math.inf)
                for burst in (self._burst, self._next):
                    yield from burst.sent(is_dropping=event.is_dropping)
                yield from self._standing.not_reached("nothing came to defer")
                yield passed(event)
            case ResponseHead() | Data() | UpstreamEnd():
                yield from self._take(now_s, event)
            case ClientGone():
                yield from self._standing.not_reached("nothing came to defer")
                yield passed(event)
            case Wake():
                yield from self._burst.sent()
                self._burst, self._next = self._next, _Burst()
                if self._burst.events:
                    yield WakeAt(now_s + self._config.after_s + TIE_S)
                yield from self._gate.drained(self._burst.held_bytes)
            case CaseOver():
                yield from self._standing.not_reached("nothing came to defer")

    def _ends_at_once(self, end: UpstreamEnd) -> bool:
        return self._config.joins or end.is_dropping or not self._burst.events

    def _take(self, now_s: float, event: ResponseHead | Data | UpstreamEnd) -> Iterator[Action]:
        if not self._burst.events:
            what = format_size(len(event.data)) if isinstance(event, Data) else "head"
            yield from self._standing.fired(
                f"{what} held, goes out after {format_duration(self._config.after_s)}"
            )
            self._burst.add(event)
            yield WakeAt(now_s + self._config.after_s + TIE_S)
        else:
            (self._burst if self._config.joins else self._next).add(event)
        if isinstance(event, Data):
            held_bytes = self._burst.held_bytes + self._next.held_bytes
            yield from self._gate.filled(held_bytes, event.attempt)

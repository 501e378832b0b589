"""See `LagOneEvent`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
from harness.faults.standing import Standing
from harness.units import Duration, Size, format_duration, format_size


class LagOneEvent(SimpleFault):
    """Keep the last read back until the next one comes.

    An event is not dispatched before its blank line, so that each one arrives with its successor,
    or with a heartbeat, and the last one with the end. Held at most: one read.

    Models: HAProxy with `compression`, whose encoder keeps the last 20 bytes or so of each read
    for the next one — docs.haproxy.org, "compression algo"; measured on 2.6: 38 of the first 60
    bytes at once, the rest with the second event.
    Conserves: bytes and order.

    Args:
        keep_bytes: How many of a read's last bytes are kept at most; None: all of them.
        flush_after_s: How long they are kept at most, in seconds. None: for as long as it takes.

    Journal: fired (what was kept first), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    held_bytes: ClassVar[int] = 0  # beside the read that is kept

    keep_bytes: Annotated[Size, Field(gt=0)] | None = None
    flush_after_s: Annotated[Duration, Field(gt=0)] | None = None

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.flush_after_s or 0.0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: LagOneEvent) -> None:
        self._config = config
        self._standing = Standing()
        self._kept = b""

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd() | ResponseHead():
                yield passed(event)
            case Data(data):
                yield from self._take(now_s, data)
            case UpstreamEnd():
                if self._kept and self._config.flush_after_s is not None:
                    yield WakeAt(math.inf)
                if not event.is_dropping:
                    yield from self._flush()
                yield from self._standing.not_reached("no body byte came")
                yield passed(event)
            case ClientGone():
                yield from self._standing.not_reached("no body byte came")
                yield passed(event)
            case Wake():
                yield from self._flush()
            case CaseOver():
                yield from self._standing.not_reached("no body byte came")

    def _take(self, now_s: float, data: bytes) -> Iterator[Action]:
        keep, within_s = self._config.keep_bytes, self._config.flush_after_s
        at = 0 if keep is None else max(0, len(data) - keep)
        if ready := self._kept + data[:at]:
            yield Forward(ready)
        self._kept = data[at:]
        until = "" if within_s is None else f", or for {format_duration(within_s)}"
        yield from self._standing.fired(
            f"{format_size(len(self._kept))} kept until the next read{until}"
        )
        if within_s is not None:
            yield WakeAt(now_s + within_s + TIE_S)

    def _flush(self) -> Iterator[Action]:
        kept, self._kept = self._kept, b""
        if kept:
            yield Forward(kept)

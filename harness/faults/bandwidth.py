"""See `Bandwidth`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field

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
from harness.faults.held import Queue
from harness.faults.standing import Standing
from harness.units import Rate, Size, format_rate, format_size

# What waits goes out in pieces worth this much of the rate, rather than byte by byte.
_PIECE_S = 0.05
# A float's error must not leave the last byte of a piece behind.
_SLACK_BYTES = 1e-6


class Bandwidth(SimpleFault):
    """Pass the body on at a limited rate.

    A bucket fills at the rate and is full at first; what comes takes its bytes from it or waits,
    and an end waits behind it. The head does not count. Held at most: 64 MiB and one read; then
    upstream is read no further until less than half is left, and the target feels it.

    Models: nginx limit_rate and limit_rate_after — nginx.org, ngx_http_core_module; Amazon API
    Gateway's response streaming, 2 MB/s after the first 10 MB — docs.aws.amazon.com, "Stream the
    integration response"; a slow link, as Linux tc-tbf(8).
    Conserves: bytes and order.

    Args:
        bytes_per_s: The rate, more than 0.
        burst_bytes: Size of the bucket: most bytes that go out at once. None: what the rate gives
            in 50 ms.

    Journal: fired (what was held first), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    bytes_per_s: Annotated[Rate, Field(gt=0, alias="rate")]
    burst_bytes: Annotated[Size, Field(gt=0)] | None = None

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: Bandwidth) -> None:
        self._config = config
        self._standing = Standing()
        self._queue = Queue(config.held_bytes)
        self._piece_bytes = max(1, math.floor(config.bytes_per_s * _PIECE_S))
        self._bucket_bytes = config.burst_bytes or self._piece_bytes
        self._credit_bytes = float(self._bucket_bytes)
        self._since_s = 0.0  # when the credit was counted

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd() | ResponseHead():
                yield passed(event)
            case Data():
                was_waiting = bool(self._queue)
                yield from self._queue.add(event)
                if not was_waiting:
                    yield from self._send(now_s)
            case UpstreamEnd():
                if self._queue and event.is_dropping:
                    yield WakeAt(math.inf)
                yield from self._standing.not_reached(self._margin())
                yield from self._queue.end(event)
            case ClientGone():
                yield from self._standing.not_reached(self._margin())
                yield passed(event)
            case Wake():
                yield from self._send(now_s)
            case CaseOver():
                yield from self._standing.not_reached(self._margin())

    def _send(self, now_s: float) -> Iterator[Action]:
        """Send what the bucket has, and come back when it has a piece more."""
        rate, waited_s = self._config.bytes_per_s, now_s - self._since_s
        self._credit_bytes = min(self._bucket_bytes, self._credit_bytes + waited_s * rate)
        self._since_s = now_s
        size = min(len(self._queue), math.floor(self._credit_bytes + _SLACK_BYTES))
        self._credit_bytes = max(0.0, self._credit_bytes - size)
        yield from self._queue.send(size)
        if self._queue:
            yield from self._standing.fired(
                f"{format_size(len(self._queue))} held, {format_rate(rate)} pass"
            )
            wanted = min(len(self._queue), self._piece_bytes, self._bucket_bytes)
            yield WakeAt(now_s + (wanted - self._credit_bytes) / rate)

    def _margin(self) -> str:
        return f"no more came than {format_rate(self._config.bytes_per_s)} let pass"

"""See `MaxDuration`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Note,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.limit import Limit
from harness.faults.standing import Standing
from harness.units import show_seconds


class MaxDuration(Limit):
    """End the response when the exchange has lasted too long.

    The time runs from the request head and nothing starts it anew: heartbeats do not help, only
    a server that ends its streams earlier by itself. Where the limit does not hold before the
    head, a response that begins later still is cut right after its head.

    Models: Envoy's route timeout, 15 s for the whole response — envoyproxy.io, FAQ "How do I
    configure timeouts?"; Google Cloud Run's request timeout, 300 s — cloud.google.com, "Set request
    timeout"; Amazon API Gateway's response streaming, 15 min — docs.aws.amazon.com, "Stream the
    integration response"; Squid client_lifetime, 1 day, which closes without an answer before the
    head.
    Conserves: bytes and order until it fires.

    Args:
        after_s: Longest life of an exchange, in seconds since its request head; more than 0.
        before_head: See `Limit`.
        mid_stream: See `Limit`.
        upstream: See `Limit`.

    Journal: fired (the duration), not_reached (how long the exchange lasted).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    always_ends: ClassVar[bool] = True

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: MaxDuration) -> None:
        self._config = config
        self._standing = Standing()
        self._since_s = 0.0
        self._has_head = False
        self._is_up = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead():
                self._since_s = now_s
                yield passed(event)
                yield WakeAt(now_s + self._config.after_s + TIE_S)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
                if self._is_up:
                    yield from self._fire(now_s)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case UpstreamEnd() | ClientGone():
                if not (self._is_up or self._standing.is_settled):
                    yield WakeAt(math.inf)
                yield from self._verdict(now_s)
                yield passed(event)
            case Wake() if self._has_head or self._config.before_head is not None:
                yield from self._fire(now_s)
            case Wake():
                self._is_up = True
            case CaseOver():
                yield from self._verdict(now_s)

    def _fire(self, now_s: float) -> Iterator[Action]:
        yield from self._standing.fired(
            f"lasted {show_seconds(now_s - self._since_s)} (limit {self._config.after_s:g} s)"
        )
        yield from self._config.ending(has_head=self._has_head)

    def _verdict(self, now_s: float) -> Iterator[Note]:
        yield from self._standing.not_reached(
            f"lasted {show_seconds(now_s - self._since_s)} of {self._config.after_s:g} s"
        )

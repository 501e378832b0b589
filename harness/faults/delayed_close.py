"""See `DelayedClose`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar, Literal

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
from harness.faults.standing import Standing
from harness.units import Duration, format_duration


class DelayedClose(SimpleFault):
    """Close the client's connection some time after its response was cut.

    It stands behind what cuts: limits, cuts, upstream itself. Meanwhile the client waits and gets
    nothing, so that it learns later than the server that the stream is over. An HTTP/2 stream ends
    at once, and so does whatever ends in order or before its head.

    Models: Envoy's delayed_close_timeout, 1 s — envoyproxy.io, "HTTP connection manager"; measured
    on 1.40: the upstream sees the end at the limit, an HTTP/1.1 client a second later.
    Conserves: bytes and order.

    Args:
        after_s: How long the connection stays open, in seconds.

    Journal: fired (the end that waits), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    limit_decides: ClassVar[bool] = False
    held_bytes: ClassVar[int] = 0

    after_s: Annotated[Duration, Field(gt=0)]

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.after_s

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: DelayedClose) -> None:
        self._config = config
        self._standing = Standing()
        self._is_h2 = False
        self._has_head = False
        self._waiting: UpstreamEnd | None = None

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead():
                self._is_h2 = event.client_version == "HTTP/2"
                yield passed(event)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
            case UpstreamEnd("truncation" | "reset") if self._has_head and not self._is_h2:
                later = f"the client hears of it {format_duration(self._config.after_s)} later"
                yield from self._standing.fired(f"{event.how}: {later}")
                self._waiting = event
                yield WakeAt(now_s + self._config.after_s)
            case ClientGone():
                if self._waiting is not None:
                    self._waiting = None
                    yield WakeAt(math.inf)
                yield from self._standing.not_reached("the client left before anything was cut")
                yield passed(event)
            case UpstreamEnd():
                yield from self._standing.not_reached("nothing was cut in the middle")
                yield passed(event)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case Wake():
                if self._waiting is not None:
                    yield passed(self._waiting)
            case CaseOver():
                yield from self._standing.not_reached("nothing was cut in the middle")

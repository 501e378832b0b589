"""See `MaxDuration`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal

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

    Nothing starts the time anew: heartbeats do not help, only a server that ends its streams
    earlier by itself. Where the limit does not hold before the head, a response that begins later
    still is cut right after its head.

    A limit on writing (`fires: next_write`) is noticed by the first write after it, which never
    arrives: an idle stream stays open until it speaks again. A head that comes later is such a
    write, and so is a clean end.

    Models: Envoy's route timeout, 15 s for the whole response — envoyproxy.io, FAQ "How do I
    configure timeouts?"; Google Cloud Run's request timeout, 300 s — cloud.google.com, "Set request
    timeout"; Amazon API Gateway's response streaming, 15 min — docs.aws.amazon.com, "Stream the
    integration response"; Squid client_lifetime, 1 day, which closes without an answer before the
    head. By the next write: the write timeouts of Caddy and Traefik, off by default, and Varnish
    send_timeout, 600 s — all three measured, on 2.6, 3.7 and 7.1.
    Conserves: bytes and order until it fires.

    Args:
        after_s: Longest life of an exchange, in seconds; more than 0.
        since: From when: the request head, or the response head.
        fires: At the limit, or with what comes from upstream after it.
        before_head: See `Limit`.
        mid_stream: See `Limit`.
        upstream: See `Limit`.

    Journal: fired (the duration), not_reached (how long the exchange lasted).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    always_ends: ClassVar[bool] = True

    since: Literal["request", "head"] = "request"
    fires: Literal["at_once", "next_write"] = "at_once"

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: MaxDuration) -> None:
        self._config = config
        self._standing = Standing()
        self._since_s = math.inf  # inf: the time does not run yet
        self._has_head = False
        self._is_up = False  # the limit has passed, and it could not fire then

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case ResponseHead() | Data() | UpstreamEnd() if self._is_late():
                yield from self._fire(now_s)
            case RequestHead():
                yield passed(event)
                if self._config.since == "request":
                    yield from self._start(now_s)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
                if self._config.since == "head":
                    yield from self._start(now_s)
                elif self._is_up and self._config.fires == "at_once":
                    yield from self._fire(now_s)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case UpstreamEnd() | ClientGone():
                if self._since_s < math.inf and not (self._is_up or self._standing.is_settled):
                    yield WakeAt(math.inf)
                yield from self._verdict(now_s)
                yield passed(event)
            case Wake() if self._config.fires == "at_once" and self._holds_now():
                yield from self._fire(now_s)
            case Wake():
                self._is_up = True
            case CaseOver():
                yield from self._verdict(now_s)

    def _holds_now(self) -> bool:
        return self._has_head or self._config.before_head is not None

    def _is_late(self) -> bool:
        """Whether what comes from upstream now is the write that notices the limit."""
        return self._is_up and self._config.fires == "next_write" and self._holds_now()

    def _start(self, now_s: float) -> Iterator[Action]:
        self._since_s = now_s
        yield WakeAt(now_s + self._config.after_s + TIE_S)

    def _fire(self, now_s: float) -> Iterator[Action]:
        lasted = show_seconds(now_s - self._since_s)
        yield from self._standing.fired(self._config.says(lasted, has_head=self._has_head))
        yield from self._config.ending(has_head=self._has_head)

    def _verdict(self, now_s: float) -> Iterator[Note]:
        if self._since_s == math.inf:
            yield from self._standing.not_reached("the time never began to run")
            return
        lasted_s, limit_s = now_s - self._since_s, self._config.after_s
        lasted = f"lasted {show_seconds(lasted_s)}"
        missed = f", nothing came after {limit_s:g} s" if self._is_up else f" of {limit_s:g} s"
        yield from self._standing.not_reached(lasted + missed, lasted_s / limit_s)

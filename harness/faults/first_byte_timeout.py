"""See `FirstByteTimeout`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal, Self

from pydantic import model_validator

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


class FirstByteTimeout(Limit):
    """Give up on a response that does not begin in time.

    The time runs from the end of the request, and the first byte stops it for good: what a stream
    does later is none of its business. The limit is defeated in an exchange that lasted at least
    that long and began in time.

    Models: Varnish first_byte_timeout, 60 s and then 503 — varnish-cache.org, varnishd(1); Traefik
    responseHeaderTimeout and Caddy response_header_timeout, 504, both off by default; all three
    measured, on 7.1, 3.7 and 2.6, and a stream that had begun stayed open; Heroku's router, 503
    after 30 s without a first byte — devcenter.heroku.com, "Request timeout".
    Conserves: bytes and order until it fires.

    Args:
        after_s: Longest wait, in seconds; more than 0.
        until: What ends it: the response head, or the first byte of the body.
        before_head: See `Limit`.
        mid_stream: How the response ends once its head was sent, for `until: body`.
        upstream: See `Limit`.

    Journal: fired (the wait), defeated and not_reached (when the first byte came), at the end of
    the exchange.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    until: Literal["head", "body"] = "head"

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        if self.until == "head" and self.before_head is None:
            raise ValueError("a limit until the head has to hold before it: expected before_head")
        return self

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: FirstByteTimeout) -> None:
        self._config = config
        self._standing = Standing()
        self._since_s = math.inf  # inf: the time does not run yet
        self._came_s = math.inf  # inf: the first byte has not come
        self._has_head = False
        self._is_up = False  # the limit has passed before the head, where it does not hold

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData():
                yield passed(event)
            case RequestEnd():
                yield passed(event)
                self._since_s = now_s
                if self._came_s == math.inf:
                    yield WakeAt(now_s + self._config.after_s + TIE_S)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
                if self._config.until == "head":
                    yield from self._began(now_s)
                elif self._is_up:
                    yield from self._fire(now_s)
            case Data():
                yield passed(event)
                yield from self._began(now_s)
            case UpstreamEnd() | ClientGone():
                if self._is_running():
                    yield WakeAt(math.inf)
                yield from self._verdict(now_s)
                yield passed(event)
            case Wake() if self._has_head or self._config.before_head is not None:
                yield from self._fire(now_s)
            case Wake():
                self._is_up = True
            case CaseOver():
                yield from self._verdict(now_s)

    def _is_running(self) -> bool:
        return self._since_s < math.inf and self._came_s == math.inf and not self._is_up

    def _began(self, now_s: float) -> Iterator[Action]:
        if self._is_running():
            yield WakeAt(math.inf)
        self._came_s = min(self._came_s, now_s)

    def _fire(self, now_s: float) -> Iterator[Action]:
        waited = f"{show_seconds(now_s - self._since_s)} without a byte"
        yield from self._standing.fired(self._config.says(waited, has_head=self._has_head))
        yield from self._config.ending(has_head=self._has_head)

    def _verdict(self, now_s: float) -> Iterator[Note]:
        limit_s = self._config.after_s
        limit = f"{limit_s:g} s"
        if self._since_s == math.inf:
            yield from self._standing.not_reached("the time never began to run")
        elif self._came_s == math.inf:
            waited_s = now_s - self._since_s
            reason = f"waited {show_seconds(waited_s)} of {limit}"
            yield from self._standing.not_reached(reason, waited_s / limit_s)
        else:
            took_s = max(0.0, self._came_s - self._since_s)
            # What came between the limit and its firing was said by an equal limit.
            is_in_time = took_s < limit_s + TIE_S / 2
            is_beaten = is_in_time and now_s - self._since_s >= limit_s
            settle = self._standing.defeated if is_beaten else self._standing.not_reached
            reason = f"first byte after {show_seconds(took_s)} of {limit}"
            yield from settle(reason, took_s / limit_s)

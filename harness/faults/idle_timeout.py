"""See `IdleTimeout`."""

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


class IdleTimeout(Limit):
    """End the response after a silence.

    Every byte from upstream, a heartbeat too, starts the time anew. Before the head it runs from
    the end of the request. The limit is defeated in an exchange that lasted at least that long
    without such a silence.

    Models: nginx proxy_read_timeout, 60 s, "between two successive read operations, not for the
    transmission of the whole response" — nginx.org, ngx_http_proxy_module; AWS Application Load
    Balancer idle_timeout.timeout_seconds, 60 s — docs.aws.amazon.com, "Edit attributes for your
    Application Load Balancer"; Apache ProxyTimeout, HAProxy timeout server, Envoy
    stream_idle_timeout. All of them close without a last chunk.
    Conserves: bytes and order until it fires.

    Args:
        after_s: Longest silence tolerated, in seconds; more than 0.
        before_head: See `Limit`.
        mid_stream: See `Limit`.
        upstream: See `Limit`.

    Journal: fired (the silence), defeated and not_reached (the longest silence), at the end of
    the exchange.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: IdleTimeout) -> None:
        self._config = config
        self._standing = Standing()
        self._has_head = False
        self._since_s = math.inf  # the first and the last byte that count; inf: none yet
        self._last_s = math.inf
        self._longest_s = 0.0

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData():
                yield passed(event)
            case RequestEnd():
                yield passed(event)
                if self._config.before_head is not None:
                    yield from self._rearm(now_s)
            case ResponseHead() | Data():
                self._has_head = True
                yield passed(event)
                yield from self._rearm(now_s)
            case UpstreamEnd() | ClientGone():
                if self._since_s < math.inf and not self._standing.is_settled:
                    yield WakeAt(math.inf)
                yield from self._verdict(now_s)
                yield passed(event)
            case Wake():
                silence = f"{show_seconds(now_s - self._last_s)} of silence"
                yield from self._standing.fired(self._config.says(silence, has_head=self._has_head))
                yield from self._config.ending(has_head=self._has_head)
            case CaseOver():
                yield from self._verdict(now_s)

    def _rearm(self, now_s: float) -> Iterator[Action]:
        if not self._standing.is_settled:
            if self._since_s == math.inf:
                self._since_s = now_s
            else:
                self._longest_s = max(self._longest_s, now_s - self._last_s)
            self._last_s = now_s
            yield WakeAt(now_s + self._config.after_s + TIE_S)

    def _verdict(self, now_s: float) -> Iterator[Note]:
        limit_s = self._config.after_s
        if self._since_s == math.inf:
            yield from self._standing.not_reached("the time never began to run")
            return
        open_s = now_s - self._last_s
        longest_s = max(self._longest_s, open_s)
        reason = f"longest silence {show_seconds(longest_s)} of {limit_s:g} s"
        # A silence that ended between the limit and its firing was ended by an equal limit.
        is_broken = longest_s < limit_s + TIE_S / 2 and open_s < limit_s
        if is_broken and now_s - self._since_s >= limit_s:
            yield from self._standing.defeated(reason, longest_s / limit_s)
        else:
            yield from self._standing.not_reached(reason, longest_s / limit_s)

"""See `UpstreamDeath`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    End,
    EndHow,
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
from harness.faults.limit import BeforeHead, as_how
from harness.faults.standing import Standing
from harness.units import Duration, format_duration


class NoHead(BeforeHead):
    """What a client gets whose response never began.

    Args:
        status: Status of the answer: 502 with most, 503 with Envoy and Varnish, 500 with lighttpd,
            504 with http-proxy-middleware.
    """

    status: Annotated[int, Field(ge=200, le=599)] = 502


class Refused(NoHead):
    """What a client gets when upstream cannot be connected to.

    Args:
        after_s: How long the hop tries before it says so, in seconds: HAProxy 3 s.
    """

    after_s: Duration = 0.0


class UpstreamDeath(SimpleFault):
    """Say what the client gets for a response that upstream broke off, or never began.

    It stands before the limits and cuts of its hop, whose ends it would take for upstream's. The
    truncation of a body that upstream delimits by the connection's end cannot be told from its
    clean end, and passes as that; a reset of one can.

    Models: Caddy, which ends every broken response cleanly, and the npm package http-proxy, which
    leaves a truncated one open (measured on 2.6 and 1.18); nginx, Envoy, HAProxy, Apache, Traefik,
    Varnish, Squid and nghttpx, which make a truncation of a reset; Envoy and Apache Traffic Server,
    which end a body that was delimited by the close and reset cleanly; HAProxy, which answers 503
    after 3 s for an upstream that refuses — all measured: Envoy 1.40, HAProxy 2.6, Traffic Server
    9.2; docs.haproxy.org, "retries".
    Conserves: bytes and order.

    Args:
        truncation: How a response ends that upstream closed too early.
        reset: How one ends that upstream aborted.
        close_reset: The same, where the connection's end delimits the body; None: as `reset`.
        before_head: What the client gets if upstream closed or aborted before the response head:
            the fields of an answer, or one word for `how`, such as truncation.
        refused: What it gets if upstream could not be connected to, and after how long.

    Journal: fired (what upstream did, and what the client gets), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    limit_decides: ClassVar[bool] = False
    held_bytes: ClassVar[int] = 0

    truncation: EndHow = "truncation"
    reset: EndHow = "reset"
    close_reset: EndHow | None = None
    before_head: Annotated[NoHead, BeforeValidator(as_how)] = NoHead()
    refused: Annotated[Refused, BeforeValidator(as_how)] = Refused()

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.refused.after_s

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: UpstreamDeath) -> None:
        self._config = config
        self._standing = Standing()
        self._head: ResponseHead | None = None
        self._waiting: End | Answer | None = None  # what the client gets later

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd() | Data():
                yield passed(event)
            case ResponseHead():
                self._head = event
                yield passed(event)
            case UpstreamEnd("end"):
                yield from self._standing.not_reached("upstream ended in order")
                yield passed(event)
            case UpstreamEnd():
                yield from self._die(now_s, event)
            case ClientGone():
                if self._waiting is not None:
                    self._waiting = None
                    yield WakeAt(math.inf)
                yield from self._standing.not_reached("the client left before upstream ended")
                yield passed(event)
            case Wake():
                if self._waiting is not None:
                    yield self._waiting
            case CaseOver():
                yield from self._standing.not_reached("upstream did not end")

    def _die(self, now_s: float, end: UpstreamEnd) -> Iterator[Action]:
        action, after_s = self._got(end)
        when = "" if self._head is not None or end.how == "refused" else " before the head"
        got = action.how if isinstance(action, End) else str(action.status)
        later = f" after {format_duration(after_s)}" if after_s else ""
        yield from self._standing.fired(f"upstream: {end.how}{when}; the client gets {got}{later}")
        if after_s:
            self._waiting = action
            yield WakeAt(now_s + after_s)
        else:
            yield action

    def _got(self, end: UpstreamEnd) -> tuple[End | Answer, float]:
        """What the client gets, and after how many seconds."""
        config = self._config
        if end.how == "refused":
            return config.refused.action(), config.refused.after_s
        if self._head is None:
            return config.before_head.action(), 0.0
        how = config.truncation if end.how == "truncation" else config.reset
        if end.how == "reset" and self._head.framing == "close" and config.close_reset:
            how = config.close_reset
        return End(how, end.is_dropping, end.h2), 0.0

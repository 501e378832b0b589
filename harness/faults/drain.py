"""See `Drain`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Conserves,
    Data,
    End,
    EndHow,
    Event,
    GoAway,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamClose,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.connection_limit import TooMany
from harness.faults.limit import as_how
from harness.faults.standing import Standing
from harness.units import Duration, DurationOrNever, show_seconds


class Drain(SimpleFault):
    """Take no more requests, tell HTTP/2 clients so, and cut what has not ended after a grace.

    So proxies and servers are replaced. Over HTTP/2 a GOAWAY says that a connection takes no new
    request, while its streams go on; HTTP/1.1 has no word for it once the head is sent. A stream
    that ends within the grace of its own accord was drained in order, and defeats the cut.

    Models: Envoy max_connection_duration, whose HTTP/2 clients get a GOAWAY and whose streams go
    on (measured on 1.40), and its drain-time-s, 600 s — envoyproxy.io, "Command line options";
    nginx worker_shutdown_timeout, none — nginx.org, "Core functionality"; the deregistration delay
    of AWS load balancers, 300 s — docs.aws.amazon.com, "Target groups"; GOAWAY: RFC 9113 §6.8.
    Conserves: bytes and order until it cuts.

    Args:
        after_s: When it begins, in seconds.
        since: What the time runs from: each request, or the case, which is one moment for all.
        grace_s: How long after that responses are cut, in seconds; math.inf: never.
        how: How the response ends then.
        upstream: How the connection to upstream is closed then.
        refuse_new: What a request gets that comes within the grace: the fields of an answer, or
            one word for `how`. None: it is served as if by whoever takes over. Goes with
            `since: case` and a grace that ends.

    Journal: fired (a GOAWAY, a cut, a request refused), defeated (the response ended within the
    grace), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    always_ends: ClassVar[bool] = True
    held_bytes: ClassVar[int] = 0

    after_s: Duration
    since: Literal["request", "case"] = "request"
    grace_s: DurationOrNever = math.inf
    how: EndHow = "truncation"
    upstream: UpstreamClose = "fin"
    refuse_new: Annotated[TooMany | None, BeforeValidator(as_how)] = None

    @model_validator(mode="after")
    def _refuses_for_a_while(self) -> Self:
        is_while = self.since == "case" and self.grace_s < math.inf
        if self.refuse_new is not None and not is_while:
            raise ValueError("refuse_new goes with since: case and a grace that ends")
        return self

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.after_s + (self.grace_s if self.grace_s < math.inf else 0.0)

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: Drain) -> None:
        self._config = config
        self._standing = Standing()
        self._due_s = math.inf  # when it begins in this exchange
        self._is_waiting = False  # for the beginning or the cut
        self._has_begun = False
        self._is_h2 = False
        self._has_head = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead():
                yield from self._meet(now_s, event)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
            case UpstreamEnd() | ClientGone():
                if self._is_waiting:
                    self._is_waiting = False
                    yield WakeAt(math.inf)
                if event == UpstreamEnd("end") and self._has_begun:
                    taken = show_seconds(now_s - self._due_s)
                    yield from self._standing.defeated(f"the response ended {taken} into the grace")
                yield from self._standing.not_reached(self._margin(now_s))
                yield passed(event)
            case Wake() if self._has_begun:
                self._is_waiting = False
                yield from self._cut()
            case Wake():
                yield from self._begin()
            case CaseOver():
                yield from self._standing.not_reached(self._margin(now_s))

    def _meet(self, now_s: float, head: RequestHead) -> Iterator[Action]:
        config = self._config
        self._is_h2 = head.client_version == "HTTP/2"
        due_s = config.after_s + (now_s if config.since == "request" else 0.0)
        if now_s < due_s:
            self._due_s = due_s
            self._is_waiting = True
            yield passed(head)
            yield WakeAt(due_s + TIE_S)
        elif config.refuse_new is not None and now_s < due_s + config.grace_s:
            yield from self._standing.fired(f"draining since {show_seconds(due_s)}: refused")
            yield config.refuse_new.action()
        else:
            yield passed(head)

    def _begin(self) -> Iterator[Action]:
        self._has_begun = True
        if self._is_h2:
            yield from self._standing.fired("GOAWAY")
            yield GoAway()
        self._is_waiting = self._config.grace_s < math.inf
        if self._is_waiting:
            yield WakeAt(self._due_s + self._config.grace_s + TIE_S)

    def _cut(self) -> Iterator[Action]:
        yield from self._standing.fired(f"cut after a grace of {self._config.grace_s:g} s")
        is_unfinished = self._config.how == "end" and not self._has_head
        yield End("truncation" if is_unfinished else self._config.how)
        yield CloseUpstream(self._config.upstream)

    def _margin(self, now_s: float) -> str:
        if self._due_s == math.inf:
            return "the request came after it had begun"
        if self._has_begun:
            return f"{show_seconds(now_s - self._due_s)} into the grace, no GOAWAY over HTTP/1.1"
        return f"over {show_seconds(self._due_s - now_s)} before it began"

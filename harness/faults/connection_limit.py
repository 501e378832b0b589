"""See `ConnectionLimit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Fault,
    FaultConfig,
    PerExchange,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.limit import BeforeHead, as_how
from harness.faults.standing import Standing


class TooMany(BeforeHead):
    """What a client gets that is one too many.

    Args:
        status: Status of the answer: 503 with nginx (limit_conn_status), 429 with others.
    """

    status: Annotated[int, Field(ge=200, le=599)] = 503


class ConnectionLimit(FaultConfig):
    """Answer for upstream when too many responses are under way.

    A stream takes its place for as long as it lasts. The place is free again when upstream ends it
    or is closed, so a hop that does not notice its clients leaving runs out of places.

    Models: nginx limit_conn and `max_conns`, 503 — nginx.org, ngx_http_limit_conn_module; Envoy's
    circuit breaker, max_requests 1024, 503 — envoyproxy.io, "Circuit breaking"; 429 — RFC 6585 §4.
    Conserves: bytes and order of what it lets through.

    Args:
        max: How many responses may be under way at this hop.
        over: What the client gets that is one too many: the fields of an answer, or one word for
            `how`, such as reset.

    Journal: fired (the places taken), not_reached (how many were).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    max: Annotated[int, Field(ge=0)]
    over: Annotated[TooMany, BeforeValidator(as_how)] = TooMany()

    def running(self, draw: Callable[[], float]) -> Fault:  # noqa: ARG002 - the contract's
        """See `FaultConfig.running`."""
        taken: set[int] = set()
        return PerExchange(lambda x: _State(self, x, taken))


class _State:
    def __init__(self, config: ConnectionLimit, x: int, taken: set[int]) -> None:
        self._config = config
        self._x = x
        self._taken = taken  # of all exchanges
        self._standing = Standing()
        self._met = 0  # places that were taken when this exchange had its own

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        most = self._config.max
        match event:
            case RequestHead() if len(self._taken) >= most:
                yield from self._standing.fired(f"{len(self._taken)} of {most} places are taken")
                yield self._config.over.action()
            case RequestHead():
                self._taken.add(self._x)
                self._met = len(self._taken)
                yield passed(event)
            case RequestData() | RequestEnd() | ResponseHead() | Data():
                yield passed(event)
            case UpstreamEnd() | ClientGone():
                self._taken.discard(self._x)
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                self._taken.discard(self._x)
                reason = f"{self._met} of {most} places were taken"
                yield from self._standing.not_reached(reason, self._met / most if most else 0.0)

"""See `Resend`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Conserves,
    Data,
    Event,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendData,
    SendEnd,
    SendRequest,
    SimpleFault,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.held import RequestGate
from harness.faults.limit import BeforeHead, as_how
from harness.faults.standing import Standing
from harness.units import Duration, format_duration, format_size

type Failure = Literal["refused", "reset", "truncation", "5xx", "timeout"]

_SERVER_ERRORS = 500


class Resend(SimpleFault):
    """Send a request again when an attempt fails before its response head.

    Once a head was passed on there is no way back: a response that breaks off later is the
    client's to resume. The request is kept with up to 1 MiB of body; what is longer is sent once.
    What comes of it during a pause goes with the next attempt, and above 1 MiB the client is read
    no further until then. The last failure is passed on as it came. It stands first in its hop.

    Models: Varnish, which tries twice if upstream closes without an answer, Apache Traffic Server
    and Caddy, which try four times, and Traefik, eight times, none of them after a reset (measured
    on 7.1, 9.2, 2.6 and 3.7); Envoy retry_on with num_retries 2, three attempts, and
    per_try_timeout (measured on 1.40) — envoyproxy.io, "Router"; HAProxy, "retries" and "retry-on"
    — docs.haproxy.org; methods that may be sent again: RFC 9110 §9.2.2.
    Conserves: bytes and order of the response that is passed on.

    Args:
        times: How often a request is sent again at most.
        on: After which failures: refused, reset, truncation (closed without an answer), 5xx (any
            such status), timeout.
        timeout_s: Longest wait for the head of one attempt, from the end of the request, in
            seconds; goes with `timeout` in `on`.
        timed_out: What the client gets when the last attempt takes longer: the fields of an
            answer, or one word for `how`.
        delay_s: Pause before each further attempt, in seconds.
        methods: Methods that are sent again.

    Journal: fired (the first failure), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    limit_decides: ClassVar[bool] = False
    stands_first: ClassVar[bool] = True
    held_bytes: ClassVar[int] = 0
    # Longest request body that is kept to be sent again: Envoy's per_connection_buffer_limit_bytes,
    # 1 MiB, above which it does not retry — envoyproxy.io, "Cluster", "HTTP routing".
    kept_bytes: ClassVar[int] = 1024 * 1024

    times: Annotated[int, Field(ge=1)] = 1
    on: Annotated[tuple[Failure, ...], Field(min_length=1)] = ("refused", "reset", "truncation")
    timeout_s: Annotated[Duration, Field(gt=0)] | None = None
    timed_out: Annotated[BeforeHead, BeforeValidator(as_how)] = BeforeHead()
    delay_s: Duration = 0.0
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "GET",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "PUT",
        "DELETE",
    )

    @model_validator(mode="after")
    def _has_its_timeout(self) -> Self:
        if (self.timeout_s is not None) != ("timeout" in self.on):
            raise ValueError("timeout says how long, and stands in on as well")
        return self

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return (self.times + 1) * (self.timeout_s or 0.0) + self.times * self.delay_s

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: Resend) -> None:
        self._config = config
        self._standing = Standing()
        self._request: RequestHead | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._gate = RequestGate(config.kept_bytes)
        self._is_whole = False  # the request
        self._why_once = ""  # what keeps this request from being sent again
        self._attempt = 0
        self._is_waiting = False  # for the next attempt
        self._is_timed = False
        self._has_head = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead():
                self._request = event
                if event.method.upper() not in self._config.methods:
                    self._why_once = f"{event.method} is not sent again"
                yield passed(event)
            case RequestData(data):
                yield from self._keep(data)
            case RequestEnd():
                self._is_whole = True
                if not self._is_waiting:
                    yield from self._end_request(now_s)
            case ResponseHead() | Data() | UpstreamEnd() if self._is_given_up(event.attempt):
                pass
            case ResponseHead(status=status) if status >= _SERVER_ERRORS and self._may("5xx"):
                yield CloseUpstream("fin", self._attempt)
                yield from self._again(now_s, f"status {status}")
            case ResponseHead():
                self._has_head = True
                yield from self._stop()
                yield ForwardHead(event)
            case Data(data):
                yield Forward(data)
            case UpstreamEnd(how) if how != "end" and not self._has_head and self._may(how):
                yield from self._again(now_s, how)
            case UpstreamEnd():
                yield from self._stop()
                yield from self._standing.not_reached(self._why())
                yield passed(event)
            case ClientGone(how):
                yield from self._stop()
                yield from self._standing.not_reached(self._why())
                self._why_once = "the client left"
                yield CloseUpstream("rst" if how == "rst" else "fin", self._attempt)
            case Wake() if self._is_waiting:
                self._is_waiting = False
                yield from self._send(now_s)
            case Wake():
                self._is_timed = False
                yield CloseUpstream("fin", self._attempt)
                yield from self._time_out(now_s)
            case CaseOver():
                yield from self._standing.not_reached(self._why())

    def _is_given_up(self, attempt: int) -> bool:
        return self._is_waiting or attempt != self._attempt

    def _keep(self, data: bytes) -> Iterator[Action]:
        if not self._why_once:
            self._body.append(data)
            self._body_bytes += len(data)
        if self._is_waiting:
            yield from self._gate.filled(self._body_bytes)
        else:
            yield SendData(data, self._attempt)
            self._forget_too_much()

    def _forget_too_much(self) -> None:
        """Keep no more of a body that is too long, all of which has gone out by now."""
        if self._body_bytes > self._config.kept_bytes:
            most = format_size(self._config.kept_bytes)
            self._why_once = f"a body of more than {most} is not sent again"
            self._body.clear()
            self._body_bytes = 0

    def _may(self, failure: Failure) -> bool:
        is_left = self._attempt < self._config.times
        return is_left and failure in self._config.on and not self._why_once

    def _again(self, now_s: float, why: str) -> Iterator[Action]:
        yield from self._stop()
        times = self._config.times
        yield from self._standing.fired(f"{why}: sent again, {times} times at most")
        if self._config.delay_s:
            self._is_waiting = True
            yield WakeAt(now_s + self._config.delay_s)
        else:
            yield from self._send(now_s)

    def _send(self, now_s: float) -> Iterator[Action]:
        assert self._request is not None, "an attempt failed that was never made"
        self._attempt += 1
        yield SendRequest(self._request, self._attempt)
        for data in self._body:
            yield SendData(data, self._attempt)
        if self._is_whole:
            yield from self._end_request(now_s)
        self._forget_too_much()
        yield from self._gate.drained(0)

    def _end_request(self, now_s: float) -> Iterator[Action]:
        yield SendEnd(self._attempt)
        if self._config.timeout_s is not None and not self._has_head:
            self._is_timed = True
            yield WakeAt(now_s + self._config.timeout_s + TIE_S)

    def _time_out(self, now_s: float) -> Iterator[Action]:
        waited = f"no head for {format_duration(self._config.timeout_s or 0.0)}"
        if self._may("timeout"):
            yield from self._again(now_s, waited)
            return
        yield from self._standing.fired(f"{waited}: given up")
        yield self._config.timed_out.action()

    def _stop(self) -> Iterator[Action]:
        """Wait for nothing any more."""
        if self._is_timed or self._is_waiting:
            self._is_timed = self._is_waiting = False
            yield WakeAt(math.inf)

    def _why(self) -> str:
        return self._why_once or "no attempt failed before its head"

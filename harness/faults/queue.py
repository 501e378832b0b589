"""See `Queue`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Fault,
    FaultConfig,
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
from harness.faults.connection_limit import TooMany
from harness.faults.held import HeldRequest
from harness.faults.limit import as_how
from harness.faults.standing import Standing
from harness.units import Duration


class Queue(FaultConfig):
    """Let so many responses be under way, and the other requests wait in order.

    A stream keeps its place until upstream ends it or is closed; who waits gets nothing meanwhile,
    not even an error. Held at most: the requests that wait, 64 MiB of body and one read each.

    Models: browsers, which open six connections to one server over HTTP/1.1, so that a seventh
    stream waits in silence — WHATWG HTML, "Server-sent events", Authoring notes; HAProxy maxconn
    and `timeout queue`, 503 — docs.haproxy.org; a gunicorn server of sync workers, each of which
    serves one stream and nobody else — docs.gunicorn.org, "Design".
    Conserves: bytes and order.

    Args:
        max: How many responses may be under way at this hop.
        timeout_s: Longest wait in the queue, in seconds; None: for ever.
        timed_out: What the client gets that has waited so long: the fields of an answer, or one
            word for `how`.

    Journal: fired (the place in the queue), not_reached (how many were under way).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    limit_decides: ClassVar[bool] = False

    max: Annotated[int, Field(ge=1)]
    timeout_s: Annotated[Duration, Field(gt=0)] | None = None
    timed_out: Annotated[TooMany, BeforeValidator(as_how)] = TooMany()

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.timeout_s or 0.0

    def running(self, draw: Callable[[], float]) -> Fault:  # noqa: ARG002 - the contract's
        """See `FaultConfig.running`."""
        return _Running(self)


class _Running:
    def __init__(self, config: Queue) -> None:
        self._config = config
        self._standings: dict[int, Standing] = {}
        self._under_way: set[int] = set()
        self._waiting: dict[int, HeldRequest] = {}  # in the order they came
        self._met: dict[int, int] = {}  # exchange → how many were under way with it

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        if x not in self._standings:
            self._standings[x] = Standing()
            yield x, Note("armed", f"exchange {x}")
        self._standings[x].see(event)
        match event:
            case RequestHead() if len(self._under_way) < self._config.max:
                yield from self._start(x, [passed(event)])
            case RequestHead():
                yield from ((x, action) for action in self._wait(now_s, x, event))
            case RequestData() | RequestEnd() if x in self._waiting:
                yield from ((x, action) for action in self._waiting[x].add(event))
            case RequestData() | RequestEnd() | ResponseHead() | Data():
                yield x, passed(event)
            case UpstreamEnd():
                yield x, passed(event)
                yield from self._free(x)
            case ClientGone():
                if self._waiting.pop(x, None) and self._config.timeout_s is not None:
                    yield x, WakeAt(math.inf)
                yield x, passed(event)
                yield from self._free(x)
            case Wake():
                if self._waiting.pop(x, None):
                    yield x, self._config.timed_out.action()
            case CaseOver():
                self._under_way.discard(x)
                met, most = self._met.pop(x, 0), self._config.max
                reason = f"{met} of {most} were under way"
                notes = self._standings.pop(x).not_reached(reason, met / most)
                yield from ((x, note) for note in notes)

    def _wait(self, now_s: float, x: int, head: RequestHead) -> Iterator[Action]:
        config = self._config
        self._waiting[x] = HeldRequest(head, config.held_bytes)
        place = f"number {len(self._waiting)} in the queue, {config.max} are under way"
        yield from self._standings[x].fired(place)
        if config.timeout_s is not None:
            yield WakeAt(now_s + config.timeout_s + TIE_S)

    def _start(self, x: int, request: Iterable[Action]) -> Iterator[tuple[int, Action]]:
        self._under_way.add(x)
        self._met[x] = len(self._under_way)
        yield from ((x, action) for action in request)

    def _free(self, x: int) -> Iterator[tuple[int, Action]]:
        """The place of `x` is the next one's."""
        self._under_way.discard(x)
        while self._waiting and len(self._under_way) < self._config.max:
            y = next(iter(self._waiting))
            request = self._waiting.pop(y)
            if self._config.timeout_s is not None:
                yield y, WakeAt(math.inf)
            yield from self._start(y, request.release())

"""See `Cut`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

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
    Fault,
    FaultConfig,
    Forward,
    PerExchange,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamClose,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.cut_place import AfterEvent, AtEvent, AtOffset, Finder, Place
from harness.faults.standing import Standing
from harness.units import Duration, Size, show_seconds
from harness.wire.headers import tokens


class Cut(FaultConfig):
    """End the response at an exact place.

    Bytes up to the place are forwarded as they are. It is found over any read boundaries; for
    places inside an event, that event is held until its blank line came (comments and blank lines
    before it are not). A line end counts from its first byte: of CRLF the CR goes out, the LF does
    not. Comments and blocks without data are no events.

    Models: a server or proxy that dies or is deployed while it streams; what an EventSource makes
    of the rest is fixed: an event without its blank line is dropped, and the last event id is that
    of the last whole block — WHATWG HTML, "Interpreting an event stream".
    Conserves: bytes and order until it fires.

    Args:
        after_bytes: Cut after so many body bytes; 0 is right after the head.
        after_events: Cut right after the blank line of this event, counted from 1.
        after_s: Cut at this time after the request head, in seconds. Before the response head
            there is nothing to finish, and `end` closes as `truncation` does.
        place: Where to cut in event number `event`: mid_field (in the middle of a data value, at
            a character's edge), after_id (its id line ended), mid_char (within the first
            character of several bytes; the first later event that has one will do),
            before_blank_line (all its lines ended), after_blank_line.
        event: The event `place` is about, counted from 1 in each exchange.
        how: How the response ends.
        upstream: How the connection to upstream is closed.
        times: How many exchanges of the case are cut: the first so many that get there.

    Journal: fired (the place, with its offset), not_reached (how far it got).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    always_ends: ClassVar[bool] = True
    looks_at: ClassVar[frozenset[str]] = frozenset({"content-encoding"})

    # Named in full: `after` is the time.
    after_bytes: Size | None = Field(default=None, alias="after_bytes")
    after_events: Annotated[int, Field(ge=1)] | None = None
    after_s: Duration | None = None
    place: Place | None = None
    event: Annotated[int, Field(ge=1)] = 2
    how: EndHow = "truncation"
    upstream: UpstreamClose = "fin"
    times: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _has_one_trigger(self) -> Self:
        triggers = (self.after_bytes, self.after_events, self.after_s, self.place)
        if sum(trigger is not None for trigger in triggers) != 1:
            raise ValueError("expected one of after_bytes, after_events, after and place")
        if self.place is None and "event" in self.model_fields_set:
            raise ValueError("event goes with place")
        return self

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.after_s or 0.0

    def running(self, draw: Callable[[], float]) -> Fault:  # noqa: ARG002 - the contract's
        """See `FaultConfig.running`."""
        budget = _Budget(self.times)
        return PerExchange(lambda _x: _State(self, budget))

    def finder(self) -> Finder | None:
        """What looks for the place in a body; None for a time."""
        if self.place == "after_blank_line":
            return AfterEvent(self.event)
        if self.place is not None:
            return AtEvent(self.place, self.event)
        if self.after_events is not None:
            return AfterEvent(self.after_events)
        if self.after_bytes is not None:
            return AtOffset(self.after_bytes)
        return None


class _Budget:
    """How many exchanges may still be cut, over the whole case."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.left = times


class _State:
    def __init__(self, config: Cut, budget: _Budget) -> None:
        self._config = config
        self._budget = budget
        self._standing = Standing()
        self._finder = config.finder()
        self._since_s = 0.0
        self._has_head = False
        self._is_timed = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead():
                self._since_s = now_s
                yield passed(event)
                if self._config.after_s is not None:
                    self._is_timed = True
                    yield WakeAt(now_s + self._config.after_s + TIE_S)
            case RequestData() | RequestEnd():
                yield passed(event)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
                codings = [
                    it for it in tokens(event.headers, "content-encoding") if it != "identity"
                ]
                if codings and isinstance(self._finder, AtEvent | AfterEvent):
                    yield from self._give_up(f"{', '.join(codings)} hides the events")
                yield from self._forward(b"")
            case Data(data):
                yield from self._forward(data)
            case UpstreamEnd() | ClientGone():
                yield from self._give_up(*self._margin(now_s))
                yield passed(event)
            case Wake():
                self._is_timed = False
                yield from self._cut(f"{show_seconds(now_s - self._since_s)} after the request")
            case CaseOver():
                yield from self._standing.not_reached(*self._margin(now_s))

    def _forward(self, data: bytes) -> Iterator[Action]:
        if self._finder is not None and not self._budget.left:
            yield from self._give_up(self._spent())
        if self._finder is None:
            if data:
                yield Forward(data)
            return
        ready, is_here = self._finder.feed(data)
        if ready:
            yield Forward(ready)
        if is_here:
            yield from self._cut(self._finder.here())

    def _cut(self, where: str) -> Iterator[Action]:
        if not self._budget.left:
            yield from self._give_up(self._spent())
            return
        self._budget.left -= 1
        yield from self._standing.fired(where)
        is_unfinished = self._config.how == "end" and not self._has_head
        yield End("truncation" if is_unfinished else self._config.how)
        yield CloseUpstream(self._config.upstream)

    def _give_up(self, reason: str, share: float = 0.0) -> Iterator[Action]:
        """Pass everything from now on, beginning with what is held."""
        finder, self._finder = self._finder, None
        if finder is not None and (held := finder.rest()):
            yield Forward(held)
        if self._is_timed:
            self._is_timed = False
            yield WakeAt(math.inf)
        yield from self._standing.not_reached(reason, share)

    def _spent(self) -> str:
        return f"{self._budget.times} of {self._budget.times} exchanges were cut before"

    def _margin(self, now_s: float) -> tuple[str, float]:
        """How far it got: in words, and as a share of the way."""
        if self._finder is not None:
            return self._finder.margin(), self._finder.share()
        lasted_s, limit_s = now_s - self._since_s, self._config.after_s or 0.0
        share = lasted_s / limit_s if limit_s else 0.0
        return f"{show_seconds(lasted_s)} of {limit_s:g} s", share

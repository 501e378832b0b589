"""Faults that no product has: each uses one power of the contract, to see a driver carry it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal

from harness.faults import registry
from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Conserves,
    Data,
    End,
    EndHow,
    Event,
    Exchange,
    Fault,
    FaultConfig,
    Forward,
    ForwardHead,
    GoAway,
    PauseUpstream,
    RequestEnd,
    RequestHead,
    ResponseHead,
    ResumeUpstream,
    SendEnd,
    SendRequest,
    SimpleFault,
    UpstreamClose,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.h2_end import H2End
from harness.faults.latency import Latency
from harness.model.base import Strict
from harness.units import Duration


class Stubborn(SimpleFault):
    """Goes on fetching when its client has gone."""

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _Stubborn()


class _Stubborn:
    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        if not isinstance(event, ClientGone | Wake | CaseOver):
            yield passed(event)


class EndsAt(SimpleFault):
    """Ends the response at a word in the stream.

    Args:
        word: What the data has to contain.
        how: How the response ends.
        upstream: How upstream is closed.
        h2: How an abrupt end looks over HTTP/2: a code of RST_STREAM, or `end`.
        warns: Whether a GOAWAY comes with the response head.
        by_close: Whether the connection's end delimits the body.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    word: str = "stop"
    how: EndHow = "end"
    upstream: UpstreamClose = "fin"
    h2: int | Literal["end"] = 2
    warns: bool = False
    by_close: bool = False

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _EndsAt(self)


class _EndsAt:
    def __init__(self, config: EndsAt) -> None:
        self._config = config

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        match event:
            case Data(data) if self._config.word.encode() in data:
                h2 = self._config.h2
                yield Forward(data)
                yield End(self._config.how, h2=H2End("end") if h2 == "end" else H2End("reset", h2))
                yield CloseUpstream(self._config.upstream)
            case ResponseHead():
                yield ForwardHead(event, "close" if self._config.by_close else None)
                if self._config.warns:
                    yield GoAway()
            case Wake() | CaseOver():
                pass
            case _:
                yield passed(event)


class Raises(SimpleFault):
    """Has a bug.

    Args:
        at: The event it raises at, by its class.
    """

    conserves: ClassVar[Conserves] = Conserves.NOTHING

    at: str

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _Raises(self.at)


class _Raises:
    def __init__(self, at: str) -> None:
        self._at = at

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        if type(event).__name__ == self._at:
            raise ZeroDivisionError(f"at {self._at}")
        match event:
            case RequestHead():
                yield passed(event)
                yield WakeAt(now_s + 0.01)
            case Wake() | CaseOver():
                pass
            case _:
                yield passed(event)


class Pauses(SimpleFault):
    """Stops reading upstream at a word in the stream, for so long.

    Args:
        word: What the data has to contain.
        for_s: How long, in seconds.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    word: str = "pause"
    for_s: Duration = 10.0

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _Pauses(self)


class _Pauses:
    def __init__(self, config: Pauses) -> None:
        self._config = config

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        match event:
            case Data(data):
                yield Forward(data)
                if self._config.word.encode() in data:
                    yield PauseUpstream()
                    yield WakeAt(now_s + self._config.for_s)
            case Wake():
                yield ResumeUpstream()
            case CaseOver():
                pass
            case _:
                yield passed(event)


class SoonFull(Latency):
    """A delay that holds little."""

    held_bytes: ClassVar[int] = 32 * 1024


class OldUpstream(SimpleFault):
    """Speaks HTTP/1.0 upstream."""

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _OldUpstream()


class _OldUpstream:
    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        match event:
            case RequestHead(method, target, headers):
                yield SendRequest(RequestHead(method, target, headers, "HTTP/1.0"))
            case Wake() | CaseOver():
                pass
            case _:
                yield passed(event)


class TriesTwice(SimpleFault):
    """Sends a second request when the first attempt is no success."""

    conserves: ClassVar[Conserves] = Conserves.ORDER

    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        return _TriesTwice()


class _TriesTwice:
    def __init__(self) -> None:
        self._request: RequestHead | None = None
        self._attempt = 0

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        match event:
            case RequestHead():
                self._request = event
                yield SendRequest(event)
            case ResponseHead(status=503, attempt=0):
                assert self._request is not None
                self._attempt = 1
                yield CloseUpstream("fin", 0)
                yield SendRequest(self._request, 1)
                yield SendEnd(1)
            case ResponseHead(attempt=attempt) if attempt == self._attempt:
                yield ForwardHead(event)
            case Data(data, attempt) if attempt == self._attempt:
                yield Forward(data)
            case UpstreamEnd(attempt=attempt) if attempt == self._attempt:
                yield passed(event)
            case ClientGone():
                yield CloseUpstream("fin", self._attempt)
            case RequestEnd():
                yield SendEnd()
            case _:
                pass


class Joins(FaultConfig, Strict):
    """A cache that joins followers to a leader: the first exchange fetches for all of them."""

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    def running(self, draw: Callable[[], float]) -> Fault:
        return _Joins()


class _Joins:
    def __init__(self) -> None:
        self._joined: list[int] = []
        self._head: ResponseHead | None = None

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        match event:
            case RequestHead():
                self._joined.append(x)
                if x == 1:
                    yield x, passed(event)
                elif self._head is not None:
                    yield x, ForwardHead(self._head)
            case RequestEnd() if x == 1:
                yield x, passed(event)
            case ResponseHead(status=503):
                for y in self._joined:
                    yield y, Answer(503, body=b"no\n")
                yield 1, CloseUpstream("fin")
            case ResponseHead():
                self._head = event
                for y in self._joined:
                    yield y, ForwardHead(event)
            case Data(data):
                for y in self._joined:
                    yield y, Forward(data)
            case UpstreamEnd(how):
                for y in self._joined:
                    yield y, End("truncation" if how == "refused" else how)
            case ClientGone():
                self._joined.remove(x)
                if not self._joined:
                    yield 1, CloseUpstream("fin")
            case _:
                pass


FAULTS: dict[str, type[FaultConfig]] = {
    "stubborn": Stubborn,
    "ends_at": EndsAt,
    "raises": Raises,
    "pauses": Pauses,
    "soon_full": SoonFull,
    "old_upstream": OldUpstream,
    "tries_twice": TriesTwice,
    "joins": Joins,
}


@contextmanager
def known(faults: Mapping[str, type[FaultConfig]]) -> Iterator[None]:
    """Let scenarios name faults a test made up."""
    table = vars(registry)
    before = registry.FAULTS
    table["FAULTS"] = {**before, **faults}
    try:
        yield
    finally:
        table["FAULTS"] = before

"""What a fault holds back of one exchange: how much at most, and in which order it goes out."""

from __future__ import annotations

from collections.abc import Iterator

from harness.faults.base import (
    Action,
    Data,
    Forward,
    PauseDownstream,
    PauseUpstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResumeDownstream,
    ResumeUpstream,
    UpstreamEnd,
    passed,
)


class Gate:
    """Stop reading from upstream while too much is held.

    One read can be under way when it closes, so a holder has at most its limit and that read.

    Args:
        limit_bytes: Most body bytes to hold; above them the gate closes, and below half of them
            it opens again.
    """

    __slots__ = ("_attempt", "_is_closed", "_limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._is_closed = False
        self._attempt = 0

    def filled(self, held_bytes: int, attempt: int) -> Iterator[Action]:
        """So much is held now that a read from `attempt` was added."""
        if held_bytes > self._limit_bytes and not self._is_closed:
            self._is_closed, self._attempt = True, attempt
            yield PauseUpstream(attempt)

    def drained(self, held_bytes: int) -> Iterator[Action]:
        """So much is held now that some went out."""
        if self._is_closed and held_bytes < self._limit_bytes / 2:
            self._is_closed = False
            yield ResumeUpstream(self._attempt)


class RequestGate:
    """The same for the body of a request: stop reading from downstream while too much is held.

    Args:
        limit_bytes: See `Gate`.
    """

    __slots__ = ("_is_closed", "_limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._is_closed = False

    def filled(self, held_bytes: int) -> Iterator[Action]:
        """So much is held now that a read was added."""
        if held_bytes > self._limit_bytes and not self._is_closed:
            self._is_closed = True
            yield PauseDownstream()

    def drained(self, held_bytes: int) -> Iterator[Action]:
        """So much is held now that some went out."""
        if self._is_closed and held_bytes < self._limit_bytes / 2:
            self._is_closed = False
            yield ResumeDownstream()


class HeldRequest:
    """A request that waits before it goes upstream.

    Args:
        head: Its head.
        limit_bytes: Most body bytes to hold; see `Gate`.
    """

    __slots__ = ("_events", "_gate", "_held_bytes")

    def __init__(self, head: RequestHead, limit_bytes: int) -> None:
        self._events: list[RequestHead | RequestData | RequestEnd] = [head]
        self._gate = RequestGate(limit_bytes)
        self._held_bytes = 0

    def add(self, event: RequestData | RequestEnd) -> Iterator[Action]:
        """More of it came."""
        self._events.append(event)
        if isinstance(event, RequestData):
            self._held_bytes += len(event.data)
            yield from self._gate.filled(self._held_bytes)

    def release(self) -> Iterator[Action]:
        """All that came of it goes upstream."""
        for event in self._events:
            yield passed(event)
        yield from self._gate.drained(0)


class HeldBody:
    """Body bytes that wait their turn, and the end that waits behind them.

    Args:
        limit_bytes: Most bytes to hold; see `Gate`.
    """

    __slots__ = ("_data", "_end", "_gate")

    def __init__(self, limit_bytes: int) -> None:
        self._data = bytearray()
        self._end: UpstreamEnd | None = None
        self._gate = Gate(limit_bytes)

    def __len__(self) -> int:
        return len(self._data)

    def add(self, read: Data) -> Iterator[Action]:
        """A read joins what waits."""
        self._data += read.data
        yield from self._gate.filled(len(self._data), read.attempt)

    def send(self, size: int) -> Iterator[Action]:
        """The first `size` bytes go out as one write, and the end after the last of all."""
        if piece := bytes(self._data[:size]):
            del self._data[:size]
            yield Forward(piece)
        if not self._data and self._end is not None:
            yield passed(self._end)
        else:
            yield from self._gate.drained(len(self._data))

    def end(self, end: UpstreamEnd) -> Iterator[Action]:
        """The end waits too, unless it drops what waits before it."""
        if end.is_dropping:
            self._data.clear()
        self._end = end
        yield from self.send(0)

"""See `LateHeaders`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    ForwardHead,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.standing import Standing
from harness.units import show_seconds


class LateHeaders(SimpleFault):
    """Hold the response head until the first byte of the body.

    The client of a stream that begins quietly is not connected, and every limit before the head
    goes on counting. A server that sends a comment with its head defeats it. An end lets the head
    go as well.

    Models: nginx, which passes a chunked response's head on with its first bytes; gunicorn,
    waitress and Daphne, which send the head with the body's first part; the npm package http-proxy
    and Next.js, whose Node server writes the head with the first chunk — all measured: head and
    first event together, two seconds late, on nginx 1.22, gunicorn 27.0, waitress 3.0, Daphne 4.2,
    http-proxy 1.18 and Next 16.4.
    Conserves: bytes and order.

    Journal: fired (how long the head waited), defeated (a first byte with the head), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State()


class _State:
    def __init__(self) -> None:
        self._standing = Standing()
        self._head: ResponseHead | None = None  # while it waits
        self._since_s = 0.0

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case ResponseHead():
                self._head, self._since_s = event, now_s
            case Data():
                yield from self._release(now_s, "the first byte came with the head")
                yield passed(event)
            case UpstreamEnd():
                yield from self._release(now_s, None)
                yield passed(event)
            case RequestHead() | RequestData() | RequestEnd():
                yield passed(event)
            case ClientGone():
                yield from self._tell(now_s, None)
                yield passed(event)
            case CaseOver():
                yield from self._tell(now_s, None)
            case Wake():
                pass

    def _release(self, now_s: float, cure: str | None) -> Iterator[Action]:
        yield from self._tell(now_s, cure)
        if self._head is not None:
            head, self._head = self._head, None
            yield ForwardHead(head)

    def _tell(self, now_s: float, cure: str | None) -> Iterator[Action]:
        """Say how it stands: `cure` is what defeats it where the head has not waited."""
        waited_s = now_s - self._since_s
        if self._head is not None and waited_s > TIE_S:
            yield from self._standing.fired(f"head held for {show_seconds(waited_s)}")
        elif self._head is not None and cure is not None:
            yield from self._standing.defeated(cure)
        else:
            yield from self._standing.not_reached("no head waited for a body")

"""See `Buffer`."""

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
    Conserves,
    Data,
    Event,
    Forward,
    ForwardHead,
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
from harness.faults.held import Gate
from harness.faults.standing import Standing
from harness.units import Duration, Size, format_duration, format_size
from harness.wire.headers import values


class Buffer(SimpleFault):
    """Hold the response's bytes back: until a block is full, until a time is up, or to the end.

    A full block is forwarded as one write of exactly `block` bytes; what is over stays held. When
    upstream ends, however it ends, what is held goes out before the end does, unless `drop_held`
    stands before it. Held at most: one
    byte less than a block; without `block`, all there is. Never more than 64 MiB and one read: then
    upstream is read no further until less than half is left, which a buffer that waits for the end
    never comes to. Such a response stands still.

    Models: nginx proxy_buffering, on by default with blocks of one memory page (4 KiB or 8 KiB,
    proxy_buffer_size), off for a response with X-Accel-Buffering: no — nginx.org,
    ngx_http_proxy_module; Traefik flushInterval, 100 ms — doc.traefik.io, "HTTP load balancing";
    AWS Lambda function URLs in BUFFERED mode, which answer when the function is done —
    docs.aws.amazon.com, "Invoking Lambda function URLs".
    Conserves: bytes and order.

    Args:
        block_bytes: Size of a block; None: no block is ever full.
        until_end: Whether everything waits for upstream's end; goes without the other two.
        flush_after_s: Time from the first byte held until all that is held goes out, in seconds.
            None: never.
        hold_head: Whether the head waits for the first bytes that go out.
        unless_response_header: Name and value of header fields that switch the fault off; both
            are compared without case.

    Journal: fired (what was held back first), defeated (the header field seen), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    block_bytes: Annotated[Size, Field(gt=0)] | None = None
    until_end: bool = False
    flush_after_s: Annotated[Duration, Field(gt=0)] | None = None
    hold_head: bool = False
    unless_response_header: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_one_way_out(self) -> Self:
        releases = self.block_bytes is not None or self.flush_after_s is not None
        if not (self.until_end or releases):
            raise ValueError("expected block, flush_after or until_end")
        if self.until_end and releases:
            raise ValueError("until_end holds everything: expected neither block nor flush_after")
        return self

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.flush_after_s or 0.0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)

    def waits_for(self) -> str:
        """What releases held bytes, in words."""
        ways = ["a block of " + format_size(self.block_bytes)] if self.block_bytes else []
        if self.flush_after_s is not None:
            ways.append(f"{format_duration(self.flush_after_s)} to pass")
        return " or ".join(ways) or f"the end, takes {format_size(self.held_bytes)} at most"


class _State:
    def __init__(self, config: Buffer) -> None:
        self._config = config
        self._standing = Standing()
        self._gate = Gate(config.held_bytes)
        self._head: ResponseHead | None = None
        self._held = bytearray()
        self._is_off = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd():
                yield passed(event)
            case ResponseHead():
                yield from self._take_head(event)
            case Data() if self._is_off:
                yield passed(event)
            case Data(data, attempt):
                yield from self._take(now_s, data)
                yield from self._gate.filled(len(self._held), attempt)
                # What was under way may have filled a block larger than the limit.
                yield from self._gate.drained(len(self._held))
            case UpstreamEnd():
                if self._held and self._config.flush_after_s is not None:
                    yield WakeAt(math.inf)
                if event.is_dropping:
                    self._held.clear()
                yield from self._flush()
                yield from self._standing.not_reached(self._margin())
                yield passed(event)
            case ClientGone():
                yield from self._standing.not_reached(self._margin())
                yield passed(event)
            case Wake():
                yield from self._flush()
                yield from self._gate.drained(0)
            case CaseOver():
                yield from self._standing.not_reached(self._margin())

    def _take_head(self, head: ResponseHead) -> Iterator[Action]:
        for name, wanted in self._config.unless_response_header.items():
            if wanted.strip().lower() in (it.strip().lower() for it in values(head.headers, name)):
                self._is_off = True
                yield from self._standing.defeated(f"{name}: {wanted} in the response")
        if self._config.hold_head and not self._is_off:
            self._head = head
            yield from self._standing.fired(f"head held, waits for {self._config.waits_for()}")
        else:
            yield ForwardHead(head)

    def _take(self, now_s: float, data: bytes) -> Iterator[Action]:
        block, timer_s = self._config.block_bytes, self._config.flush_after_s
        was_holding = bool(self._held)
        self._held += data
        full = len(self._held) - len(self._held) % block if block else 0
        if block and full:
            yield from self._release_head()
            whole = bytes(self._held[:full])
            del self._held[:full]
            for start in range(0, full, block):
                yield Forward(whole[start : start + block])
        if self._held:
            yield from self._standing.fired(
                f"{format_size(len(self._held))} held, waits for {self._config.waits_for()}"
            )
        if timer_s is not None:
            # Whatever is left after a full block came just now.
            if self._held and (full or not was_holding):
                yield WakeAt(now_s + timer_s + TIE_S)
            elif was_holding and not self._held:
                yield WakeAt(math.inf)

    def _flush(self) -> Iterator[Action]:
        yield from self._release_head()
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            yield Forward(held)

    def _release_head(self) -> Iterator[Action]:
        if self._head is not None:
            head, self._head = self._head, None
            yield ForwardHead(head)

    def _margin(self) -> str:
        if self._standing.offset == 0:
            return "no body byte came"
        return f"all {self._standing.offset} bytes came in whole blocks"

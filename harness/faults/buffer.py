"""See `Buffer`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictBool, model_validator

from harness.faults.base import (
    HELD_BYTES,
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
    SimpleFault,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.head_size import size_on_wire
from harness.faults.held import Gate
from harness.faults.limit import local_answer
from harness.faults.standing import Standing
from harness.units import Duration, Size, format_duration, format_size
from harness.wire.headers import replaced, value, values


class Buffer(SimpleFault):
    """Hold the response's bytes back: until a block is full, until a time is up, or to the end.

    A full block is forwarded as one write of exactly `block` bytes; what is over stays held. When
    upstream ends, however it ends, what is held goes out before the end does, unless `drop_held`
    stands before it. Held at most: one byte less than a block; without `block`, all there is.
    Never more than 64 MiB, or `limit`, and one read: then upstream is read no further until less
    than half is left, which a buffer that waits for the end never comes to. Such a response stands
    still, unless `over_limit` says otherwise.

    Models: nginx proxy_buffering, on by default with blocks of one memory page (4 KiB or 8 KiB,
    proxy_buffers), the first of which (proxy_buffer_size) holds the head too, off for a response
    with X-Accel-Buffering: no — nginx.org, ngx_http_proxy_module; measured on 1.22; Traefik
    flushInterval, 100 ms, and its buffering middleware, which sends a short body with its length
    and answers 500 for one that is too long — doc.traefik.io, "HTTP load balancing", "Buffering";
    lighttpd, which waits for the end and knows the length then — measured on 1.4; Caddy
    response_buffers, which hold so much and then let all pass — caddyserver.com, "reverse_proxy";
    AWS Lambda function URLs in BUFFERED mode, which answer when the function is done —
    docs.aws.amazon.com, "Invoking Lambda function URLs".
    Conserves: bytes and order.

    Args:
        block_bytes: Size of a block; None: no block is ever full.
        first_block_bytes: Size of the first block; None: that of the others.
        head_counts: Whether the head takes its room in the first block.
        until_end: Whether everything waits for upstream's end; goes without blocks and timer.
        content_length: Whether a body that was held to its end is sent with its length, which
            makes whole what was truncated. A size: one that is no longer. Goes with `until_end`
            and `hold_head`.
        limit_bytes: Most bytes held for the end; None: 64 MiB.
        over_limit: What a longer body comes to: wait (upstream is read no further), pass (all goes
            out, and what follows as it comes), or the status of an answer in its place.
        if_broken: Status of an answer in place of a response that upstream breaks off while all of
            it is held; None: what came of it goes out. Goes with `until_end` and `hold_head`.
        flush_after_s: Time from the first byte held until all that is held goes out, in seconds.
            None: never.
        hold_head: Whether the head waits for the first bytes that go out.
        unless_response_header: Name and value of header fields that switch the fault off; both
            are compared without case.

    Journal: fired (what was held back first), defeated (the header field seen), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    looks_at: ClassVar[frozenset[str]] = frozenset({"content-length"})

    block_bytes: Annotated[Size, Field(gt=0)] | None = None
    first_block_bytes: Annotated[Size, Field(gt=0)] | None = None
    head_counts: bool = False
    until_end: bool = False
    content_length: StrictBool | Annotated[Size, Field(gt=0)] = False
    limit_bytes: Annotated[Size, Field(gt=0, le=HELD_BYTES)] | None = None
    over_limit: Literal["wait", "pass"] | Annotated[int, Field(ge=400, le=599)] = "wait"
    if_broken: Annotated[int, Field(ge=400, le=599)] | None = None
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

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Self:
        shapes_first = self.head_counts or self.first_block_bytes is not None
        if shapes_first and self.block_bytes is None:
            raise ValueError("a first block needs others: expected block")
        if not self.until_end and (self.limit_bytes is not None or self.over_limit != "wait"):
            raise ValueError("limit and over_limit go with until_end")
        answers = isinstance(self.over_limit, int) or self.if_broken is not None
        says_first = self.content_length or answers
        if says_first and not (self.until_end and self.hold_head):
            raise ValueError(
                "what is said in the head has to be known before it goes out: expected until_end "
                "and hold_head"
            )
        return self

    def heeds(self, field: str) -> bool:
        """See `FaultConfig.heeds`: where the head takes room in a block, every field does."""
        return self.head_counts or super().heeds(field)

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.flush_after_s or 0.0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)

    def most_bytes(self) -> int:
        """Most bytes held, with one read on top."""
        return min(self.held_bytes, self.limit_bytes or self.held_bytes)

    def first_bytes(self, head: ResponseHead) -> int:
        """Size of the first block after this head; 0: there are no blocks."""
        first_bytes = self.first_block_bytes or self.block_bytes or 0
        return max(1, first_bytes - size_on_wire(head)) if self.head_counts else first_bytes

    def tells_length(self, head: ResponseHead, length: int) -> bool:
        """Whether a whole body of this length is sent with it."""
        if head.framing == "none" or value(head.headers, "content-length") is not None:
            return False
        if isinstance(self.content_length, bool):
            return self.content_length
        return length <= self.content_length

    def waits_for(self) -> str:
        """What releases held bytes, in words."""
        ways = ["a block of " + format_size(self.block_bytes)] if self.block_bytes else []
        if self.flush_after_s is not None:
            ways.append(f"{format_duration(self.flush_after_s)} to pass")
        return " or ".join(ways) or f"the end, takes {format_size(self.most_bytes())} at most"


class _State:
    def __init__(self, config: Buffer) -> None:
        self._config = config
        self._standing = Standing()
        self._gate = Gate(config.most_bytes())
        self._head: ResponseHead | None = None  # while it waits
        self._held = bytearray()
        self._block_bytes = 0  # of the next block; 0: there are none
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
                if len(self._held) > self._config.most_bytes():
                    yield from self._overflow(attempt)
                # What was under way may have filled a block larger than the limit.
                yield from self._gate.drained(len(self._held))
            case UpstreamEnd("truncation" | "reset") if self._is_lost():
                assert self._config.if_broken is not None
                yield local_answer(self._config.if_broken, None, ())
            case UpstreamEnd():
                if self._held and self._config.flush_after_s is not None:
                    yield WakeAt(math.inf)
                yield from self._end(event)
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
        self._block_bytes = self._config.first_bytes(head)
        if self._config.hold_head and not self._is_off:
            self._head = head
            yield from self._standing.fired(f"head held, waits for {self._config.waits_for()}")
        else:
            yield ForwardHead(head)

    def _take(self, now_s: float, data: bytes) -> Iterator[Action]:
        timer_s = self._config.flush_after_s
        was_holding = bool(self._held)
        self._held += data
        has_block = 0 < self._block_bytes <= len(self._held)
        if has_block:
            yield from self._release_head()
            yield from self._send_blocks()
        if self._held:
            yield from self._standing.fired(
                f"{format_size(len(self._held))} held, waits for {self._config.waits_for()}"
            )
        if timer_s is not None:
            # Whatever is left after a full block came just now.
            if self._held and (has_block or not was_holding):
                yield WakeAt(now_s + timer_s + TIE_S)
            elif was_holding and not self._held:
                yield WakeAt(math.inf)

    def _send_blocks(self) -> Iterator[Action]:
        at = 0
        while len(self._held) - at >= self._block_bytes:
            yield Forward(bytes(self._held[at : at + self._block_bytes]))
            at += self._block_bytes
            self._block_bytes = self._config.block_bytes or 0
        del self._held[:at]

    def _overflow(self, attempt: int) -> Iterator[Action]:
        """More is held than may be."""
        match self._config.over_limit:
            case "wait":
                yield from self._gate.filled(len(self._held), attempt)
            case "pass":
                self._is_off = True
                yield from self._flush()
            case status:
                yield local_answer(status, None, ())
                yield CloseUpstream("fin", attempt)

    def _is_lost(self) -> bool:
        """Whether a broken response is answered for, since nothing of it has gone out."""
        return self._config.if_broken is not None and self._head is not None

    def _end(self, end: UpstreamEnd) -> Iterator[Action]:
        if end.is_dropping:
            self._held.clear()
        head = self._head
        if head is not None and self._config.tells_length(head, len(self._held)):
            if end.is_dropping and end.how != "end":
                return  # there is no whole body whose length could be told
            length = replaced(head.headers, "Content-Length", str(len(self._held)))
            self._head = replace(head, headers=length, framing="length")
        yield from self._flush()

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

"""See `LagOneEvent`."""

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
from harness.faults.standing import Standing
from harness.units import Duration, Size, format_duration, format_size

# Of a chunk, behind its size and behind its bytes.
_LINE_END = 2


class LagOneEvent(SimpleFault):
    """Keep the last read back until the next one comes.

    An event is not dispatched before its blank line, so that each one arrives with its successor,
    or with a heartbeat, and the last one with the end. Held at most: one read.

    With `block` only what of a chunk did not fit into a block is kept, so that events that are
    shorter pass at once. Every read counts as one chunk, with its size and the two ends of a line.

    Models: HAProxy with `compression`, whose encoder keeps the last 20 bytes or so of each read
    for the next one — docs.haproxy.org, "compression algo"; measured on 2.6: 38 of the first 60
    bytes at once, the rest with the second event. With `block` nginx with proxy_buffering and a
    chunked upstream, which begins a buffer for each read that it has passed on whole, passes on
    every buffer that is full, and waits with the last one of a chunk for two bytes more than the
    chunk has — nginx 1.22.1, ngx_http_parse.c, the least length it expects; measured.
    Conserves: bytes and order.

    Args:
        keep_bytes: How many of a read's last bytes are kept at most; None: all of them.
        block_bytes: Size of a block; None: it is no matter how long a read is. Goes without `keep`.
        first_block_bytes: Size of the first block; None: that of the others.
        head_counts: Whether the head takes its room in the first block.
        flush_after_s: How long they are kept at most, in seconds. None: for as long as it takes.

    Journal: fired (what was kept first), defeated (every read fitted into its block), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    held_bytes: ClassVar[int] = 0  # beside the read that is kept

    keep_bytes: Annotated[Size, Field(gt=0)] | None = None
    block_bytes: Annotated[Size, Field(gt=0)] | None = None
    first_block_bytes: Annotated[Size, Field(gt=0)] | None = None
    head_counts: bool = False
    flush_after_s: Annotated[Duration, Field(gt=0)] | None = None

    def heeds(self, field: str) -> bool:
        """See `FaultConfig.heeds`: where the head takes room in a block, every field does."""
        return self.head_counts or super().heeds(field)

    @model_validator(mode="after")
    def _keeps_one_thing(self) -> Self:
        if self.block_bytes is not None and self.keep_bytes is not None:
            raise ValueError("a block says what is kept: expected keep or block, not both")
        if self.block_bytes is None and (self.head_counts or self.first_block_bytes is not None):
            raise ValueError("a first block needs others: expected block")
        return self

    def first_bytes(self, head: ResponseHead) -> int:
        """Size of the first block after this head; 0: there are no blocks."""
        first_bytes = self.first_block_bytes or self.block_bytes or 0
        return max(1, first_bytes - size_on_wire(head)) if self.head_counts else first_bytes

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.flush_after_s or 0.0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: LagOneEvent) -> None:
        self._config = config
        self._standing = Standing()
        self._kept = b""
        self._room_bytes = 0  # in the present block

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self._standing.see(event)
        match event:
            case RequestHead() | RequestData() | RequestEnd():
                yield passed(event)
            case ResponseHead():
                self._room_bytes = self._config.first_bytes(event)
                yield passed(event)
            case Data(data):
                yield from self._take(now_s, data)
            case UpstreamEnd():
                if self._kept and self._config.flush_after_s is not None:
                    yield WakeAt(math.inf)
                if not event.is_dropping:
                    yield from self._flush()
                yield from self._over()
                yield passed(event)
            case ClientGone():
                yield from self._over()
                yield passed(event)
            case Wake():
                yield from self._flush()
            case CaseOver():
                yield from self._over()

    def _over(self) -> Iterator[Action]:
        block_bytes = self._config.block_bytes
        if self._standing.offset and block_bytes is not None:
            said = f"every read fitted into a block of {format_size(block_bytes)}"
            yield from self._standing.defeated(said)
        else:
            yield from self._standing.not_reached("no body byte came")

    def _take(self, now_s: float, data: bytes) -> Iterator[Action]:
        within_s = self._config.flush_after_s
        was_kept = bool(self._kept)
        at = self._passes(len(data))
        if ready := self._kept + data[:at]:
            yield Forward(ready)
        self._kept = data[at:]
        if not self._kept:
            if was_kept and within_s is not None:
                yield WakeAt(math.inf)
            return
        until = "" if within_s is None else f", or for {format_duration(within_s)}"
        yield from self._standing.fired(
            f"{format_size(len(self._kept))} kept until the next read{until}"
        )
        if within_s is not None:
            yield WakeAt(now_s + within_s + TIE_S)

    def _passes(self, length: int) -> int:
        """How much of a read of this length passes, from its beginning."""
        keep, block_bytes = self._config.keep_bytes, self._config.block_bytes
        if block_bytes is None:
            return 0 if keep is None else max(0, length - keep)
        beyond = len(f"{length:x}") + 2 * _LINE_END + length - self._room_bytes
        # A block that is full is passed on, and so is all there is once the chunk has its end.
        used = max(0, beyond) % block_bytes
        self._room_bytes = block_bytes - used
        return length - min(max(0, used - _LINE_END), length)

    def _flush(self) -> Iterator[Action]:
        kept, self._kept = self._kept, b""
        if kept:
            yield Forward(kept)

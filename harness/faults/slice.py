"""See `Slice`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from harness.faults.base import Action, Conserves, Data, SimpleFault, WakeAt
from harness.faults.paced import PacedBody
from harness.units import Duration, Size, format_size


class Slice(SimpleFault):
    """Cut every write into small pieces.

    A piece ends anywhere: within a line, between CR and LF, within a character of several bytes.
    Each is a write, and so a chunk of HTTP/1.1 or a frame of HTTP/2, of its own; without a pause
    the kernel may still send several in one segment. What comes while pieces wait goes out behind
    them. Held at most: 64 MiB and one read.

    Models: what TCP and every intermediary may do, as a stream has no boundaries — RFC 9293 §3.8;
    RFC 9112 §7.1 lets a recipient change the chunks; readers that take a read for an event, or
    decode each read by itself, break on it — WHATWG HTML, "Interpreting an event stream".
    Conserves: bytes and order.

    Args:
        size_bytes: Most bytes of a piece.
        pause_s: Time between two pieces of a write, in seconds.

    Journal: fired (the first write that was cut), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    limit_decides: ClassVar[bool] = False

    size_bytes: Annotated[Size, Field(gt=0)]
    pause_s: Duration = 0.0

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State(PacedBody):
    def __init__(self, config: Slice) -> None:
        size = format_size(config.size_bytes)
        super().__init__(config.held_bytes, f"no write was longer than {size}")
        self._config = config
        self._writes: deque[int] = deque()  # what is left of each write that waits

    def came(self, read: Data) -> Iterable[Action]:
        """Every read is a write of its own, and pieces of two are not joined."""
        length = len(read.data)
        self._writes.append(length)
        if length > self._config.size_bytes:
            size, piece = format_size(length), format_size(self._config.size_bytes)
            yield from self.standing.fired(f"{size} cut into pieces of {piece}")

    def send(self, now_s: float) -> Iterable[Action]:
        """Send a piece, or all of them where there is no pause."""
        while self._writes:
            left = self._writes[0]
            size = min(left, self._config.size_bytes)
            if size == left:
                self._writes.popleft()
            else:
                self._writes[0] -= size
            yield from self.held.send(size)
            if self._config.pause_s and self._writes:
                yield WakeAt(now_s + self._config.pause_s)
                return

"""What a client keeps of the body of one response: the last event id and the reconnection time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.wire.coding import decoder
from harness.wire.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, Event, Parser, TooLong

# What is parsed at once: one read may decode to many MiB, of which nothing is to be held.
_SLICE_BYTES = 64 * 1024


# Chromium: kDefaultReconnectDelay, third_party/blink/renderer/modules/eventsource/event_source.cc.
RECONNECTION_S: Final = 3.0


class TooLongError(Exception):
    """A line or an event is longer than a client takes."""


class Reading:
    """One body, decoded and parsed as it comes.

    Args:
        codings: The value of Content-Encoding; "" for none.
        last_event_id: Id to begin with. As Chromium does it: a block without an id keeps the id of
            the stream before, where the standard would forget it.
        max_line_bytes: Longest line.
        max_event_bytes: Longest event.
        is_last: Whether an event says that there is nothing more.

    Attributes:
        has_all: Whether that event has come.

    Raises:
        CodingError: A content coding is not known.
    """

    def __init__(
        self,
        codings: str,
        last_event_id: str,
        max_line_bytes: int = MAX_LINE_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
        is_last: Callable[[Event], bool] = lambda _event: False,
    ) -> None:
        self.has_all = False
        self._is_last = is_last
        self._decoder = decoder(codings)
        self._parser = Parser(
            last_event_id=last_event_id,
            max_line_bytes=max_line_bytes,
            max_event_bytes=max_event_bytes,
        )

    @property
    def last_event_id(self) -> str:
        """The id as of now."""
        return self._parser.last_event_id

    @property
    def retry_s(self) -> float | None:
        """The reconnection time in seconds, if this body set one."""
        ms = self._parser.reconnection_ms
        return None if ms is None else ms / 1000

    @property
    def is_whole(self) -> bool:
        """Whether the content codings have come to their end."""
        return self._decoder.finish()

    def take(self, data: bytes) -> None:
        """Take one read.

        Raises:
            CodingError: It is not of the coding it is said to be.
            TooLongError: A line or an event is too long.
        """
        text = self._decoder.decompress(data)
        for start in range(0, len(text), _SLICE_BYTES):
            for item in self._parser.feed(text[start : start + _SLICE_BYTES]):
                if isinstance(item, TooLong):
                    raise TooLongError(f"{item.what} longer than {item.limit_bytes} bytes")
                if isinstance(item, Event) and self._is_last(item):
                    self.has_all = True

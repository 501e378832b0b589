"""What an event stream parser tells: the items of `harness.wire.sse`.

Offsets count the bytes of the stream from 0, a byte order mark included. `end` is the number of
bytes after which the item was certain: one past the first byte of the line end that completed it.
With CRLF that is one past the CR, however the stream was cut into reads.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Event(NamedTuple):
    """A dispatched event.

    A named tuple and not a dataclass: one is made for every event of a stream, and a frozen
    dataclass of seven fields takes four times as long to make.

    Attributes:
        type: The `event` field, "message" where it was missing or empty.
        data: The `data` lines, joined by LF.
        last_event_id: The last event id as of this event.
        start: Offset of the first byte of the block, comments before the fields included.
        end: Number of bytes after which the event was dispatched.
        id_field: The id this very block set; None where it set none.
        unknown: The first few field names the standard does not know, each once.
    """

    type: str
    data: str
    last_event_id: str
    start: int
    end: int
    id_field: str | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that begins with a colon; `text` is what follows, without one leading space."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Retry:
    """A valid `retry` field; it holds from this line on, whatever becomes of its block.

    Attributes:
        ms: Reconnection time in milliseconds, `MAX_RETRY_MS` at most.
        start: Offset of the first byte of the line.
        end: Number of bytes after which the line had ended.
    """

    ms: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Empty:
    """A block of at least one field that ended without an event, having no `data` line.

    Attributes:
        start: Offset of the first byte of the block.
        end: Number of bytes after which the block had ended.
        fields: The field names seen, each once: all known ones and the first few others.
        unknown: Those among them which the standard does not know.
        id_field: The id this very block set; None where it set none.
    """

    start: int
    end: int
    fields: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    id_field: str | None = None


@dataclass(frozen=True, slots=True)
class Unterminated:
    """What the end of the stream cut off: a block without its blank line, never dispatched.

    Whole comments at the end lose nothing and are not reported so.

    Attributes:
        start: Offset of the first byte of the block.
        end: Length of the stream in bytes.
        lines: Number of whole lines in the block.
        rest_bytes: Length of the line cut short; 0 where the cut fell between two lines.
        fields: The field names on the whole lines, each once: all known ones and the first few
            others.
        unknown: Those among them which the standard does not know.
    """

    start: int
    end: int
    lines: int
    rest_bytes: int
    fields: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line or an event went over its limit; nothing follows, the parser has given up.

    Attributes:
        what: What had no end.
        limit_bytes: The limit that was set for it.
        start: Offset of the first byte of the line or the block.
    """

    what: Literal["line", "event"]
    limit_bytes: int
    start: int


type Item = Event | Comment | Retry | Empty | TooLong | Unterminated

"""The event stream format: an incremental parser without I/O, and an encoder.

The parser is the oracle every client and every check is measured against. It follows the WHATWG
HTML standard, "Server-sent events", to the letter:
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

* The stream is UTF-8 whatever the headers say; bytes that are not become U+FFFD, and one byte order
  mark at the very start is dropped. CR and LF never occur inside a character of several bytes, so
  reads are cut behind their last line end, and what is decoded never ends inside a character.
* A line ends at CRLF, LF or CR. A CR ends it at once. An LF that follows belongs to the same line
  end, but waiting for it would hold back the last event of every read of a CR-only stream.
* A blank line dispatches the block before it if the block had a `data` line, with or without a
  value. The event type and the data start afresh with every block; the last event id does not, and
  it counts as received only once a blank line followed it.

Beyond the standard the parser tells what a browser passes over in silence (`Comment`, `Empty`,
`Unterminated`, names it does not know), gives byte offsets, and bounds what it holds (`TooLong`).
"""

from typing import Final, Literal

from harness.wire.sse_encode import encode, encode_comment
from harness.wire.sse_items import Comment, Empty, Event, Item, Retry, TooLong, Unterminated

__all__ = [
    "Comment",
    "Empty",
    "Event",
    "Item",
    "Parser",
    "Retry",
    "TooLong",
    "Unterminated",
    "encode",
    "encode_comment",
]

# Far above any event seen in the field (inline images reach some MiB) and low enough that a large
# file served as an event stream by mistake is named as such before it fills the memory.
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
MAX_EVENT_BYTES: Final = 64 * 1024 * 1024

# The standard sets no upper limit; int() refuses 4,300 digits, and JSON readers more than 64 bits.
MAX_RETRY_MS: Final = 2**63 - 1

# What is told of names outside the standard: a stream of raw JSON has a new one on every line.
MAX_NAMES: Final = 8
MAX_NAME_CHARS: Final = 64

_BOM: Final = b"\xef\xbb\xbf"
_KNOWN: Final = frozenset({"data", "event", "id", "retry"})
_MAX_RETRY_DIGITS: Final = len(str(MAX_RETRY_MS))
_MANY: Final = 4096  # parts before they are joined: small strings take ten times their text
_new = tuple.__new__


class Parser:
    """Turn the bytes of one response into items.

    The items do not depend on how the bytes were cut into reads.

    Args:
        last_event_id: Id to begin with. The standard begins every stream with none; Chromium goes
            on with the id of the stream before, so that a block without an id keeps it.
        max_line_bytes: Longest line, without its line end; at least 1.
        max_event_bytes: Most bytes from the first of a block to the end of its last line; at
            least 1. The parser holds one block and one line at most.

    Raises:
        ValueError: A limit is below 1.
    """

    __slots__ = (
        "_block_start",
        "_data",
        "_event_type",
        "_expects",
        "_id_field",
        "_last_event_id",
        "_lines",
        "_max_event_bytes",
        "_max_line_bytes",
        "_others",
        "_packed_data",
        "_packed_rest",
        "_position",
        "_reconnection_ms",
        "_rest",
        "_rest_bytes",
        "_safe_bytes",
    )

    def __init__(
        self,
        *,
        last_event_id: str = "",
        max_line_bytes: int = MAX_LINE_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        if max_line_bytes < 1 or max_event_bytes < 1:
            raise ValueError("max_line_bytes and max_event_bytes must be at least 1")
        self._max_line_bytes = max_line_bytes
        self._max_event_bytes = max_event_bytes
        self._safe_bytes = min(max_line_bytes, max_event_bytes)
        self._last_event_id = last_event_id
        self._reconnection_ms: int | None = None
        # What the next read may begin with; None where it goes straight on, as nearly always.
        self._expects: Literal["bom", "lf", "nothing more"] | None = "bom"
        # The line at hand: where it begins, and what has come of it.
        self._position = 0
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._packed_rest = 0  # of the parts in _rest, how many are many reads joined
        # The block at hand: where it begins (-1 for none), and what its lines said.
        self._block_start = -1
        self._lines = 0
        self._event_type: str | None = None
        self._id_field: str | None = None
        self._data: list[str] = []
        self._packed_data = 0  # of the strings in _data, how many are many lines joined
        self._others: list[str] = []

    @property
    def last_event_id(self) -> str:
        """The id a reconnect would send: that of the last block which ended; "" for none."""
        return self._last_event_id

    @property
    def reconnection_ms(self) -> int | None:
        """The reconnection time this stream asked for, in milliseconds; None while it has not."""
        return self._reconnection_ms

    def feed(self, data: bytes) -> list[Item]:
        """Take one read of any size and return what it completed, in stream order.

        Returns nothing any more after `close` or `TooLong`.
        """
        items: list[Item] = []
        if self._expects:
            data = self._skip_expected(data)
        if b"\r" in data:
            self._split(data, items)
            return items
        cut = data.rfind(b"\n") + 1
        if cut:
            head = data[:cut]
            if self._rest:
                head = self._with_rest(head)
            if not self._take(head, "\n", items):
                return items
        if cut < len(data):
            self._hold(data[cut:], items)
        return items

    def close(self) -> list[Item]:
        """Take the end of the stream; report what it cut off, and dispatch nothing."""
        items: list[Item] = []
        fields = self._fields()
        if self._rest or fields:
            items.append(
                Unterminated(
                    start=self._position if self._block_start < 0 else self._block_start,
                    end=self._position + self._rest_bytes,
                    lines=self._lines,
                    rest_bytes=self._rest_bytes,
                    fields=fields,
                    unknown=_unknown(self._others),
                ),
            )
        self._give_up()
        return items

    def _skip_expected(self, data: bytes) -> bytes:
        """Return `data` without a byte order mark, or the LF of a CRLF, at its beginning."""
        match self._expects:
            case "bom":
                data = self._with_rest(data)
                if len(data) >= len(_BOM) or not _BOM.startswith(data):
                    self._expects = None
                    if data.startswith(_BOM):
                        self._position = len(_BOM)
                        return data[len(_BOM) :]
                return data  # too short to tell from one: no line end in it, so it is held
            case "lf" if data:
                self._expects = None
                if data.startswith(b"\n"):
                    self._position += 1
                    return data[1:]
                return data
            case "nothing more":
                return b""
            case _:
                return data

    def _with_rest(self, data: bytes) -> bytes:
        """Put what was held before `data`, and hold nothing."""
        self._rest.append(data)
        data = b"".join(self._rest)
        self._rest.clear()
        self._rest_bytes = self._packed_rest = 0
        return data

    def _hold(self, rest: bytes, items: list[Item]) -> None:
        """Keep the beginning of a line."""
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        if len(self._rest) - self._packed_rest > _MANY:
            self._rest[self._packed_rest :] = [b"".join(self._rest[self._packed_rest :])]
            self._packed_rest += 1
        if self._rest_bytes > self._max_line_bytes and self._expects != "bom":
            items.append(TooLong("line", self._max_line_bytes, self._position))
            self._give_up()

    def _split(self, data: bytes, items: list[Item]) -> None:
        """Interpret a read with a CR in it."""
        cut = max(data.rfind(b"\r"), data.rfind(b"\n")) + 1
        head, rest = data[:cut], data[cut:]
        if self._rest:
            head = self._with_rest(head)
        if not rest and head.endswith(b"\r"):
            self._expects = "lf"
        is_alive = True
        if head.count(b"\r\n") == head.count(b"\r") == head.count(b"\n"):
            is_alive = self._take(head, "\r\n", items)
        elif b"\n" not in head:
            is_alive = self._take(head, "\r", items)
        else:
            # bytes.splitlines knows LF, CR and CRLF only, unlike that of str.
            for line in head.splitlines(keepends=True):
                line_end = "\r\n" if line.endswith(b"\r\n") else chr(line[-1])
                is_alive = is_alive and self._take(line, line_end, items)
        if is_alive and rest:
            self._hold(rest, items)

    def _take(self, head: bytes, line_end: str, items: list[Item]) -> bool:
        """Interpret whole lines, all with the same line end; tell whether to go on.

        One flat loop on locals, the usual lines first: nearly all the time goes here.
        """
        text = head.decode("utf-8", "replace")
        # Offsets count bytes; where there are as many characters, each is one byte.
        sizes = None if len(text) == len(head) else map(len, head.splitlines())
        lines = text.split(line_end)
        lines.pop()  # what is behind the last line end: nothing
        width = len(line_end)
        position = self._position
        block_start = self._block_start
        event_type = self._event_type
        id_field = self._id_field
        data = self._data
        others = self._others
        is_long = len(head) + (position - block_start if block_start >= 0 else 0) > self._safe_bytes
        for line in lines:
            start = position
            end = start + (len(line) if sizes is None else next(sizes)) + 1
            position = end + width - 1
            if not line:
                if id_field is not None:
                    self._last_event_id = id_field
                if data:
                    # A shortcut past the constructor, which takes as long again.
                    event = _new(
                        Event,
                        (
                            event_type or "message",
                            "\n".join(data),
                            self._last_event_id,
                            block_start,
                            end,
                            id_field,
                            _unknown(others) if others else (),
                        ),
                    )
                    items.append(event)
                    data.clear()
                    self._packed_data = 0
                elif block_start >= 0:
                    self._event_type, self._id_field = event_type, id_field
                    if fields := self._fields():
                        items.append(Empty(block_start, end, fields, _unknown(others), id_field))
                block_start = -1
                event_type = id_field = None
                if others:
                    others.clear()
                continue
            if block_start < 0:
                block_start = start
            if is_long and (overrun := self._overrun(start, end, block_start)):
                items.append(overrun)
                self._give_up()
                return False
            if line.startswith("data: "):
                data.append(line[6:])
            elif line.startswith("event: "):
                event_type = line[7:]
            elif line.startswith("id: ") and "\0" not in line:
                id_field = line[4:]
            elif line.startswith(":"):
                items.append(Comment(line[1:].removeprefix(" "), start, end))
            else:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "data":
                        data.append(value)
                    case "event":
                        event_type = value
                    case "id" if "\0" not in value:
                        id_field = value
                    case _:
                        self._take_other(name, value, start, end, items)
        self._position = position
        self._block_start = block_start
        self._event_type = event_type
        self._id_field = id_field
        if block_start < 0:
            self._lines = 0
        else:
            self._keep_block(lines)
        return True

    def _overrun(self, start: int, end: int, block_start: int) -> TooLong | None:
        """Tell whether a line, or its block with it, is over a limit."""
        if end - 1 - start > self._max_line_bytes:
            return TooLong("line", self._max_line_bytes, start)
        if end - block_start > self._max_event_bytes:
            return TooLong("event", self._max_event_bytes, block_start)
        return None

    def _take_other(self, name: str, value: str, start: int, end: int, items: list[Item]) -> None:
        """Process a field that is rare, ignored or unknown; `start` and `end` are of its line."""
        if name == "retry" and value.isascii() and value.isdigit():
            digits = value.lstrip("0") or "0"
            is_small = len(digits) <= _MAX_RETRY_DIGITS
            self._reconnection_ms = min(int(digits), MAX_RETRY_MS) if is_small else MAX_RETRY_MS
            items.append(Retry(self._reconnection_ms, start, end))
        name = name[:MAX_NAME_CHARS]
        if name not in self._others and (name in _KNOWN or len(self._others) < MAX_NAMES):
            self._others.append(name)

    def _keep_block(self, lines: list[str]) -> None:
        """Count the lines of a block that goes on in the next read, and pack its data."""
        new_lines = 0
        for line in reversed(lines):
            if not line:
                self._lines = 0
                break
            new_lines += 1
        self._lines += new_lines
        if len(self._data) - self._packed_data > _MANY:
            self._data[self._packed_data :] = ["\n".join(self._data[self._packed_data :])]
            self._packed_data += 1

    def _fields(self) -> tuple[str, ...]:
        """Name the fields of the block at hand: `data`, `event`, `id`, then all others."""
        named = {
            "data": bool(self._data),
            "event": self._event_type is not None,
            "id": self._id_field is not None or "id" in self._others,
        }
        return (
            *(name for name, is_seen in named.items() if is_seen),
            *(name for name in self._others if name != "id"),
        )

    def _give_up(self) -> None:
        """Let go of everything held, and expect nothing more."""
        self._expects = "nothing more"
        self._rest.clear()
        self._data.clear()
        self._others.clear()
        self._event_type = self._id_field = None


def _unknown(names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in _KNOWN)

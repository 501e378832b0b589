"""Where `cut` cuts: a number of bytes, or a place in an event, over any read boundaries."""

from __future__ import annotations

import re
from itertools import chain
from typing import Literal, Protocol

from harness.wire.sse import Comment, Empty, Event, Item, Parser, TooLong

type Place = Literal["mid_field", "after_id", "mid_char", "before_blank_line", "after_blank_line"]
type InsidePlace = Literal["mid_field", "after_id", "mid_char", "before_blank_line"]

_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n?|\n)")
_ID = re.compile(rb"id(?::|$)")
_DATA = re.compile(rb"data: ?")
_MULTIBYTE = re.compile(rb"[\xc2-\xf4](?=[\x80-\xbf])")


class Finder(Protocol):
    """Something that looks for its place in a body."""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Take one read.

        Returns:
            The bytes that may go out now, and whether the place is right after them.
        """
        ...

    def rest(self) -> bytes:
        """Let go of what is held: the place will not be found any more."""
        ...

    def here(self) -> str:
        """The place found, in words."""
        ...

    def margin(self) -> str:
        """How far it got, in words."""
        ...

    def share(self) -> float:
        """How far it got, as a share of the way; 0 where that has no measure."""
        ...


class AtOffset:
    """The place after so many bytes; holds nothing."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._seen = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """See `Finder`."""
        wanted = self._offset - self._seen
        self._seen += len(data)
        return data[:wanted], len(data) >= wanted

    def rest(self) -> bytes:
        """See `Finder`."""
        return b""

    def here(self) -> str:
        """See `Finder`."""
        return f"at offset {self._offset}"

    def margin(self) -> str:
        """See `Finder`."""
        return f"{self._seen} of {self._offset} bytes"

    def share(self) -> float:
        """See `Finder`."""
        return self._seen / self._offset if self._offset else 0.0


class AfterEvent:
    """The place right after the blank line of the nth event, counted from 1; holds nothing."""

    def __init__(self, event: int) -> None:
        self._event = event
        self._parser = Parser()
        self._count = 0
        self._seen = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """See `Finder`."""
        before = self._seen
        self._seen += len(data)
        for item in self._parser.feed(data):
            if isinstance(item, Event):
                self._count += 1
                if self._count == self._event:
                    self._seen = item.end
                    return data[: item.end - before], True
        return data, False

    def rest(self) -> bytes:
        """See `Finder`."""
        return b""

    def here(self) -> str:
        """See `Finder`."""
        return f"after_blank_line of event {self._event}, at offset {self._seen}"

    def margin(self) -> str:
        """See `Finder`."""
        return f"{self._count} of {self._event} events"

    def share(self) -> float:
        """See `Finder`."""
        return self._count / self._event


class AtEvent:
    """A place inside the nth event, counted from 1.

    Holds the event it may have to cut from its first field on until its blank line came: whether a
    block is an event, and where its middle is, is not known before. Comments and blank lines pass
    at once, for a heartbeat held back would be a silence.
    """

    def __init__(self, place: InsidePlace, event: int) -> None:
        self._place: InsidePlace = place
        self._event = event
        self._parser = Parser()
        self._count = 0
        self._missed = ""
        self._held = bytearray()
        self._out = 0  # offset of the first byte held
        self._free = 0  # offset of the first byte that may not go out yet

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """See `Finder`."""
        self._held += data
        for item in self._parser.feed(data):
            cut = self._take(item)
            if cut is not None:
                self._free = cut
                return self._release(), True
        if self._is_holding():
            self._pass_blank()
        else:
            self._free = self._out + len(self._held)
        return self._release(), False

    def rest(self) -> bytes:
        """See `Finder`."""
        self._free = self._out + len(self._held)
        return self._release()

    def here(self) -> str:
        """See `Finder`."""
        return f"{self._place} of event {self._count}, at offset {self._out}"

    def margin(self) -> str:
        """See `Finder`."""
        if self._missed:
            return self._missed
        if self._count < self._event:
            return f"{self._count} of {self._event} events"
        return f"no character of several bytes from event {self._event} on"

    def share(self) -> float:
        """See `Finder`."""
        is_counting = self._count < self._event and not self._missed
        return self._count / self._event if is_counting else 0.0

    def _is_holding(self) -> bool:
        return self._count >= self._event - 1 and not self._missed

    def _take(self, item: Item) -> int | None:
        """Take one item of the stream; return the place if this is the one."""
        match item:
            case Event(end=end):
                self._count += 1
                if self._count >= self._event and not self._missed:
                    found = self._find(end)
                    if found is not None:
                        return found
                self._free = end
            case Empty(end=end):
                self._free = end
            case Comment(start=start, end=end):
                self._pass_blank()
                if self._free == start:
                    self._free = end
            case TooLong(what=what, limit_bytes=limit):
                self._missed = f"a {what} over {limit} bytes"
            case _:
                pass  # a retry is a field like others here
        return None

    def _pass_blank(self) -> None:
        """Let line ends before a block go, and a byte order mark."""
        at = self._free - self._out
        if self._free == 0 and self._held.startswith(_BOM):
            at = len(_BOM)
        while at < len(self._held) and self._held[at] in b"\r\n":
            at += 1
        self._free = self._out + at

    def _release(self) -> bytes:
        ready = bytes(self._held[: self._free - self._out])
        del self._held[: len(ready)]
        self._out = self._free
        return ready

    def _find(self, end: int) -> int | None:
        """The place in the event that ends at `end`, as an offset, or None."""
        self._pass_blank()
        block = bytes(self._held[self._free - self._out : end - self._out])
        at = _in_block(self._place, block)
        if at is not None:
            return self._free + at
        if self._place != "mid_char":
            lacks = "id" if self._place == "after_id" else "data value of two characters"
            self._missed = f"event {self._event} has no {lacks}"
        return None


def _in_block(place: InsidePlace, block: bytes) -> int | None:
    """The place in a whole block, its blank line included; None where it has no such place."""
    lines = [(match[1], match.start()) for match in _LINE.finditer(block) if match[1]]
    match place:
        case "before_blank_line":
            line, start = lines[-1]
            return start + len(line) + 1
        case "after_id":
            ids = (start + len(line) + 1 for line, start in lines if _ID.match(line))
            return next(ids, None)
        case "mid_field":
            for line, start in lines:
                name = _DATA.match(line)
                middle = _middle(line[name.end() :]) if name else 0
                if name and middle:
                    return start + name.end() + middle
            return None
        case "mid_char":
            first = _MULTIBYTE.search(block)
            return first.start() + 1 if first else None


def _middle(value: bytes) -> int:
    """The edge of a character near the middle, 0 where there is none but the outer ones."""
    middle = len(value) // 2
    edges = chain(range(middle, len(value)), range(middle, 0, -1))
    return next((at for at in edges if value[at] & 0xC0 != 0x80), 0)

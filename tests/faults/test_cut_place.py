from __future__ import annotations

import pytest

from harness.faults.cut_place import AfterEvent, AtEvent, AtOffset, Finder, Place
from harness.wire import sse

ID_FIRST = b"id: 1\ndata: one\n\nid: 2\ndata: two!\n\nid: 3\ndata: three\n\n"
BOM = b"\xef\xbb\xbf"


def cut(finder: Finder, stream: bytes, read: int) -> tuple[bytes, bool]:
    """What goes out of `stream` in reads of so many bytes, and whether the place was found."""
    out = b""
    for at in range(0, len(stream), read):
        ready, is_here = finder.feed(stream[at : at + read])
        out += ready
        if is_here:
            return out, True
    return out + finder.rest(), False


def at(place: Place, event: int) -> Finder:
    return AfterEvent(event) if place == "after_blank_line" else AtEvent(place, event)


PLACES: list[tuple[Place, int, bytes, bytes]] = [
    ("after_id", 2, ID_FIRST, b"id: 1\ndata: one\n\nid: 2\n"),
    ("mid_field", 2, ID_FIRST, b"id: 1\ndata: one\n\nid: 2\ndata: tw"),
    ("before_blank_line", 2, ID_FIRST, b"id: 1\ndata: one\n\nid: 2\ndata: two!\n"),
    ("after_blank_line", 2, ID_FIRST, b"id: 1\ndata: one\n\nid: 2\ndata: two!\n\n"),
    ("after_id", 1, ID_FIRST, b"id: 1\n"),
    ("after_id", 1, b"data: x\nid\n\n", b"data: x\nid\n"),
    ("mid_field", 1, b"data: x\ndata:long\n\n", b"data: x\ndata:lo"),
    ("mid_field", 1, "data: éa\n\n".encode(), "data: é".encode()),
    ("mid_field", 1, "data: aé\n\n".encode(), b"data: a"),
    ("mid_field", 1, "data: a€\n\n".encode(), b"data: a"),
    ("mid_char", 1, "data: a\n\ndata: é!\n\n".encode(), b"data: a\n\ndata: \xc3"),
    ("mid_char", 1, "data: \U0001f600\n\n".encode(), b"data: \xf0"),
    # Of CRLF the CR goes out; of CR only there is nothing else.
    ("after_blank_line", 1, b"data: x\r\n\r\ndata", b"data: x\r\n\r"),
    ("before_blank_line", 2, b"data:\r\n\r\nid\r\ndata\r\n\r\n", b"data:\r\n\r\nid\r\ndata\r"),
    ("after_id", 2, b"data\r\rid: 4\rdata\r\r", b"data\r\rid: 4\r"),
    # Comments, heartbeats and blocks without data are no events.
    ("after_blank_line", 1, b": hb\n\nid: 9\n\n\n\ndata\n\n", b": hb\n\nid: 9\n\n\n\ndata\n\n"),
    ("after_id", 1, b": hb\n\nid: 9\n\nid: 10\n: c\ndata\n\n", b": hb\n\nid: 9\n\nid: 10\n"),
    (
        "mid_char",
        1,
        BOM + ": größe\n\ndata: ö\n\n".encode(),
        BOM + ": größe\n\n".encode() + b"data: \xc3",
    ),
    ("after_id", 1, BOM + b"id: 1\ndata\n\n", BOM + b"id: 1\n"),
]


@pytest.mark.parametrize("read", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("place", "event", "stream", "before"), PLACES)
def test_finds_the_place_over_any_reads(
    place: Place, event: int, stream: bytes, before: bytes, read: int
) -> None:
    finder = at(place, event)
    assert cut(finder, stream, read) == (before, True)
    assert finder.here().endswith(f"at offset {len(before)}")


MISSES: list[tuple[Place, int, bytes, str]] = [
    ("after_id", 2, b"id: 1\ndata\n\ndata\n\nid: 3\ndata\n\n", "event 2 has no id"),
    ("mid_field", 1, b"data: x\ndata\n\n", "event 1 has no data value of two characters"),
    ("mid_field", 1, "data: é\n\n".encode(), "event 1 has no data value of two characters"),
    ("mid_char", 1, b"data: x\n\n\xff\xfe", "no character of several bytes from event 1 on"),
    ("after_blank_line", 3, b"data\n\ndata\n\ndata", "2 of 3 events"),
    ("mid_field", 2, b"data: one\n\ndata: two", "1 of 2 events"),
]


@pytest.mark.parametrize("read", [1, 3, 1000])
@pytest.mark.parametrize(("place", "event", "stream", "margin"), MISSES)
def test_passes_everything_where_there_is_no_such_place(
    place: Place, event: int, stream: bytes, margin: str, read: int
) -> None:
    finder = at(place, event)
    assert cut(finder, stream, read) == (stream, False)
    assert finder.margin() == margin


def test_holds_one_event_and_neither_heartbeats_nor_what_is_before() -> None:
    finder = AtEvent("before_blank_line", 2)
    assert finder.feed(b"data: o") == (b"data: o", False)
    assert finder.feed(b"ne\n\n: hb\n\n") == (b"ne\n\n: hb\n\n", False)
    assert finder.feed(b": h") == (b"", False)  # a line begun may be anything
    assert finder.feed(b"b\n") == (b": hb\n", False)
    assert finder.feed(b"\nid: 2\n: hb\n") == (b"\n", False)
    assert finder.feed(b"data: two\n") == (b"", False)
    assert finder.feed(b"\n") == (b"id: 2\n: hb\ndata: two\n", True)


def test_after_the_blank_line_nothing_is_ever_held() -> None:
    finder = AfterEvent(1)
    assert finder.feed(b"data: o") == (b"data: o", False)
    assert finder.feed(b"ne\n") == (b"ne\n", False)
    assert finder.feed(b"\nid") == (b"\n", True)


def test_once_missed_nothing_is_held() -> None:
    finder = AtEvent("after_id", 1)
    assert finder.feed(b"data\n\nda") == (b"data\n\nda", False)
    assert finder.feed(b"ta") == (b"ta", False)


def test_gives_up_where_the_parser_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.faults.cut_place.Parser", lambda: sse.Parser(max_line_bytes=8))
    finder = AtEvent("mid_field", 1)
    assert finder.feed(b"data: lo") == (b"", False)
    assert finder.feed(b"ng") == (b"data: long", False)
    assert finder.margin() == "a line over 8 bytes"


@pytest.mark.parametrize("read", [1, 2, 1000])
def test_finds_a_number_of_bytes(read: int) -> None:
    finder = AtOffset(5)
    assert cut(finder, b"abcdefgh", read) == (b"abcde", True)
    assert finder.here() == "at offset 5"


def test_no_bytes_are_found_before_the_first() -> None:
    assert AtOffset(0).feed(b"") == (b"", True)


def test_counts_the_bytes_short_of_its_number() -> None:
    finder = AtOffset(5)
    assert cut(finder, b"abc", 1) == (b"abc", False)
    assert finder.margin() == "3 of 5 bytes"

"""The parser against the vectors, a naive reading of the standard, and its limits."""

import re
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire.sse import (
    Comment,
    Empty,
    Event,
    Item,
    Parser,
    Retry,
    TooLong,
    Unterminated,
)
from tests.vectors.sse_parser import VECTORS, Told, Vector

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)

TOKENS = [
    *(b"\n", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"),
    *(b"data", b"data: ", b"data:", b"event: ", b"event", b"id: ", b"id:", b"retry: ", b"other"),
    *(b":", b" ", b"\0", b"0", b"42", b"x", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85"),
    *("é".encode(), "€".encode(), "🜁".encode(), b"\xf0\x9f", b"\xed\xa0\x80"),
]
STREAMS = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)
SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=8)


def cut(stream: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut a stream into reads of these sizes, over and over."""
    reads = []
    pattern = list(sizes)
    while stream:
        for size in pattern:
            reads.append(stream[:size])
            stream = stream[size:]
    return reads


def parse(reads: Iterable[bytes], parser: Parser | None = None) -> list[Item]:
    parser = parser or Parser()
    items = [item for read in reads for item in parser.feed(read)]
    return items + parser.close()


def told(item: Item) -> Told:
    match item:
        case Event():
            return ("event", item.type, item.data, item.last_event_id)
        case Comment():
            return ("comment", item.text)
        case Retry():
            return ("retry", str(item.ms))
        case Empty():
            return ("empty", *item.fields)
        case Unterminated():
            return ("unterminated", *item.fields)
        case TooLong():
            return ("too long", item.what)


def by_id(vector: Vector) -> str:
    return vector.id


@pytest.mark.parametrize("vector", VECTORS, ids=by_id)
@pytest.mark.parametrize("sizes", [(1 << 20,), (1,), (2,), (3, 1)], ids=["whole", "1", "2", "3+1"])
def test_vector_however_it_is_cut(vector: Vector, sizes: tuple[int, ...]) -> None:
    if len(vector.stream) > 4096 and sizes != (1 << 20,):
        sizes = tuple(size * 97 for size in sizes)
    parser = Parser()
    items = parse(cut(vector.stream, sizes), parser)
    assert tuple(map(told, items)) == vector.told
    assert parser.last_event_id == vector.last_event_id


@pytest.mark.parametrize("vector", VECTORS, ids=by_id)
def test_vector_with_trailing_junk(vector: Vector) -> None:
    alone, before_junk = Parser(), Parser()
    items = alone.feed(vector.stream)
    assert before_junk.feed(vector.stream + b"\xe2\x82 junk: \0") == items
    assert before_junk.last_event_id == vector.last_event_id
    assert isinstance(before_junk.close()[-1], Unterminated)


def test_vector_ids_are_unique() -> None:
    assert len({vector.id for vector in VECTORS}) == len(VECTORS)


def naive(stream: bytes) -> tuple[list[Told], str]:
    """Read a whole stream as the standard is written, with no thought of speed or reads."""
    *lines, _ = re.split("\r\n|\r|\n", stream.decode("utf-8-sig", "replace"))
    seen: list[Told] = []
    data = event_type = id_buffer = last_event_id = ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if line == "":
            last_event_id = id_buffer
            if data:
                seen.append(("event", event_type or "message", data[:-1], last_event_id))
            data = event_type = ""
        elif name == "":
            seen.append(("comment", value))
        elif name == "event":
            event_type = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            id_buffer = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            seen.append(("retry", str(int(value))))
    return seen, last_event_id


@SETTINGS
@given(STREAMS)
def test_agrees_with_a_naive_reading_of_the_standard(stream: bytes) -> None:
    parser = Parser()
    seen = [told(item) for item in parse([stream], parser)]
    dispatched = [item for item in seen if item[0] in {"event", "comment", "retry"}]
    assert (dispatched, parser.last_event_id) == naive(stream)


@SETTINGS
@given(STREAMS, SIZES)
def test_items_do_not_depend_on_the_reads(stream: bytes, sizes: list[int]) -> None:
    whole, split = Parser(), Parser()
    assert parse(cut(stream, sizes), split) == parse([stream], whole)
    assert split.last_event_id == whole.last_event_id
    assert split.reconnection_ms == whole.reconnection_ms


@SETTINGS
@given(STREAMS, SIZES, st.integers(1, 12), st.integers(1, 24))
def test_limits_do_not_depend_on_the_reads(
    stream: bytes, sizes: list[int], max_line_bytes: int, max_event_bytes: int
) -> None:
    def limited() -> Parser:
        return Parser(max_line_bytes=max_line_bytes, max_event_bytes=max_event_bytes)

    assert parse(cut(stream, sizes), limited()) == parse([stream], limited())


@SETTINGS
@given(STREAMS)
def test_every_item_is_certain_at_its_end_and_not_before(stream: bytes) -> None:
    parser, seen = Parser(), 0
    for offset in range(len(stream)):
        for item in parser.feed(stream[offset : offset + 1]):
            assert not isinstance(item, TooLong | Unterminated)
            assert item.end == offset + 1
            assert seen <= item.start < item.end
            # A retry or a comment stands inside the block that goes on behind it.
            seen = seen if isinstance(item, Comment | Retry) else item.end


@SETTINGS
@given(STREAMS)
def test_the_bytes_of_an_event_are_that_event(stream: bytes) -> None:
    last_event_id = ""
    for item in Parser().feed(stream):
        if isinstance(item, Event):
            block = stream[item.start : item.end]
            # Behind a blank line: at its very start a block might begin with a byte order mark.
            again = Parser(last_event_id=last_event_id).feed(b"\n" + block)[-1]
            assert again == item._replace(start=1, end=1 + len(block))
            last_event_id = item.last_event_id
        elif isinstance(item, Empty) and item.id_field is not None:
            last_event_id = item.id_field


def test_offsets_count_the_byte_order_mark_and_every_line_end() -> None:
    stream = b"\xef\xbb\xbf\r\n: hb\r\ndata: \xc3\xa9\r\n\r\n\r\nretry: 5\nevent: x\n\ndata"
    assert Parser().feed(stream) == [
        Comment("hb", start=5, end=10),
        Event("message", "é", "", start=5, end=22),
        Retry(5, start=25, end=34),
        Empty(start=25, end=44, fields=("event", "retry")),
    ]
    assert parse([stream])[-1] == Unterminated(start=44, end=48, lines=0, rest_bytes=4)


def test_an_event_does_not_wait_for_the_byte_behind_a_cr() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r") == []
    assert parser.feed(b"\r") == [Event("message", "a", "", start=0, end=9)]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: z\r\r") == [Event("message", "z", "", start=10, end=19)]


def test_an_lf_behind_an_empty_read_still_belongs_to_the_cr_before() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\ndata: b\n") == []
    assert parser.feed(b"\n") == [Event("message", "a\nb", "", start=0, end=18)]


def test_an_lf_behind_the_beginning_of_a_line_ends_that_line() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\rdata: b") == []
    assert parser.feed(b"\n\n") == [Event("message", "a\nb", "", start=0, end=17)]


def test_an_event_tells_the_id_of_its_own_block() -> None:
    events = Parser().feed(b"id: 1\ndata: a\n\ndata: b\n\nid:\ndata: c\n\nid: \0\ndata: d\n\n")
    assert [item.id_field for item in events if isinstance(item, Event)] == ["1", None, "", None]


def test_an_empty_block_tells_the_id_it_set() -> None:
    assert Parser().feed(b"id: 7\nevent: x\n\n") == [
        Empty(start=0, end=16, fields=("event", "id"), id_field="7")
    ]


def test_unknown_fields_of_an_event_are_named_once_each() -> None:
    stream = b"text: a\nretry: no\ndata: b\ntext: c\nDATA\n\ndata: z\n\n"
    first, second = (item for item in Parser().feed(stream) if isinstance(item, Event))
    assert first.unknown == ("text", "DATA")
    assert second.unknown == ()


def test_an_empty_block_tells_known_names_from_unknown_ones() -> None:
    (item,) = Parser().feed(b"id: \0\nfoo\nevent: e\n\n")
    assert item == Empty(start=0, end=20, fields=("event", "id", "foo"), unknown=("foo",))


def test_of_many_unknown_names_the_first_few_are_kept_and_shortened() -> None:
    stream = b"".join(b"%d%s: v\n" % (n, b"n" * 300) for n in range(1000)) + b"\n"
    (item,) = Parser().feed(stream)
    assert isinstance(item, Empty)
    assert item.unknown == tuple(f"{n}{'n' * 63}" for n in range(8))


@pytest.mark.parametrize(
    ("stream", "rest"),
    [
        (b"data: whole\n\n", None),
        (b"data: whole\n\n: heartbeat\n", None),
        (b"data: whole\n\nda", Unterminated(13, 15, lines=0, rest_bytes=2)),
        (b"data: whole\n\nid: 1\n", Unterminated(13, 19, 1, 0, fields=("id",))),
        (b"data: whole\n\nid: 1\ndata: x\nda", Unterminated(13, 29, 2, 2, fields=("data", "id"))),
        (b"data: whole\n\nhm\ndata: x\n", Unterminated(13, 24, 2, 0, ("data", "hm"), ("hm",))),
        (b"data: whole\n\n: hb\n\xe2\x82", Unterminated(13, 20, lines=1, rest_bytes=2)),
    ],
    ids=["nothing", "comment", "in-a-name", "behind-an-id", "in-a-line", "unknown", "in-utf-8"],
)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_close_tells_what_the_end_cut_off(
    stream: bytes, rest: Unterminated | None, size: int
) -> None:
    _, *others = [item for item in parse(cut(stream, [size])) if not isinstance(item, Comment)]
    assert others == ([] if rest is None else [rest])


def test_a_closed_parser_takes_nothing_more() -> None:
    parser = Parser()
    parser.feed(b"data: a\n")
    assert len(parser.close()) == 1
    assert parser.feed(b"\ndata: b\n\n") == []
    assert parser.close() == []


def test_the_id_of_the_stream_before_can_be_carried_on() -> None:
    parser = Parser(last_event_id="41")
    assert parser.last_event_id == "41"
    assert parser.feed(b"data: a\n\n") == [Event("message", "a", "41", start=0, end=9)]


def test_state_is_that_of_the_last_whole_block_and_the_last_valid_retry() -> None:
    parser = Parser()
    assert (parser.last_event_id, parser.reconnection_ms) == ("", None)
    parser.feed(b"id: 1\nretry: 10\nretry: 1x\n")
    assert (parser.last_event_id, parser.reconnection_ms) == ("", 10)
    parser.feed(b"\n")
    assert (parser.last_event_id, parser.reconnection_ms) == ("1", 10)


@pytest.mark.parametrize(
    ("digits", "ms"),
    [
        ("0" * 5000 + "7", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), 2**63 - 1),
        ("9" * 5000, 2**63 - 1),
    ],
    ids=["zeros", "greatest", "one-more", "thousands-of-digits"],
)
def test_a_retry_of_any_length_is_a_number(digits: str, ms: int) -> None:
    stream = f"retry: {digits}\n".encode()
    assert Parser().feed(stream) == [Retry(ms, start=0, end=len(stream))]


@pytest.mark.parametrize("reads", [1, 3, 64], ids=str)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_a_line_of_the_limit_passes_and_one_byte_more_does_not(reads: int, line_end: bytes) -> None:
    longest = b"data: " + b"x" * 26
    stream = longest + line_end * 2 + longest + b"y"
    assert parse(cut(stream, [reads]), Parser(max_line_bytes=32)) == [
        Event("message", "x" * 26, "", start=0, end=32 + len(line_end) + 1),
        TooLong("line", 32, start=32 + 2 * len(line_end)),
    ]


def test_a_long_line_is_told_before_it_has_ended() -> None:
    parser = Parser(max_line_bytes=100)
    assert parser.feed(b"data: ok\n\n:" + b"x" * 99)[1:] == []
    assert parser.feed(b"x") == [TooLong("line", 100, start=10)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_without_end_meets_its_limit(size: int) -> None:
    stream = b"data: 8\n\n" + b": c\ndata: 1234567\n" * 50
    items = parse(cut(stream, [size]), Parser(max_event_bytes=100))
    assert items[0] == Event("message", "8", "", start=0, end=9)
    assert items[1:-1] == [Comment("c", 9 + 18 * n, 13 + 18 * n) for n in range(6)]
    assert items[-1] == TooLong("event", 100, start=9)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_of_the_limit_passes_and_one_byte_more_does_not(size: int) -> None:
    fits, too_long = b"data: 1234\ndata: 5678\n\n", b"data: 1234\ndata: 56789\n\n"
    assert parse(cut(fits + too_long, [size]), Parser(max_event_bytes=22)) == [
        Event("message", "1234\n5678", "", start=0, end=23),
        TooLong("event", 22, start=23),
    ]


def test_a_byte_order_mark_is_no_part_of_a_line_and_of_no_limit() -> None:
    reads = [b"\xef", b"\xbb", b"\xbf", b"\n"]
    assert parse(reads, Parser(max_line_bytes=1)) == []


def test_lines_are_counted_from_the_beginning_of_their_block() -> None:
    parser = Parser()
    parser.feed(b"a\nb\n")
    parser.feed(b"c\n\nd\ne")
    assert parser.close() == [Unterminated(7, 10, 1, rest_bytes=1, fields=("d",), unknown=("d",))]


def test_behind_too_long_there_is_nothing() -> None:
    parser = Parser(max_line_bytes=10)
    stream = b"id: 1\n\n" + b"x" * 11 + b"\n\ndata: a\n\n"
    assert parser.feed(stream)[1:] == [TooLong("line", 10, start=7)]
    assert parser.feed(b"\n\ndata: b\n\n") == []
    assert parser.close() == []
    assert parser.last_event_id == "1"


def test_a_parser_that_gave_up_holds_no_memory() -> None:
    read = b"x" * 65536
    parser = Parser(max_line_bytes=512 * 1024)
    parser.feed(b"data: ")
    tracemalloc.start()
    try:
        while not parser.feed(bytes(bytearray(read))):
            pass
        held_bytes, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 64 * 1024 < 512 * 1024 < peak_bytes


@pytest.mark.parametrize(
    ("first", "read"),
    [(b"data: ", b"xy"), (b"", b"data:xy\n")],
    ids=["one-line", "one-event"],
)
def test_many_tiny_reads_cost_their_bytes_and_not_an_object_each(first: bytes, read: bytes) -> None:
    parser = Parser()
    parser.feed(first)
    for _ in range(10_000):
        parser.feed(read)
    assert len(parser._rest) + len(parser._data) <= 4096 + 2
    (item,) = parser.feed(b"\n\n")
    assert isinstance(item, Event)
    assert item.data.replace("\n", "") == "xy" * 10_000
    assert item.data.count("\n") == (0 if first else 9_999)


@pytest.mark.parametrize("limits", [(0, 1), (1, 0), (-1, 5)], ids=str)
def test_a_limit_below_one_is_refused(limits: tuple[int, int]) -> None:
    max_line_bytes, max_event_bytes = limits
    with pytest.raises(ValueError, match="at least 1"):
        Parser(max_line_bytes=max_line_bytes, max_event_bytes=max_event_bytes)


def test_items_cannot_be_changed() -> None:
    for item in parse([b": c\nretry: 1\ndata: a\n\nid: 1\n\nid"]):
        with pytest.raises(AttributeError):
            item.start = 1  # type: ignore[misc]  # the point of the test

"""Every message whole, byte by byte and split at random, and cut before each of its bytes."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.headers import Headers
from harness.wire.http1 import (
    Body,
    Framing,
    Item,
    Over,
    RequestLine,
    RequestReader,
    ResponseReader,
    chunk,
    request_head,
    response_framing,
)
from tests.wire.http1_messages import (
    CHUNKED,
    CHUNKED_OK,
    MESSAGES,
    SETTINGS,
    THREE,
    Make,
    Message,
    Reader,
    joined,
    named,
    read,
    read_to_the_end,
    single_bytes,
    split,
    status,
)

NO_WHOLE_BODY = "peer closed connection without sending complete message body"

# -- messages that are whole -----------------------------------------------------------------------


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_a_message_is_read_whole(message: Message) -> None:
    assert read_to_the_end(message.make(), [message.wire]) == message.items


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_a_message_is_read_byte_by_byte(message: Message) -> None:
    assert read_to_the_end(message.make(), single_bytes(message.wire)) == message.items


@SETTINGS
@given(message=st.sampled_from(MESSAGES), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_a_message_is_read_however_it_is_split(message: Message, cuts: list[int]) -> None:
    assert read_to_the_end(message.make(), split(message.wire, cuts)) == message.items


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_only_a_body_without_an_end_of_its_own_needs_the_peer_to_close(message: Message) -> None:
    reader = message.make()
    read(reader, message.wire)
    assert reader.is_over == (message.ends_by == "itself")
    reader.eof()
    assert reader.is_over


@pytest.mark.parametrize(
    "next_one", [b"HTTP/1.1 200 OK\r\n", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"]
)
@pytest.mark.parametrize("message", [it for it in MESSAGES if it.ends_by == "itself"], ids=named)
def test_what_comes_after_a_message_is_left_over(message: Message, next_one: bytes) -> None:
    *_, over = message.make().feed(message.wire + next_one)
    assert over == Over("end", "", message.trailers, next_one)


@pytest.mark.parametrize("message", [it for it in MESSAGES if it.ends_by == "itself"], ids=named)
def test_a_reader_whose_message_is_over_says_nothing_more(message: Message) -> None:
    reader = message.make()
    read(reader, message.wire)
    assert (reader.feed(b"more"), reader.eof(), reader.reset()) == ([], [], [])


@pytest.mark.parametrize("message", [it for it in MESSAGES if it.body], ids=named)
def test_the_body_bytes_of_one_feed_are_one_item(message: Message) -> None:
    items = message.make().feed(message.wire)
    assert [item for item in items if isinstance(item, Body)] == [Body(message.body)]


def test_each_feed_has_a_body_of_its_own() -> None:
    reader = ResponseReader()
    read(reader, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert reader.feed(b"3\r\nabc\r\n2\r\nde\r\n4\r\nf") == [Body(b"abcdef")]
    assert reader.feed(b"gh") == [Body(b"gh")]
    assert reader.feed(b"i\r\n") == [Body(b"i")]
    assert reader.feed(b"0\r\n") == []
    assert reader.feed(b"\r\n") == [Over("end")]


def test_a_feed_of_nothing_is_not_the_end() -> None:
    reader = ResponseReader()
    assert reader.feed(b"") == []
    assert not reader.is_over


@pytest.mark.parametrize(
    "feeds",
    [
        [b"3\r\nabc\r\n", b"2\r\nde\r\n"],
        [b"3\r\nabc\r\n2\r\nde\r\n"],
        [b"0003\r\nabc\r\n2;x\r\nde\r\n"],
        [b"3\r\nabc\r\n", b"2\r\nd", b"e\r\n"],
        [b"3\r\nabc\r\n2\r", b"\nde\r\n"],
        [b"3\r\nabc\r\n", b"000000002\r\nde\r\n"],
        [b"3\r\nabc\r\n", b"2;a=b\r\nde\r\n"],
    ],
)
@pytest.mark.parametrize("ends", ["end", "truncation", "reset"])
def test_reads_of_whole_chunks_and_of_parts_may_alternate(feeds: list[bytes], ends: str) -> None:
    reader = ResponseReader()
    items = read(reader, CHUNKED_OK, *feeds)
    assert joined(items) == [status(200, "chunked", CHUNKED), Body(b"abcde")]
    match ends:
        case "end":
            last = reader.feed(b"0\r\nX: y\r\n\r\nrest")
            assert last == [Over("end", "", (("X", "y"),), b"rest")]
        case "truncation":
            assert reader.eof() == [
                Over("truncation", f"{NO_WHOLE_BODY} (incomplete chunked read)")
            ]
        case _:
            assert reader.reset() == [Over("reset", "connection reset by peer")]


@SETTINGS
@given(
    parts=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
def test_chunks_are_read_wherever_they_are_split(parts: list[bytes], cuts: list[int]) -> None:
    ends = list(accumulate(len(chunk(part)) for part in parts))
    wire = b"".join(map(chunk, [*parts, b""]))
    items = read(ResponseReader(), CHUNKED_OK, *split(wire, [*ends, *cuts]))
    assert joined(items)[1:] == [Body(b"".join(parts)), Over("end")]


# -- messages that are cut -------------------------------------------------------------------------


def cut_short(message: Message, at: int) -> Reader:
    reader = message.make()
    for data in single_bytes(message.wire[:at]):
        reader.feed(data)
    return reader


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_a_peer_that_closes_anywhere_inside_a_message_truncates_it(message: Message) -> None:
    # A body that closing ends is cut by it nowhere, once its head is there.
    ends = len(message.wire) - (len(message.body) if message.ends_by == "closing" else 0)
    for at in range(ends):
        items = cut_short(message, at).eof()
        assert [(type(it), getattr(it, "how", "")) for it in items] == [(Over, "truncation")], at


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_a_peer_that_aborts_anywhere_inside_a_message_resets_it(message: Message) -> None:
    ends = len(message.wire) + (message.ends_by == "closing")
    for at in range(ends):
        assert cut_short(message, at).reset() == [Over("reset", "connection reset by peer")], at


@pytest.mark.parametrize("make", [RequestReader, ResponseReader])
def test_a_peer_that_closes_before_any_byte_has_sent_no_head(make: Make) -> None:
    reader = make()
    assert reader.eof() == [Over("truncation", "peer closed connection before sending a head")]
    assert reader.is_over
    assert reader.eof() == []


def test_a_peer_that_closes_after_an_interim_head_has_sent_no_head() -> None:
    reader = ResponseReader()
    read(reader, b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert reader.eof() == [Over("truncation", "peer closed connection before sending a head")]


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"HTTP/1.1 2", "peer unexpectedly closed connection"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            f"{NO_WHOLE_BODY} (received 3 bytes, expected 5)",
        ),
        (
            CHUNKED_OK + b"3\r\nabc\r\n",
            f"{NO_WHOLE_BODY} (incomplete chunked read)",
        ),
    ],
    ids=["head", "length", "chunked"],
)
def test_a_truncation_says_what_was_missing(wire: bytes, why: str) -> None:
    reader = ResponseReader()
    read(reader, wire)
    assert reader.eof() == [Over("truncation", why)]


def test_a_reset_says_what_it_is_told() -> None:
    assert ResponseReader().reset("stream error 8") == [Over("reset", "stream error 8")]


# -- what is written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "code", "fields", "expected"),
    [
        ("GET", 200, (CHUNKED, THREE), "chunked"),
        ("GET", 200, (("transfer-encoding", "gzip, Chunked"),), "chunked"),
        ("GET", 200, (THREE,), "length"),
        ("GET", 200, (), "close"),
        ("HEAD", 200, (CHUNKED,), "none"),
        ("GET", 204, (THREE,), "none"),
        ("GET", 304, (THREE,), "none"),
        ("GET", 103, (), "none"),
    ],
)
def test_how_a_body_is_delimited(
    method: str, code: int, fields: Headers, expected: Framing
) -> None:
    assert response_framing(method, code, fields) == expected


def test_a_request_head_is_read_back() -> None:
    fields = (("Host", "h"), ("X-Name", "caf\xe9"))
    assert RequestReader().feed(request_head("GET", "/a?b", "HTTP/1.1", fields)) == [
        RequestLine("GET", "/a?b", "HTTP/1.1", fields),
        Over("end"),
    ]


def test_the_bytes_of_chunks() -> None:
    assert chunk(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"
    assert chunk(b"") == b"0\r\n\r\n"


@SETTINGS
@given(parts=st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_chunks_are_read_back(parts: list[bytes]) -> None:
    wire = b"".join([CHUNKED_OK, *map(chunk, parts), chunk(b"")])
    body: list[Item] = [Body(b"".join(parts))] if parts else []
    assert read(ResponseReader(), wire) == [status(200, "chunked", CHUNKED), *body, Over("end")]

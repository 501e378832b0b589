"""Messages that lie, or are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.http1 import MAX_HEAD_BYTES, Body, Over, RequestReader, ResponseReader
from tests.wire.http1_messages import (
    CHUNKED_OK,
    OK,
    SETTINGS,
    Make,
    answer_to,
    joined,
    read,
    single_bytes,
    split,
    status,
)


@pytest.mark.parametrize(
    ("wire", "body", "why"),
    [
        (b"220 smtp ready\r\n\r\n", b"", "illegal status line: b'220 smtp ready'"),
        (b"\r\n\r\n", b"", "no response line received"),
        (b"\x15\x03\x01\x00\x02\x02\x28", b"", "illegal start line"),
        (
            OK + b"Content-Length: 3\r\ncontent-length: 4\r\n\r\n",
            b"",
            "conflicting Content-Length headers",
        ),
        (OK + b"Content-Length: -3\r\n\r\n", b"", "bad Content-Length"),
        (
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            b"",
            "only Transfer-Encoding: chunked is supported",
        ),
        (CHUNKED_OK + b"zz\r\n", b"", r"illegal chunk header: b'zz\r\n'"),
        (CHUNKED_OK + b"3\r\nabc\r\n-1\r\n", b"abc", r"illegal chunk header: b'-1\r\n'"),
        (
            CHUNKED_OK + b"3\r\nabcdef\r\n",
            b"abc",
            r"malformed chunk footer: b'de' (expected b'\r\n')",
        ),
    ],
    ids=[
        "another-protocol",
        "no-head",
        "tls",
        "two-lengths",
        "negative-length",
        "another-coding",
        "no-chunk-size",
        "negative-chunk-size",
        "chunk-longer-than-it-says",
    ],
)
def test_a_response_that_is_not_http_is_malformed(wire: bytes, body: bytes, why: str) -> None:
    *_, over = items = read(ResponseReader(), wire)
    assert over == Over("malformed", why)
    assert b"".join(item.data for item in items if isinstance(item, Body)) == body


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", "bad Content-Length"),
        (b"GET / HTTP/1.1\r\n\r\n", "missing mandatory Host: header"),
        (b"\x16\x03\x01\x00", "illegal start line"),
    ],
    ids=["length", "no-host", "tls"],
)
def test_a_request_that_is_not_http_is_malformed(wire: bytes, why: str) -> None:
    assert read(RequestReader(), wire) == [Over("malformed", why)]


@pytest.mark.parametrize(
    "wire",
    [
        b"220 smtp ready\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        CHUNKED_OK + b"3\r\nabc\r\nzz\r\n",
        CHUNKED_OK + b"3\r\nabcdef\r\n",
    ],
)
def test_what_is_not_http_is_so_however_it_is_split(wire: bytes) -> None:
    whole = joined(read(ResponseReader(), wire))
    bytewise = joined(read(ResponseReader(), *single_bytes(wire)))
    assert [it if not isinstance(it, Over) else it.how for it in bytewise] == [
        it if not isinstance(it, Over) else it.how for it in whole
    ]
    assert isinstance(whole[-1], Over)


@pytest.mark.parametrize(
    "lie",
    [b"zz\r\n", b"2\r\nabc\r\n", b"-1\r\na\r\n", b"\r\n"],
    ids=["size", "short", "minus", "none"],
)
def test_a_chunk_that_lies_after_whole_ones_is_malformed(lie: bytes) -> None:
    *items, over = read(ResponseReader(), CHUNKED_OK, b"3\r\nabc\r\n", lie)
    assert isinstance(over, Over)
    assert over.how == "malformed"
    body = b"".join(item.data for item in items if isinstance(item, Body))
    assert body in {b"abc", b"abcab"}  # of a chunk that is too long, what it says is taken


def test_a_reader_that_met_a_malformed_message_says_nothing_more() -> None:
    reader = ResponseReader()
    read(reader, b"\x00")
    assert reader.is_over
    assert (reader.feed(b"HTTP/1.1 200 OK\r\n\r\n"), reader.eof(), reader.reset()) == ([], [], [])


@pytest.mark.parametrize(
    ("make", "wire", "why"),
    [
        (ResponseReader, OK + b"Set-Cookie: secret\x00\r\n\r\n", "illegal header line"),
        (RequestReader, b"GET /?token=secret\x00 HTTP/1.1\r\n\r\n", "illegal start line"),
    ],
)
def test_no_secret_is_quoted(make: Make, wire: bytes, why: str) -> None:
    assert read(make(), wire) == [Over("malformed", why)]


def test_a_long_line_is_not_quoted_whole() -> None:
    *_, over = read(ResponseReader(), b"200 " + b"x" * 1000 + b"\r\n\r\n")
    assert isinstance(over, Over)
    assert over.detail.startswith("illegal status line: b'200 xxx")
    assert len(over.detail) == 100


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (ResponseReader, OK + b"X: "),
        (RequestReader, b"GET /"),
        (ResponseReader, CHUNKED_OK + b"1;"),
        (ResponseReader, CHUNKED_OK + b"0\r\nX: "),
    ],
    ids=["response-head", "request-head", "chunk-extension", "trailers"],
)
def test_what_never_ends_is_given_up(make: Make, start: bytes) -> None:
    reader = make()
    items = read(reader, start)
    fed = 0
    while not reader.is_over:
        items += reader.feed(b"x" * 4096)
        fed += 4096
        assert fed <= MAX_HEAD_BYTES + 4096
    assert items[-1] == Over("malformed", "receive buffer too long")


def test_a_head_of_the_longest_allowed_size_is_read() -> None:
    room = MAX_HEAD_BYTES - len(OK + b"X: \r\n\r\n")
    value = "x" * room
    assert read(ResponseReader(), OK + b"X: " + value.encode(), b"\r\n\r\n") == [
        status(200, "close", ("X", value))
    ]


PIECES = (
    OK,
    b"GET / HTTP/1.1\r\n",
    b"Host: h\r\n",
    b"Content-Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
    b"2\r\n",
    b"ab",
    b"0\r\n",
)


@SETTINGS
@given(
    data=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=5),
    make=st.sampled_from([RequestReader, ResponseReader, answer_to("HEAD")]),
)
def test_whatever_comes_ends_once_and_last(data: bytes, cuts: list[int], make: Make) -> None:
    reader = make()
    items = [*read(reader, *split(data, cuts)), *reader.eof()]
    assert [isinstance(it, Over) for it in items] == [False] * (len(items) - 1) + [True]
    assert reader.is_over

from __future__ import annotations

import zlib

import pytest

from harness.checks.streams import Stream, longest
from harness.model.journal import Payload, TapRead
from harness.wire.sse import Event


def stream(*reads: tuple[float, bytes], codings: tuple[str, ...] = ()) -> Stream:
    entries, offset = [], 0
    for n, (t_s, data) in enumerate(reads, 10):
        entries.append(
            TapRead(n=n, t_s=t_s, x=1, offset=offset, size=len(data), payload=Payload.of(data))
        )
        offset += len(data)
    return Stream(entries, codings)


def test_an_event_arrives_with_the_byte_that_completes_it() -> None:
    it = stream((1.0, b"id: 1\nda"), (2.0, b"ta: a\n"), (5.0, b"\ndata: b"), (6.0, b"\n\n"))
    assert [(seen.item.data, seen.t_s, seen.n, seen.end) for seen in it.events] == [
        ("a", 5.0, 12, 15),
        ("b", 6.0, 13, 24),
    ]


def test_items_are_sorted_by_what_they_are() -> None:
    it = stream((1.0, b"retry: 5\n: hb\nid: 7\n\ndata: a\n\ndata: cut"))
    assert [seen.item.ms for seen in it.retries] == [5]
    assert [seen.item.text for seen in it.comments] == ["hb"]
    assert [seen.item.id_field for seen in it.empties] == ["7"]
    assert [seen.item.data for seen in it.events] == ["a"]
    assert it.unterminated is not None
    assert it.last_id == "7"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_coded_body_is_decoded_as_it_comes(size: int) -> None:
    coder = zlib.compressobj(wbits=31)
    blocks = [f"id: {at}\ndata: {'x' * 40}\n\n".encode() for at in range(3)]
    coded = [coder.compress(it) + coder.flush(zlib.Z_SYNC_FLUSH) for it in blocks]
    reads = [
        (float(at), block[i : i + size])
        for at, block in enumerate(coded)
        for i in range(0, len(block), size)
    ]
    it = stream(*reads, codings=("gzip",))
    assert [seen.t_s for seen in it.events] == [0.0, 1.0, 2.0]
    assert sum(map(len, coded[:2])) < it.events[-1].end <= it.body_bytes
    assert it.decoded_bytes == sum(map(len, blocks))


def test_a_coding_that_lies_ends_the_decoding() -> None:
    it = stream((1.0, b"data: a\n\n"), (2.0, b"data: b\n\n"), codings=("gzip",))
    assert it.events == []
    assert it.coding_problem.startswith("gzip: ")


def test_a_coding_nobody_knows_is_a_problem_not_a_crash() -> None:
    assert "pigeon" in stream((1.0, b"data: a\n\n"), codings=("pigeon",)).coding_problem


def test_identity_is_no_coding() -> None:
    assert len(stream((1.0, b"data: a\n\n"), codings=("identity",)).events) == 1


def test_a_clipped_read_ends_what_is_known() -> None:
    data = b"data: a\n\n"
    entries = [
        TapRead(n=1, t_s=1.0, x=1, offset=0, size=9, payload=Payload.of(data)),
        TapRead(n=2, t_s=2.0, x=1, offset=9, size=9, payload=Payload.clipped(data)),
    ]
    it = Stream(entries)
    assert it.is_clipped
    assert len(it.events) == 1
    assert it.body_bytes == 18


@pytest.mark.parametrize(
    ("reads", "n"),
    [
        ([b"data: \xc3", b"\xbc\n\n"], None),
        ([b"data: \xc3", b"a\n\n"], 11),
        ([b"data: \xff\n\n"], 10),
        ([b"data: \xef\xbf\xbd\n\n"], None),
    ],
)
def test_bytes_that_are_not_utf8_are_told_from_a_replacement_that_was_sent(
    reads: list[bytes], n: int | None
) -> None:
    assert stream(*((1.0, it) for it in reads)).bad_utf8_n == n


def test_an_id_with_a_nul_is_told() -> None:
    assert stream((1.0, b"data: a\nid: 1\0\n\n")).nul_id_n == 10
    assert stream((1.0, b"data: id: 1\0\n\n")).nul_id_n is None


def test_the_longest_gap_names_its_two_ends() -> None:
    gap = longest([(0.0, 1), (2.0, 5), (9.0, 7), (10.0, 8)])
    assert gap == (2.0, 9.0, 5, 7)
    assert gap is not None
    assert gap.length_s == 7.0
    assert longest([(0.0, 1)]) is None


def test_an_event_is_what_the_parser_of_the_standard_says() -> None:
    (seen,) = stream((1.0, b"\xef\xbb\xbfdata:a\r\rdata: b")).events
    assert isinstance(seen.item, Event)
    assert seen.item.data == "a"

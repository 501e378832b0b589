"""Content codings: what is held, what is flushed, what is bounded, what is truncated."""

import gzip
import os
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire.coding import BombError, CodingError, Decoder, decoder, encoder, levels

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)
COMPRESSING = ["gzip", "deflate", "br", "zstd"]
CODINGS = [*COMPRESSING, "identity"]

EVENTS = [b"id: %d\ndata: %d green bottles\n\n" % (n, n) for n in range(12)]


def encoded(coding: str, body: bytes) -> bytes:
    stream = encoder(coding)
    return stream.compress(body) + stream.finish()


def decoded(reads: list[bytes], stream: Decoder) -> bytes:
    return b"".join(stream.decompress(read) for read in reads)


def bare_deflate_that_begins_like_zlib(body: bytes) -> bytes:
    """Write one stored block with bits set in its padding, and one empty last block (RFC 1951)."""
    size = len(body).to_bytes(2, "little")
    complement = (len(body) ^ 0xFFFF).to_bytes(2, "little")
    return b"\x18" + size + complement + body + b"\x01\x00\x00\xff\xff"


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize("coding", CODINGS)
def test_a_flush_behind_every_event_makes_each_decodable_at_once(coding: str) -> None:
    out, back = encoder(coding), decoder(coding)
    for event in EVENTS:
        assert back.decompress(out.compress(event) + out.flush()) == event
    assert back.decompress(out.finish()) == b""
    assert back.finish()


@pytest.mark.parametrize("coding", COMPRESSING)
def test_without_a_flush_events_are_held_until_the_end(coding: str) -> None:
    out, back = encoder(coding), decoder(coding)
    for event in EVENTS:
        assert back.decompress(out.compress(event)) == b""
    assert back.decompress(out.finish()) == b"".join(EVENTS)
    assert back.finish()


@pytest.mark.parametrize("coding", CODINGS)
def test_a_flush_with_nothing_new_writes_nothing(coding: str) -> None:
    out = encoder(coding)
    written = out.compress(EVENTS[0]) + out.flush()
    assert decoder(coding).decompress(written) == EVENTS[0]
    assert out.flush() == b""


@pytest.mark.parametrize("coding", COMPRESSING)
def test_the_same_input_gives_the_same_bytes(coding: str) -> None:
    assert encoded(coding, b"".join(EVENTS)) == encoded(coding, b"".join(EVENTS))


def test_a_gzip_header_carries_no_time() -> None:
    assert encoded("gzip", b"x")[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@SETTINGS
@given(
    coding=st.sampled_from(CODINGS),
    parts=st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=8),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_whatever_goes_in_comes_out_however_it_is_cut(
    coding: str, parts: list[tuple[bytes, bool]], sizes: list[int]
) -> None:
    out = encoder(coding)
    wire = b""
    for data, is_flushed in parts:
        wire += out.compress(data) + (out.flush() if is_flushed else b"")
    wire += out.finish()
    body = b"".join(data for data, _ in parts)
    back = decoder(coding)
    reads: list[bytes] = []
    position = 0
    while position < len(wire):
        size = sizes[len(reads) % len(sizes)]
        reads.append(wire[position : position + size])
        position += size
    assert decoded(reads, back) == body
    assert back.finish()


@pytest.mark.parametrize("coding", COMPRESSING)
def test_a_body_cut_anywhere_is_told_from_a_whole_one(coding: str) -> None:
    wire = encoded(coding, b"".join(EVENTS))
    back = decoder(coding)
    assert back.finish()  # nothing has begun
    for offset in range(len(wire)):
        back.decompress(wire[offset : offset + 1])
        assert back.finish() == (offset + 1 == len(wire))


@pytest.mark.parametrize("coding", COMPRESSING)
def test_a_bomb_is_refused_before_it_has_unfolded(coding: str) -> None:
    bomb = encoded(coding, bytes(2_000_000))
    assert len(bomb) < 4_000
    back = decoder(coding, max_output_bytes=10_000)
    with pytest.raises(BombError, match=f"{coding}: more than 10000 bytes in one read"):
        back.decompress(bomb)
    with pytest.raises(BombError):
        back.decompress(b"")
    assert not back.finish()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body_bytes", [1_000, 1_001], ids=["at-the-limit", "one-byte-over"])
def test_the_limit_itself_is_allowed(coding: str, body_bytes: int) -> None:
    wire = encoded(coding, bytes(body_bytes))
    back = decoder(coding, max_output_bytes=1_000)
    if body_bytes > 1_000:
        with pytest.raises(BombError):
            back.decompress(wire)
    else:
        assert back.decompress(wire) == bytes(body_bytes)
        assert back.finish()


@pytest.mark.parametrize("coding", CODINGS)
def test_the_limit_is_of_one_read_and_not_of_the_body(coding: str) -> None:
    out, back = encoder(coding), decoder(coding, max_output_bytes=100)
    total = 0
    for _ in range(50):
        total += len(back.decompress(out.compress(bytes(100)) + out.flush()))
    assert total == 5_000


@pytest.mark.parametrize("codings", ["gzip, gzip", "br, gzip", "zstd, zstd"])
def test_a_bomb_inside_a_bomb_is_refused(codings: str) -> None:
    inner, outer = codings.split(", ")
    wire = encoded(outer, encoded(inner, bytes(20_000_000)))
    with pytest.raises(BombError):
        decoder(codings, max_output_bytes=100_000).decompress(wire)


@pytest.mark.parametrize("coding", COMPRESSING)
@pytest.mark.parametrize(
    "spoil",
    [lambda wire: b"data: not compressed\n\n", lambda wire: wire + b"junk", lambda wire: wire * 2],
    ids=["plain", "junk-behind", "twice"],
)
def test_bytes_of_no_such_coding_are_an_error(coding: str, spoil: Callable[[bytes], bytes]) -> None:
    wire = encoded(coding, EVENTS[0])
    back = decoder(coding)
    if spoil(wire) == wire * 2 and coding in {"gzip", "zstd"}:
        assert back.decompress(wire * 2) == EVENTS[0] * 2
        return
    with pytest.raises(CodingError, match=f"{coding}: ") as first:
        back.decompress(spoil(wire))
    with pytest.raises(CodingError) as second:
        back.decompress(b"more")
    assert str(first.value) == str(second.value)
    assert not back.finish()


def test_a_damaged_gzip_checksum_is_an_error() -> None:
    wire = bytearray(encoded("gzip", b"x" * 100))
    wire[-5] ^= 1
    with pytest.raises(CodingError, match="gzip: "):
        decoder("gzip").decompress(bytes(wire))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_body_may_be_one_stream_per_event(coding: str, size: int) -> None:
    wire = b"".join(encoded(coding, event) for event in EVENTS)
    back = decoder(coding)
    reads = [wire[start : start + size] for start in range(0, len(wire), size)]
    assert decoded(reads, back) == b"".join(EVENTS)
    assert back.finish()
    back.decompress(wire[:5])
    assert not back.finish()


def test_members_of_one_read_share_its_limit() -> None:
    wire = encoded("gzip", bytes(60)) * 2
    with pytest.raises(BombError):
        decoder("gzip", max_output_bytes=100).decompress(wire)


def test_gzip_with_a_name_and_a_time_in_its_header_is_read() -> None:
    assert decoder("gzip").decompress(gzip.compress(b"hello", mtime=1)) == b"hello"


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    "compress",
    [zlib.compress, bare_deflate, bare_deflate_that_begins_like_zlib],
    ids=["zlib", "bare", "bare-like-zlib"],
)
def test_deflate_is_read_with_and_without_its_wrapper(
    compress: Callable[[bytes], bytes], size: int
) -> None:
    wire, back = compress(EVENTS[0]), decoder("deflate")
    reads = [wire[start : start + size] for start in range(0, len(wire), size)]
    assert decoded(reads, back) == EVENTS[0]
    assert back.finish()


@pytest.mark.parametrize(
    "codings",
    ["gzip, br", " GZIP ,, Br ", "x-gzip,br,identity", "gzip\t,\tidentity,br"],
)
def test_codings_are_undone_from_the_last_to_the_first(codings: str) -> None:
    wire = encoded("br", encoded("gzip", EVENTS[0]))
    back = decoder(codings)
    assert decoded([wire[:9], wire[9:]], back) == EVENTS[0]
    assert back.finish()


def test_of_two_codings_both_have_to_end() -> None:
    cut_inside = encoded("br", encoded("gzip", EVENTS[0])[:-1])
    back = decoder("gzip, br")
    back.decompress(cut_inside)
    assert not back.finish()


@pytest.mark.parametrize("codings", ["", " ", "identity", "identity, identity"])
def test_no_coding_changes_nothing(codings: str) -> None:
    back = decoder(codings)
    assert back.decompress(EVENTS[0]) == EVENTS[0]
    assert back.finish()


@pytest.mark.parametrize("make", [encoder, decoder], ids=["encoder", "decoder"])
@pytest.mark.parametrize("coding", ["compress", "*", "gzip;q=1", "Brotli"])
def test_an_unknown_coding_is_refused_as_it_was_typed(
    make: Callable[[str], object], coding: str
) -> None:
    with pytest.raises(CodingError) as caught:
        make(coding)
    assert str(caught.value) == (
        f"expected a content coding of gzip, deflate, br, zstd, identity, got {coding!r}"
    )


def test_more_codings_than_anyone_sends_are_refused() -> None:
    decoder("gzip, " * 5)
    with pytest.raises(CodingError, match="expected 5 content codings at most, got 6"):
        decoder("gzip, " * 6)


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="max_output_bytes: expected 0 or more, got -1"):
        decoder("gzip", max_output_bytes=-1)


def zstd_frame(window_log: int) -> bytes:
    """Write an empty frame: magic, a descriptor without content size, the window, one block."""
    return b"\x28\xb5\x2f\xfd" + bytes([0, (window_log - 10) << 3]) + b"\x01\x00\x00"


def test_a_zstd_window_larger_than_http_allows_is_refused() -> None:
    # RFC 9659: 8 MiB, which is 2 to the 23.
    assert decoder("zstd").decompress(zstd_frame(23)) == b""
    with pytest.raises(CodingError, match="zstd: "):
        decoder("zstd").decompress(zstd_frame(24))


def test_brotli_of_another_compressor_is_read() -> None:
    body = os.urandom(1000) + b"".join(EVENTS)
    assert decoder("br").decompress(brotli.compress(body, quality=11, lgwin=24)) == body


@pytest.mark.parametrize("coding", CODINGS)
def test_every_level_gives_what_can_be_decoded(coding: str) -> None:
    for level in (levels(coding)[0], levels(coding)[-1]):
        out, back = encoder(coding, level), decoder(coding)
        assert back.decompress(out.compress(b"data: 1\n\n") + out.finish()) == b"data: 1\n\n"
        assert back.finish()


@pytest.mark.parametrize("coding", COMPRESSING)
def test_a_low_level_finds_less(coding: str) -> None:
    text = b"".join(b"data: %d %d\n\n" % (number, number % 7) for number in range(9000))
    fast, small = (encoder(coding, levels(coding)[at]) for at in (0, -1))
    assert len(fast.compress(text) + fast.finish()) > len(small.compress(text) + small.finish())


@pytest.mark.parametrize(
    ("coding", "level", "known"), [("gzip", 0, "1 to 9"), ("br", 12, "0 to 11"), ("zstd", 20, "19")]
)
def test_refuses_a_level_there_is_not(coding: str, level: int, known: str) -> None:
    with pytest.raises(CodingError, match=f"expected a level of {coding}, .*{known}, got {level}"):
        encoder(coding, level)

"""What the client reads: boundaries, content codings, limits, and a slow reader."""

from __future__ import annotations

import math

import pytest

from harness.model import journal
from harness.wire.coding import encoder
from tests.ends.client_server import CHUNKED, GOODBYE, STREAM, Script, Show, Step, play, stream

EVENT = b"data: 1\n\n"


def read(show: Show) -> list[bytes | None]:
    return [it.payload.content() for it in show.of(journal.ClientRead)]


# -- boundaries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "reads"),
    [
        ((STREAM, b"one", b"two", "fin"), [b"one", b"two"]),
        ((STREAM + b"one", b"two", "fin"), [b"one", b"two"]),
        ((CHUNKED, b"3\r\none\r\n3\r\ntwo\r\n", b"0\r\n\r\n", "hold"), [b"onetwo"]),
        ((CHUNKED + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", "hold"), [b"onetwo"]),
        ((CHUNKED, b"6\r\none", b"two\r\n0\r\n", b"\r\n", "hold"), [b"one", b"two"]),
        ((CHUNKED, b"6", b"\r\n", b"one", b"two", b"\r\n0\r\n\r\n", "hold"), [b"one", b"two"]),
        ((CHUNKED, b"3;ext=1\r\none\r\n0\r\nTrailer: 1\r\n\r\n", "hold"), [b"one"]),
        ((STREAM, b"x" * 100_000, "fin"), [b"x" * 65_536, b"x" * 34_464]),
    ],
)
def test_one_read_of_the_network_is_one_entry(script: Script, reads: list[bytes]) -> None:
    show = play(script, reconnect=False)
    assert read(show) == reads
    assert show.reads == reads
    offsets = [it.offset for it in show.of(journal.ClientRead)]
    assert offsets == [sum(map(len, reads[:n])) for n in range(len(reads))]
    assert show.of(journal.ClientEnd)[0].how == "end"


def test_each_read_is_stamped_when_it_arrives() -> None:
    show = play((STREAM, 1.5, b"one", 0.25, b"two", 10.0, "fin"), reconnect=False)
    assert show.tail == [
        "1.5 read 1: 0+3",
        "1.75 read 1: 3+3",
        "11.75 end 1",
        "11.75 done: does not reconnect",
    ]


# -- content codings -------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "br", "zstd", "identity"])
def test_ids_and_retry_are_read_through_the_content_coding(coding: str) -> None:
    pack = encoder(coding)
    first = pack.compress(b"retry: 500\nid: 7\nda") + pack.flush()
    second = pack.compress(b"ta: 1\n\n") + pack.flush()
    show = play((stream(f"Content-Encoding: {coding}"), first, 1.0, second, 1.0, "rst"), GOODBYE)
    assert read(show) == [first, second]
    [wait] = show.of(journal.ClientWait)
    assert (wait.t_s, wait.delay_s, wait.last_event_id) == (2.0, 0.5, "7")


def test_codings_may_be_nested() -> None:
    inner, outer = encoder("br"), encoder("gzip")
    data = outer.compress(inner.compress(b"id: 7\n\n") + inner.finish()) + outer.finish()
    show = play((stream("Content-Encoding: br", "Content-Encoding: gzip"), data, "fin"), GOODBYE)
    assert show.of(journal.ClientWait)[0].last_event_id == "7"
    assert show.of(journal.ClientEnd)[0].detail == ""


def test_bytes_that_are_not_of_their_coding_are_malformed_and_it_reconnects() -> None:
    show = play((stream("Content-Encoding: gzip"), EVENT, "hold"), GOODBYE)
    assert show.tail[:3] == ["0 read 1: 0+9", "0 malformed 1", "0 wait 3"]
    assert show.of(journal.ClientEnd)[0].detail.startswith("gzip: ")
    assert show.heard[0].gone_s == 0.0


def test_a_coding_nobody_knows_is_malformed() -> None:
    show = play((stream("Content-Encoding: rot13"), EVENT, "hold"), GOODBYE)
    assert show.tail[:2] == ["0 malformed 1", "0 wait 3"]
    assert "rot13" in show.of(journal.ClientEnd)[0].detail


def test_an_end_in_the_middle_of_a_coding_is_told() -> None:
    pack = encoder("gzip")
    data = pack.compress(b"id: 7\n\n") + pack.flush()
    show = play((stream("Content-Encoding: gzip"), data, "fin"), GOODBYE)
    [end, _] = show.of(journal.ClientEnd)
    assert (end.how, end.detail) == ("end", "the content coding was not finished")


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "step", "reason"),
    [
        ({"max_line_bytes": 1000}, b"x" * 300, "line longer than 1000 bytes"),
        ({"max_event_bytes": 1000}, b"data: " + b"x" * 300 + b"\n", "event longer than 1000 bytes"),
    ],
)
def test_what_never_ends_ends_the_client(limits: dict[str, int], step: bytes, reason: str) -> None:
    steps: list[Step] = [step, 1.0]
    show = play((STREAM, *steps * 100), GOODBYE, limits=limits)
    assert show.lines[-2:] == ["3 left 1", f"3 done: {reason} (fatal)"]
    assert len(read(show)) == 4
    assert len(show.sent_s) < 10


def test_the_limit_is_one_of_a_read_decoded_too() -> None:
    pack = encoder("gzip")
    data = pack.compress(b"x" * 1_000_000) + pack.flush()
    show = play(
        (stream("Content-Encoding: gzip"), data, "hold"), limits={"max_line_bytes": 999_999}
    )
    assert show.lines[-1] == "0 done: line longer than 999999 bytes (fatal)"


def test_an_endless_head_is_malformed() -> None:
    show = play((b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 9_000 + b"\r\n"] * 20, "hold"), GOODBYE)
    assert show.of(journal.ClientEnd)[0].how == "malformed"
    assert show.lines[1] == "0 malformed 1"


# -- a slow reader ---------------------------------------------------------------------------------


def test_a_slow_reader_reads_so_much_at_a_time() -> None:
    show = play(
        (STREAM, b"x" * 1000, "fin"),
        reads={"bytes_per_read": 300, "every_s": 2.0},
        reconnect=False,
    )
    # One read for the head, then four of the body, then the end.
    assert show.lines[1:] == [
        "0 head 1: 200",
        "2 read 1: 0+300",
        "4 read 1: 300+300",
        "6 read 1: 600+300",
        "8 read 1: 900+100",
        "10 end 1",
        "10 done: does not reconnect",
    ]


def test_what_comes_after_the_pause_is_read_at_once() -> None:
    show = play((STREAM, 5.0, EVENT, "fin"), reads={"every_s": 2.0}, reconnect=False)
    assert show.tail[:2] == ["5 read 1: 0+9", "7 end 1"]


def test_a_slow_reader_holds_up_the_server() -> None:
    block = b"x" * 65_536
    show = play(
        (STREAM, *[block] * 16, "hold"),
        reads={"bytes_per_read": 4096, "every_s": 1.0},
        until_s=40.5,
    )
    assert sum(it.size for it in show.of(journal.ClientRead)) == 40 * 4096
    # The head and one block go out at once, and one more with every 16 reads of the client.
    assert show.sent_s[:2] == [0.0, 0.0]
    assert [math.ceil(it) for it in show.sent_s[2:]] == [16, 32]

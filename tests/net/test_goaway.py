"""What a client sees of a connection on which a GOAWAY comes."""

from __future__ import annotations

import pytest
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, PingFrame

from harness.net.goaway import GoAwayFilter

ONE = DataFrame(1, data=b"data: 1\n\n" * 100)
PING = PingFrame(0, opaque_data=b"are you?")
WARNING = GoAwayFrame(0, last_stream_id=1, additional_data=b"bye")


def wire(*frames: Frame) -> bytes:
    return b"".join(frame.serialize() for frame in frames)


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 5000])
def test_streams_go_on_after_a_warning_whatever_the_reads(size: int) -> None:
    there = wire(ONE, WARNING, PING, GoAwayFrame(0, last_stream_id=7), ONE)
    filtering = GoAwayFilter()
    seen = b"".join(filtering.feed(there[at : at + size]) for at in range(0, len(there), size))
    assert seen == wire(ONE, PING, ONE)
    assert filtering.end() == wire(WARNING, GoAwayFrame(0, last_stream_id=7))
    assert filtering.end() == b""


@pytest.mark.parametrize(
    "frame",
    [GoAwayFrame(0, last_stream_id=0), GoAwayFrame(0, last_stream_id=1, error_code=2)],
    ids=["its stream is not served", "an error"],
)
def test_another_goaway_is_seen_at_once(frame: GoAwayFrame) -> None:
    assert GoAwayFilter().feed(wire(ONE, frame)) == wire(ONE, frame)


def test_a_frame_is_seen_as_it_comes() -> None:
    filtering = GoAwayFilter()
    there = wire(ONE, PING)
    assert filtering.feed(there[:400]) == there[:400]
    assert filtering.feed(there[400:]) == there[400:]


def test_an_end_in_the_middle_of_a_goaway_hides_nothing() -> None:
    filtering = GoAwayFilter()
    assert filtering.feed(wire(WARNING)[:12]) == b""
    assert filtering.end() == wire(WARNING)[:12]

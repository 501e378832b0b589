from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.lag_one_event import LagOneEvent
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import NEVER, Playbook, defeated, fired, not_reached

# Of what a playbook opens with, as it came from upstream.
HEAD_BYTES = len(
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def opened(config: LagOneEvent) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_each_read_goes_out_with_the_next_one() -> None:
    play = opened(LagOneEvent())
    assert play.at(1.0) >> Data(b"abc") << fired("3B kept until the next read", offset=3)
    assert play.at(2.0) >> Data(b"d") << Forward(b"abc")
    assert play.at(9.0) >> Data(b":\n") << Forward(b"d")
    assert play.at(10.0) >> UpstreamEnd("end") << Forward(b":\n") << End("end")


def test_a_tail_alone_may_be_kept() -> None:
    play = opened(LagOneEvent(keep_bytes=2))
    assert (
        play.at(1.0)
        >> Data(b"abcde")
        << Forward(b"abc")
        << fired("2B kept until the next read", offset=5)
    )
    assert play.at(2.0) >> Data(b"f") << Forward(b"de")
    assert play.at(3.0) >> Data(b"ghi") << Forward(b"fg")
    assert play.at(4.0) >> UpstreamEnd("reset") << Forward(b"hi") << End("reset")


def test_what_is_dropped_is_kept_from_the_client() -> None:
    play = opened(LagOneEvent())
    assert play >> Data(b"a") << fired("1B kept until the next read", offset=1)
    end = UpstreamEnd("truncation", is_dropping=True)
    assert play >> end << End("truncation", is_dropping=True)


def test_it_may_be_kept_for_some_time_only() -> None:
    play = opened(LagOneEvent(flush_after_s=2.0))
    reason = "1B kept until the next read, or for 2s"
    assert play.at(1.0) >> Data(b"a") << fired(reason, offset=1) << WakeAt(3.001)
    assert play.at(2.0) >> Data(b"b") << Forward(b"a") << WakeAt(4.001)
    assert play.at(5.0).woke(4.001) << Forward(b"b")
    assert play >> Data(b"c") << WakeAt(7.001)
    assert play >> UpstreamEnd("end") << NEVER << Forward(b"c") << End("end")


def test_what_of_a_chunk_fits_into_no_block_waits_for_the_next_one() -> None:
    play = opened(LagOneEvent(block_bytes=20))
    # With its size and the ends of its lines one of 8 has 13, one of 15 has 20, one of 18 has 24.
    assert play.at(1.0) >> Data(b"12345678") << Forward(b"12345678")
    assert play.at(2.0) >> Data(b"123456789012345") << Forward(b"123456789012345")
    assert (
        play.at(3.0)
        >> Data(b"123456789012345678")
        << Forward(b"1234567890123456")
        << fired("2B kept until the next read", offset=41)
    )
    assert play.at(4.0) >> Data(b"abc") << Forward(b"78abc")
    assert play.at(5.0) >> UpstreamEnd("end") << End("end")


def test_what_is_kept_takes_room_from_the_next_chunk() -> None:
    play = opened(LagOneEvent(block_bytes=20))
    kept = fired("9B kept until the next read", offset=25)
    # A chunk of 31, of which 11 are in the second block: of one of 10 the last is in the third.
    assert play >> Data(b"a" * 25) << Forward(b"a" * 16) << kept
    assert play >> Data(b"b" * 5) << Forward(b"a" * 9 + b"b" * 5)
    # Of one of 24 the last five are in the fourth.
    assert play >> Data(b"c" * 18) << Forward(b"c" * 15)
    assert play >> UpstreamEnd("end") << Forward(b"ccc") << End("end")


def test_the_head_takes_room_in_the_first_block() -> None:
    config = LagOneEvent(block_bytes=1000, first_block_bytes=HEAD_BYTES + 10, head_counts=True)
    play = opened(config)
    assert play >> Data(b"abcde") << Forward(b"abcde")

    play = opened(config)
    kept = fired("1B kept until the next read", offset=8)
    assert play >> Data(b"abcdefgh") << Forward(b"abcdefg") << kept


def test_reads_that_fit_into_blocks_defeat_it() -> None:
    play = opened(LagOneEvent(block_bytes=20))
    assert play >> Data(b"abc") << Forward(b"abc")
    said = defeated("every read fitted into a block of 20B", offset=3)
    assert play >> UpstreamEnd("end") << said << End("end")


def test_what_did_not_fit_may_be_kept_for_some_time_only() -> None:
    play = opened(LagOneEvent(block_bytes=20, flush_after_s=2.0))
    reason = "2B kept until the next read, or for 2s"
    assert (
        play.at(1.0)
        >> Data(b"a" * 18)
        << Forward(b"a" * 16)
        << fired(reason, offset=18)
        << WakeAt(3.001)
    )
    assert play.at(2.0) >> Data(b"b") << Forward(b"aab") << NEVER


def test_without_a_body_byte_it_is_not_reached() -> None:
    play = opened(LagOneEvent(flush_after_s=2.0))
    assert play >> UpstreamEnd("end") << not_reached("no body byte came") << End("end")


def test_a_client_that_leaves_is_passed_on() -> None:
    play = opened(LagOneEvent())
    assert play >> Data(b"a") << fired("1B kept until the next read", offset=1)
    assert play >> ClientGone("rst") << CloseUpstream("rst")
    assert play >> CaseOver()


@pytest.mark.parametrize("settings", [{"keep": "0B"}, {"flush_after": "0s"}])
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        LagOneEvent.model_validate(settings, context=YAML_CONTEXT)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"keep": "1B", "block": "1KiB"}, "expected keep or block, not both"),
        ({"first_block": "1KiB"}, "expected block"),
        ({"head_counts": True}, "expected block"),
    ],
)
def test_refuses_what_does_not_go_together(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        LagOneEvent.model_validate(settings, context=YAML_CONTEXT)


def test_its_limit_is_known() -> None:
    assert LagOneEvent(flush_after_s=2.0).limit_s() == 2.0

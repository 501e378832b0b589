from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    TIE_S,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    PauseUpstream,
    ResponseHead,
    ResumeUpstream,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    WakeAt,
)
from harness.faults.buffer import Buffer
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, NEVER, OK, Playbook, defeated, fired, not_reached


def opened(config: Buffer) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_holds_small_events_until_a_block_is_full() -> None:
    play = opened(Buffer(block_bytes=8))
    assert play.at(1.0) >> Data(b"abc") << fired("3B held, waits for a block of 8B", offset=3)
    assert play.at(2.0) >> Data(b"defgh") << Forward(b"abcdefgh")
    assert play.at(3.0) >> Data(b"i")


def test_a_large_read_goes_out_block_by_block() -> None:
    play = opened(Buffer(block_bytes=4))
    assert (
        play.at(1.0)
        >> Data(b"abcdefghij")
        << Forward(b"abcd")
        << Forward(b"efgh")
        << fired("2B held, waits for a block of 4B", offset=10)
    )


@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
def test_what_is_held_goes_out_before_any_end(how: Literal["end", "truncation", "reset"]) -> None:
    play = opened(Buffer(until_end=True))
    assert (
        play.at(1.0)
        >> Data(b"abc")
        << fired("3B held, waits for the end, takes 64MiB at most", offset=3)
    )
    assert play.at(2.0) >> Data(b"de")
    assert play.at(9.0) >> UpstreamEnd(how) << Forward(b"abcde") << End(how)


def test_the_timer_runs_from_the_first_byte_held() -> None:
    play = opened(Buffer(flush_after_s=0.1))
    assert (
        play.at(1.0)
        >> Data(b"ab")
        << fired("2B held, waits for 100ms to pass", offset=2)
        << WakeAt(1.101)
    )
    assert play.at(1.1) >> Data(b"cd")
    assert play.at(2.0).woke(1.101) << Forward(b"abcd")
    assert play >> Data(b"e") << WakeAt(2.101)
    assert play.at(2.05) >> UpstreamEnd("end") << NEVER << Forward(b"e") << End("end")


def test_a_full_block_stops_the_timer_and_the_rest_starts_it_anew() -> None:
    play = opened(Buffer(block_bytes=4, flush_after_s=1.0))
    assert (
        play.at(1.0)
        >> Data(b"ab")
        << fired("2B held, waits for a block of 4B or 1s to pass", offset=2)
        << WakeAt(2.001)
    )
    assert play.at(1.5) >> Data(b"cde") << Forward(b"abcd") << WakeAt(2.501)
    assert play.at(2.0) >> Data(b"fgh") << Forward(b"efgh") << NEVER


def test_the_head_waits_with_the_first_bytes() -> None:
    play = Playbook(Buffer(block_bytes=4, hold_head=True)).at(0.0)
    assert play >> OK << fired("head held, waits for a block of 4B")
    assert play.at(1.0) >> Data(b"ab")
    assert play.at(2.0) >> Data(b"cd") << ForwardHead(OK) << Forward(b"abcd")
    assert play.at(3.0) >> Data(b"wxyz") << Forward(b"wxyz")


def test_a_held_head_goes_out_before_the_end_of_an_empty_body() -> None:
    play = Playbook(Buffer(until_end=True, hold_head=True)).at(0.0)
    assert play >> OK << fired("head held, waits for the end, takes 64MiB at most")
    assert play.at(1.0) >> UpstreamEnd("end") << ForwardHead(OK) << End("end")


@pytest.mark.parametrize("wanted", ["no", "No"])
@pytest.mark.parametrize(
    "field", [("X-Accel-Buffering", "no"), ("x-accel-buffering", " NO ")], ids=str
)
def test_a_response_header_defeats_it(field: tuple[str, str], wanted: str) -> None:
    head = ResponseHead(200, (field,))
    unless = {"X-Accel-Buffering": wanted}
    play = Playbook(Buffer(block_bytes=8, hold_head=True, unless_response_header=unless)).at(0.0)
    assert (
        play
        >> head
        << defeated(f"X-Accel-Buffering: {wanted} in the response")
        << ForwardHead(head)
    )
    assert play.at(1.0) >> Data(b"a") << Forward(b"a")
    assert play.at(2.0) >> CaseOver()


def test_another_value_of_that_header_does_not() -> None:
    head = ResponseHead(200, (("X-Accel-Buffering", "yes"),))
    play = Playbook(Buffer(block_bytes=8, unless_response_header={"X-Accel-Buffering": "no"})).at(
        0.0
    )
    assert play >> head << ForwardHead(head)
    assert play >> Data(b"a") << fired("1B held, waits for a block of 8B", offset=1)


def test_reads_of_whole_blocks_are_not_held() -> None:
    play = opened(Buffer(block_bytes=4))
    assert play.at(1.0) >> Data(b"abcdefgh") << Forward(b"abcd") << Forward(b"efgh")
    assert play.at(2.0) >> CaseOver() << not_reached("all 8 bytes came in whole blocks", offset=8)


def test_without_a_body_byte_it_is_not_reached() -> None:
    play = opened(Buffer(until_end=True))
    assert (
        play.at(2.0)
        >> ClientGone("fin")
        << not_reached("no body byte came")
        << CloseUpstream("fin")
    )


def test_speaks_of_the_end_of_an_empty_body() -> None:
    play = opened(Buffer(block_bytes=4))
    assert play.at(2.0) >> UpstreamEnd("end") << not_reached("no body byte came") << End("end")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected block, flush_after or until_end"),
        ({"until_end": True, "block": "4KiB"}, "expected neither block nor flush_after"),
        ({"until_end": True, "flush_after": "1s"}, "expected neither block nor flush_after"),
        ({"until_end": True, "head_counts": True}, "expected block"),
        ({"until_end": True, "first_block": "1KiB"}, "expected block"),
        ({"block": "4KiB", "limit": "1MB"}, "go with until_end"),
        ({"block": "4KiB", "over_limit": "pass"}, "go with until_end"),
        ({"until_end": True, "limit": "65MiB"}, "less than or equal to"),
        ({"until_end": True, "content_length": True}, "expected until_end and hold_head"),
        ({"until_end": True, "over_limit": 500}, "expected until_end and hold_head"),
        ({"until_end": True, "hold_head": True, "over_limit": 200}, "greater than or equal to 400"),
        ({"block": "0B"}, "greater than 0"),
        ({"block": 4096}, "expected a size with a unit"),
        ({"block": "4KiB", "blok": "4KiB"}, "Extra inputs"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Buffer.model_validate(settings, context=YAML_CONTEXT)


@pytest.mark.parametrize(
    ("config", "limit_s"), [(Buffer(flush_after_s=0.1), 0.1), (Buffer(block_bytes=1), 0.0)]
)
def test_its_limit_is_known(config: Buffer, limit_s: float) -> None:
    assert config.limit_s() == limit_s


class Small(Buffer):
    held_bytes: ClassVar[int] = 8


def test_who_waits_for_the_end_stops_reading_at_its_bound_for_good() -> None:
    play = opened(Small(until_end=True))
    reason = "8B held, waits for the end, takes 8B at most"
    assert play.at(1.0) >> Data(b"a" * 8) << fired(reason, offset=8)
    assert play.at(2.0) >> Data(b"b", attempt=3) << PauseUpstream(3)
    assert play.at(3.0) >> Data(b"c")  # was under way
    assert play.at(9.0) >> ClientGone("fin") << CloseUpstream("fin")


def test_who_flushes_reads_on_after_it() -> None:
    play = opened(Small(flush_after_s=1.0))
    reason = "9B held, waits for 1s to pass"
    assert (
        play.at(1.0)
        >> Data(b"a" * 9)
        << fired(reason, offset=9)
        << WakeAt(2.0 + TIE_S)
        << PauseUpstream()
    )
    assert play.at(3.0).woke(2.0 + TIE_S) << Forward(b"a" * 9) << ResumeUpstream()


def test_who_is_full_reads_on_when_what_was_under_way_fills_a_block() -> None:
    play = opened(Small(block_bytes=12))
    reason = "9B held, waits for a block of 12B"
    assert play.at(1.0) >> Data(b"a" * 9) << fired(reason, offset=9) << PauseUpstream()
    assert play.at(2.0) >> Data(b"b" * 4) << Forward(b"a" * 9 + b"b" * 3) << ResumeUpstream()


# -- the first block -------------------------------------------------------------------------------


def test_the_first_block_may_be_shorter() -> None:
    play = opened(Buffer(block_bytes=4, first_block_bytes=2))
    reason = "1B held, waits for a block of 4B"
    assert play.at(1.0) >> Data(b"a") << fired(reason, offset=1)
    assert play.at(2.0) >> Data(b"bcdefg") << Forward(b"ab") << Forward(b"cdef")
    assert play.at(3.0) >> Data(b"hij") << Forward(b"ghij")


# What nginx 1.22 was seen to send first of a block of 4096 bytes: 3945 after a head of 151 bytes,
# 3964 after one of 132.
SEEN = ResponseHead(
    200,
    (
        ("Server", "origin/1"),
        ("Date", "Fri, 20 Nov 2026 10:22:35 GMT"),
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-cache"),
    ),
    framing="close",
)


@pytest.mark.parametrize(
    ("head", "first"),
    [
        (SEEN, 3945),
        (replace(SEEN, version="HTTP/1.0"), 3964),
        (replace(SEEN, framing="chunked"), 3936),
        (replace(SEEN, status=404), 3945 - len("Not Found") + len("OK")),
    ],
)
def test_the_head_may_take_its_room_in_the_first_block(head: ResponseHead, first: int) -> None:
    play = Playbook(Buffer(block_bytes=4096, head_counts=True)).at(0.0)
    assert play >> head << ForwardHead(head)
    assert play >> Data(b"a" * first) << Forward(b"a" * first)
    assert play >> Data(b"b" * 4096) << Forward(b"b" * 4096)


def test_the_head_may_take_its_room_in_a_first_block_of_another_size() -> None:
    play = Playbook(Buffer(block_bytes=4, first_block_bytes=1024, head_counts=True)).at(0.0)
    assert play >> SEEN << ForwardHead(SEEN)
    assert play >> Data(b"a" * 873) << Forward(b"a" * 873)
    assert play >> Data(b"b" * 4) << Forward(b"b" * 4)


def test_a_head_larger_than_a_block_leaves_it_a_byte() -> None:
    play = Playbook(Buffer(block_bytes=4, head_counts=True)).at(0.0)
    assert play >> OK << ForwardHead(OK)
    assert play >> Data(b"abcde") << Forward(b"a") << Forward(b"bcde")


# -- a body that was held to its end ---------------------------------------------------------------

WHOLE = Buffer(until_end=True, hold_head=True, content_length=True)
WAITS = fired("head held, waits for the end, takes 64MiB at most")


def with_length(head: ResponseHead, length: int) -> ResponseHead:
    fields = (*head.headers, ("Content-Length", str(length)))
    return replace(head, headers=fields, framing="length")


@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
def test_it_may_be_sent_with_its_length_whatever_ended_it(
    how: Literal["end", "truncation", "reset"],
) -> None:
    play = Playbook(WHOLE).at(0.0)
    assert play >> OK << WAITS
    assert play.at(1.0) >> Data(b"abc")
    assert (
        play.at(9.0)
        >> UpstreamEnd(how)
        << ForwardHead(with_length(OK, 3))
        << Forward(b"abc")
        << End(how)
    )


@pytest.mark.parametrize(("data", "has_length"), [(b"abc", True), (b"abcd", False)])
def test_only_a_short_one_may_be(data: bytes, *, has_length: bool) -> None:
    config = Buffer(until_end=True, hold_head=True, content_length=3)
    play = Playbook(config).at(0.0)
    assert play >> OK << WAITS
    assert play >> Data(data)
    head = with_length(OK, 3) if has_length else OK
    assert play >> UpstreamEnd("end") << ForwardHead(head) << Forward(data) << End("end")


@pytest.mark.parametrize(
    "head", [replace(OK, framing="none"), replace(OK, headers=(("Content-Length", "9"),))]
)
def test_who_has_no_body_or_a_length_of_its_own_is_left_alone(head: ResponseHead) -> None:
    play = Playbook(WHOLE).at(0.0)
    assert play >> head << WAITS
    assert play >> UpstreamEnd("end") << ForwardHead(head) << End("end")


def test_what_is_dropped_has_no_length_and_no_head() -> None:
    play = Playbook(WHOLE).at(0.0)
    assert play >> OK << WAITS
    assert play >> Data(b"abc")
    end = UpstreamEnd("reset", is_dropping=True)
    assert play >> end << End("reset", is_dropping=True)


# -- a limit ---------------------------------------------------------------------------------------


def test_over_its_limit_it_reads_no_further() -> None:
    play = opened(Buffer(until_end=True, limit_bytes=4))
    reason = "4B held, waits for the end, takes 4B at most"
    assert play >> Data(b"abcd") << fired(reason, offset=4)
    assert play >> Data(b"e", attempt=2) << PauseUpstream(2)


def test_over_its_limit_it_may_let_all_pass() -> None:
    config = Buffer(until_end=True, hold_head=True, limit_bytes=4, over_limit="pass")
    play = Playbook(config).at(0.0)
    assert play >> OK << fired("head held, waits for the end, takes 4B at most")
    assert play >> Data(b"abcd")
    assert play >> Data(b"e") << ForwardHead(OK) << Forward(b"abcde")
    assert play >> Data(b"f") << Forward(b"f")
    assert play >> UpstreamEnd("end") << End("end")


def test_over_its_limit_it_may_answer_instead() -> None:
    config = Buffer(until_end=True, hold_head=True, limit_bytes=4, over_limit=500)
    play = Playbook(config).at(0.0)
    assert play >> OK << fired("head held, waits for the end, takes 4B at most")
    assert (
        play
        >> Data(b"abcde")
        << Answer(500, (("Content-Type", "text/plain"),), b"500 Internal Server Error\n")
        << CloseUpstream("fin")
    )
    assert play >> Data(b"f")


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_a_response_that_broke_off_in_its_hands_may_be_answered_for(how: UpstreamEndHow) -> None:
    play = Playbook(Buffer(until_end=True, hold_head=True, if_broken=503)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> OK << fired("head held, waits for the end, takes 64MiB at most")
    assert play >> Data(b"data: x")
    assert (
        play
        >> UpstreamEnd(how)
        << Answer(503, (("Content-Type", "text/plain"),), b"503 Service Unavailable\n")
    )


def test_a_whole_response_is_not_answered_for() -> None:
    play = Playbook(Buffer(until_end=True, hold_head=True, if_broken=503)).at(0.0).opened()
    assert play >> Data(b"a")
    assert play >> UpstreamEnd("end") << ForwardHead(OK) << Forward(b"a") << End("end")

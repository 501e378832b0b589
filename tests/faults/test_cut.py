from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamClose,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.cut import Cut
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

ONE, TWO = b"id: 1\ndata: one\n\n", b"id: 2\ndata: two\n\n"


def opened(config: Cut) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_cuts_after_exactly_so_many_bytes() -> None:
    play = opened(Cut(after_bytes=5))
    assert play.at(1.0) >> Data(b"abc") << Forward(b"abc")
    assert (
        play.at(2.0)
        >> Data(b"defg")
        << Forward(b"de")
        << fired("at offset 5", offset=7)
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert play.at(3.0) >> Data(b"hij")
    assert play.at(9.0) >> CaseOver()


def test_the_last_byte_cuts_and_not_the_next_one() -> None:
    play = opened(Cut(after_bytes=3))
    assert (
        play
        >> Data(b"abc")
        << Forward(b"abc")
        << fired("at offset 3", offset=3)
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_no_bytes_are_right_after_the_head() -> None:
    play = Playbook(Cut(after_bytes=0, how="end")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestData(b"q") << SendData(b"q")
    assert play >> RequestEnd() << SendEnd()
    assert (
        play >> OK << ForwardHead(OK) << fired("at offset 0") << End("end") << CloseUpstream("fin")
    )


@pytest.mark.parametrize("upstream", ["fin", "rst", "leave_open"])
@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
def test_ends_as_configured(how: EndHow, upstream: UpstreamClose) -> None:
    play = opened(Cut(after_events=1, how=how, upstream=upstream))
    assert (
        play
        >> Data(ONE + TWO)
        << Forward(ONE)
        << fired("after_blank_line of event 1, at offset 17", offset=34)
        << End(how)
        << CloseUpstream(upstream)
    )


def test_cuts_in_the_second_event_unless_told_otherwise() -> None:
    play = opened(Cut(place="after_id"))
    assert play >> Data(ONE) << Forward(ONE)
    assert play >> Data(TWO[:10])
    assert (
        play
        >> Data(TWO[10:])
        << Forward(b"id: 2\n")
        << fired("after_id of event 2, at offset 23", offset=34)
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_what_was_held_goes_out_before_the_end() -> None:
    play = opened(Cut(place="mid_field", event=1))
    assert play >> Data(b"data: on")
    assert (
        play
        >> UpstreamEnd("end")
        << Forward(b"data: on")
        << not_reached("0 of 1 events", offset=8)
        << End("end")
    )


def test_what_was_held_goes_out_when_the_client_leaves() -> None:
    play = opened(Cut(place="mid_field", event=1))
    assert play >> Data(b"data: on")
    assert (
        play
        >> ClientGone("fin")
        << Forward(b"data: on")
        << not_reached("0 of 1 events", offset=8)
        << CloseUpstream("fin")
    )
    assert play >> Data(b"e\n\n") << Forward(b"e\n\n")


def test_cuts_at_a_time_after_the_request() -> None:
    play = Playbook(Cut(after_s=10.0, how="reset"))
    assert play.at(5.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(6.0) >> OK << ForwardHead(OK)
    assert play.at(15.0) >> Data(b"a") << Forward(b"a")
    assert (
        play.at(20.0).woke(15.001)
        << fired("10.0 s after the request", offset=1)
        << End("reset")
        << CloseUpstream("fin")
    )


@pytest.mark.parametrize(
    ("how", "before_head"),
    [("end", "truncation"), ("truncation", "truncation"), ("reset", "reset"), ("stall", "stall")],
)
def test_before_the_head_there_is_nothing_to_finish(how: EndHow, before_head: EndHow) -> None:
    play = Playbook(Cut(after_s=10.0, how=how))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(10.001)
    assert (
        play.at(20.0).woke(10.001)
        << fired("10.0 s after the request")
        << End(before_head)
        << CloseUpstream("fin")
    )


def test_an_end_before_that_time_disarms_it() -> None:
    play = opened(Cut(after_s=10.0))
    assert (
        play.at(10.0) >> UpstreamEnd("end") << NEVER << not_reached("10.0 s of 10 s") << End("end")
    )


def test_the_case_may_be_over_before_that_time() -> None:
    play = opened(Cut(after_s=10.0))
    assert play.at(4.0) >> CaseOver() << not_reached("4.0 s of 10 s")


def test_cuts_so_many_exchanges_and_no_more() -> None:
    play = Playbook(Cut(after_bytes=1, times=2))
    for x in (1, 2):
        play.at(float(x), x=x).opened()
        assert (
            play
            >> Data(b"ab")
            << Forward(b"a")
            << fired("at offset 1", offset=2)
            << End("truncation")
            << CloseUpstream("fin")
        )
    play.at(3.0, x=3)
    assert play >> GET << SendRequest(GET)
    assert play >> OK << ForwardHead(OK) << not_reached("2 of 2 exchanges were cut before")
    assert play >> Data(b"ab") << Forward(b"ab")


def test_the_first_to_get_there_is_cut() -> None:
    play = Playbook(Cut(place="mid_field", event=1))
    play.at(0.0, x=1).opened()
    play.at(0.0, x=2).opened()
    assert play.at(1.0, x=1) >> Data(b"data: on")
    assert (
        play.at(2.0, x=2)
        >> Data(b"data: two\n\n")
        << Forward(b"data: t")
        << fired("mid_field of event 1, at offset 7", offset=11)
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert (
        play.at(3.0, x=1)
        >> Data(b"e\n\n")
        << Forward(b"data: on")
        << not_reached("1 of 1 exchanges were cut before", offset=11)
        << Forward(b"e\n\n")
    )


def test_times_counts_cuts_at_a_time_too() -> None:
    play = Playbook(Cut(after_s=1.0))
    play.at(0.0, x=1).opened()
    play.at(0.5, x=2).opened()
    assert (
        play.at(3.0, x=2).woke(1.001, x=1)
        << (1, fired("1.0 s after the request"))
        << (1, End("truncation"))
        << (1, CloseUpstream("fin"))
    ).woke(1.501) << not_reached("1 of 1 exchanges were cut before")


@pytest.mark.parametrize("config", [Cut(place="mid_char"), Cut(after_events=1)])
def test_a_content_coding_hides_the_events(config: Cut) -> None:
    head = replace(OK, headers=(("Content-Encoding", "gzip"),))
    play = Playbook(config).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> head << ForwardHead(head) << not_reached("gzip hides the events")
    assert play >> Data(b"data\n\n") << Forward(b"data\n\n")
    assert play >> UpstreamEnd("end") << End("end")


def test_identity_hides_nothing() -> None:
    head = replace(OK, headers=(("Content-Encoding", "identity"),))
    play = Playbook(Cut(after_events=1)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> head << ForwardHead(head)
    assert play >> CaseOver() << not_reached("0 of 1 events")


def test_a_content_coding_does_not_hide_bytes() -> None:
    head = replace(OK, headers=(("Content-Encoding", "gzip"),))
    play = Playbook(Cut(after_bytes=1)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> head << ForwardHead(head)
    assert (
        play
        >> Data(b"a")
        << Forward(b"a")
        << fired("at offset 1", offset=1)
        << End("truncation")
        << CloseUpstream("fin")
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected one of after_bytes, after_events, after and place"),
        ({"after": "1s", "after_bytes": "1B"}, "expected one of"),
        ({"after": "1s", "event": 3}, "event goes with place"),
        ({"place": "mid_air"}, "mid_field"),
        ({"after_events": 0}, "greater than or equal to 1"),
        ({"after_bytes": 10}, "expected a size with a unit"),
        ({"after": "1s", "times": 0}, "greater than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Cut.model_validate(settings, context=YAML_CONTEXT)


@pytest.mark.parametrize(
    ("config", "limit_s"), [(Cut(after_s=9.0), 9.0), (Cut(after_bytes=9), 0.0)]
)
def test_its_limit_is_known(config: Cut, limit_s: float) -> None:
    assert config.limit_s() == limit_s

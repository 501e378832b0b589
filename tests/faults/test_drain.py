from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    GoAway,
    SendRequest,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.drain import Drain
from harness.faults.registry import build
from tests.testkit.playbook import GET, NEVER, OK, Playbook, defeated, fired, not_reached

GET_2 = replace(GET, client_version="HTTP/2")
BEGINS = WakeAt(10 + TIE_S)


def drain(**settings: Any) -> Drain:
    config = build("drain", {"after": "10s", **settings})
    assert isinstance(config, Drain)
    return config


def streaming(request: Any = GET, **settings: Any) -> Playbook:
    """A response that began at 0 s."""
    play = Playbook(drain(**settings)).at(0.0)
    assert play >> request << SendRequest(request) << BEGINS
    assert play >> OK << ForwardHead(OK)
    return play


def test_over_http_2_the_client_is_told_and_the_stream_goes_on() -> None:
    play = streaming(GET_2)
    assert play.at(99.0).woke(10 + TIE_S) << fired("GOAWAY") << GoAway()
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")


def test_over_http_1_there_is_no_word_for_it() -> None:
    play = streaming()
    assert play.at(99.0).woke(10 + TIE_S) >> Data(b"a") << Forward(b"a")
    reason = not_reached("89.0 s into the grace, no GOAWAY over HTTP/1.1", offset=1)
    assert play >> CaseOver() << reason


@pytest.mark.parametrize("how", ["truncation", "reset", "end", "stall"])
@pytest.mark.parametrize("request_", [GET, GET_2], ids=["HTTP/1.1", "HTTP/2"])
def test_what_has_not_ended_within_the_grace_is_cut(request_: Any, how: Any) -> None:
    play = streaming(request_, grace="5s", how=how, upstream="rst")
    cut_s = 15 + TIE_S
    if request_ is GET_2:
        assert play.at(11.0).woke(10 + TIE_S) << fired("GOAWAY") << GoAway() << WakeAt(cut_s)
        assert play.at(20.0).woke(cut_s) << End(how) << CloseUpstream("rst")
    else:
        assert play.at(11.0).woke(10 + TIE_S) << WakeAt(cut_s)
        note = fired("cut after a grace of 5 s")
        assert play.at(20.0).woke(cut_s) << note << End(how) << CloseUpstream("rst")


def test_before_the_head_there_is_nothing_to_end() -> None:
    play = Playbook(drain(grace="0s", how="end")).at(0.0)
    assert play >> GET << SendRequest(GET) << BEGINS
    assert (
        (play.at(11.0).woke(10 + TIE_S) << WakeAt(10 + TIE_S)).woke(10 + TIE_S)
        << fired("cut after a grace of 0 s")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_a_stream_that_ends_within_the_grace_was_drained_in_order() -> None:
    play = streaming(grace="5s")
    assert play.at(12.0).woke(10 + TIE_S) << WakeAt(15 + TIE_S)
    assert (
        play
        >> UpstreamEnd("end")
        << NEVER
        << defeated("the response ended 2.0 s into the grace")
        << End("end")
    )


def test_a_stream_that_breaks_off_within_the_grace_was_not() -> None:
    play = streaming(grace="5s")
    assert play.at(12.0).woke(10 + TIE_S) << WakeAt(15 + TIE_S)
    reason = not_reached("2.0 s into the grace, no GOAWAY over HTTP/1.1")
    assert play >> UpstreamEnd("reset") << NEVER << reason << End("reset")


def test_a_stream_that_ends_before_is_not_met() -> None:
    play = streaming(grace="5s").at(4.0)
    reason = not_reached("over 6.0 s before it began")
    assert play >> ClientGone("fin") << NEVER << reason << CloseUpstream("fin")


def test_of_a_case_the_moment_is_one_for_all() -> None:
    play = Playbook(drain(since="case", grace="5s")).at(7.0)
    assert play >> GET << SendRequest(GET) << BEGINS
    assert play.at(12.0, x=1).woke(10 + TIE_S) << WakeAt(15 + TIE_S)
    assert play.at(12.0, x=2) >> GET << SendRequest(GET)
    assert play >> CaseOver() << not_reached("the request came after it had begun")


def test_a_new_request_may_be_refused_meanwhile() -> None:
    play = Playbook(drain(since="case", grace="5s", refuse_new={"status": 503, "body": ""}))
    answer = Answer(503, (("Content-Type", "text/plain"),))
    assert play.at(10.0) >> GET << fired("draining since 10.0 s: refused") << answer
    assert play.at(14.999, x=2) >> GET << fired("draining since 10.0 s: refused") << answer
    assert play.at(15.0, x=3) >> GET << SendRequest(GET)


def test_a_new_request_may_meet_a_closed_door() -> None:
    play = Playbook(drain(since="case", grace="5s", refuse_new="reset"))
    assert play.at(11.0) >> GET << fired("draining since 10.0 s: refused") << End("reset")


@pytest.mark.parametrize(
    "settings",
    [
        {"since": "boot"},
        {"refuse_new": {"status": 503}, "grace": "5s"},
        {"refuse_new": {"status": 503}, "since": "case"},
        {"how": "refused"},
    ],
)
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        drain(**settings)

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

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
    Event,
    Forward,
    ForwardHead,
    PauseDownstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    ResumeDownstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    WakeAt,
    passed,
)
from harness.faults.pipeline import Pipeline
from harness.faults.registry import build
from harness.faults.resend import Resend
from harness.faults.upstream_death import UpstreamDeath
from tests.testkit.contract import check_fault
from tests.testkit.driver import subject
from tests.testkit.plans import SECOND, Plan
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

POST = RequestHead("POST", "/", (("Content-Length", "3"),))
NO = ResponseHead(503, (("Content-Length", "2"),), framing="length")
NONE_FAILED = not_reached("no attempt failed before its head")
REFUSED = UpstreamEnd("refused")


def resend(**settings: Any) -> Resend:
    config = build("resend", settings)
    assert isinstance(config, Resend)
    return config


def asked(**settings: Any) -> Playbook:
    play = Playbook(resend(**settings)).at(0.0)
    return play.unheard(GET, RequestEnd())


@pytest.mark.parametrize("how", ["refused", "reset", "truncation"])
def test_a_request_that_fails_before_its_head_is_sent_again(how: UpstreamEndHow) -> None:
    play = asked()
    assert (
        play.at(1.0)
        >> UpstreamEnd(how)
        << fired(f"{how}: sent again, 1 times at most")
        << SendRequest(GET, 1)
        << SendEnd(1)
    )
    assert play >> replace(OK, attempt=1) << ForwardHead(replace(OK, attempt=1))
    assert play >> Data(b"a", 1) << Forward(b"a")
    assert play >> UpstreamEnd("end", 1) << End("end")


def test_the_last_failure_is_passed_on() -> None:
    play = asked(times=2)
    play.unheard(REFUSED)
    assert play >> replace(REFUSED, attempt=1) << SendRequest(GET, 2) << SendEnd(2)
    assert play >> UpstreamEnd("reset", 2) << End("reset")


def test_a_failure_it_does_not_mind_is_passed_on() -> None:
    play = asked(on=["truncation"])
    assert play >> UpstreamEnd("reset") << NONE_FAILED << End("reset")


def test_a_server_error_is_not_passed_on_while_there_are_attempts_left() -> None:
    play = asked(on=["5xx"])
    assert (
        play
        >> NO
        << CloseUpstream("fin", 0)
        << fired("status 503: sent again, 1 times at most")
        << SendRequest(GET, 1)
        << SendEnd(1)
    )
    assert play >> Data(b"no", 0)  # was under way
    assert play >> replace(NO, attempt=1) << ForwardHead(replace(NO, attempt=1))
    assert play >> Data(b"no", 1) << Forward(b"no")


def test_once_a_head_was_passed_on_there_is_no_way_back() -> None:
    play = asked(on=["reset", "5xx"])
    assert play >> OK << ForwardHead(OK)
    assert play >> UpstreamEnd("reset") << NONE_FAILED << End("reset")


def test_the_body_is_sent_again_too() -> None:
    play = Playbook(resend(methods=["POST"])).at(0.0)
    assert play >> POST << SendRequest(POST)
    assert play >> RequestData(b"ab") << SendData(b"ab")
    assert (
        play
        >> REFUSED
        << fired("refused: sent again, 1 times at most")
        << SendRequest(POST, 1)
        << SendData(b"ab", 1)
    )
    assert play >> RequestData(b"c") << SendData(b"c", 1)
    assert play >> RequestEnd() << SendEnd(1)


def test_a_body_that_is_too_long_is_sent_once() -> None:
    play = Playbook(resend(methods=["POST"])).at(0.0)
    half = bytes(512 * 1024)
    play.unheard(POST, RequestData(half), RequestData(half), RequestData(b"x"), RequestEnd())
    reason = not_reached("a body of more than 1MiB is not sent again")
    assert play >> REFUSED << reason << passed(REFUSED)


def test_a_method_that_may_do_harm_twice_is_sent_once() -> None:
    play = Playbook(resend()).at(0.0).unheard(POST, RequestEnd())
    assert play >> REFUSED << not_reached("POST is not sent again") << passed(REFUSED)


def test_attempts_may_be_some_time_apart() -> None:
    play = asked(delay="2s")
    note = fired("refused: sent again, 1 times at most")
    assert play.at(1.0) >> REFUSED << note << WakeAt(3.0)
    assert play.at(4.0).woke(3.0) << SendRequest(GET, 1) << SendEnd(1)


def test_what_comes_of_the_request_meanwhile_goes_with_the_next_attempt() -> None:
    play = Playbook(resend(delay="2s", methods=["POST"])).at(0.0)
    play.unheard(POST, RequestData(b"a"), REFUSED)
    assert play.at(1.0) >> RequestData(b"bc")
    assert play >> RequestEnd()
    assert (
        play.at(2.0).woke(2.0)
        << SendRequest(POST, 1)
        << SendData(b"a", 1)
        << SendData(b"bc", 1)
        << SendEnd(1)
    )


class Small(Resend):
    kept_bytes: ClassVar[int] = 4


def test_what_is_too_long_to_keep_waits_at_the_client_for_the_next_attempt() -> None:
    play = Playbook(Small(times=2, delay_s=2.0, methods=("POST",))).at(0.0)
    play.unheard(POST, RequestData(b"abc"), REFUSED)
    assert play.at(1.0) >> RequestData(b"def") << PauseDownstream()
    assert (
        play.at(2.0).woke(2.0)
        << SendRequest(POST, 1)
        << SendData(b"abc", 1)
        << SendData(b"def", 1)
        << ResumeDownstream()
    )
    assert play >> RequestData(b"g") << SendData(b"g", 1)
    assert play >> RequestEnd() << SendEnd(1)
    # Nothing of it is kept by now, so this failure is the client's.
    assert play >> UpstreamEnd("refused", 1) << passed(UpstreamEnd("refused", 1))


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_a_request_that_fails_in_its_middle_keeps_the_contract(size: int) -> None:
    body = [(1.0 + at / 2, 1, RequestData(bytes([at]) * size)) for at in range(9)]
    moments: list[tuple[float, int, Event]] = [
        (0.0, 1, POST),
        (1.2, 1, REFUSED),
        *body,
        (6.0, 1, RequestEnd()),
        *[(7.0, 1, event) for event in SECOND],
    ]
    moments.sort(key=lambda moment: moment[0])
    config = Small(delay_s=2.0, methods=("POST",))
    check_fault(replace(subject(config), bound_bytes=config.kept_bytes), Plan(tuple(moments)))


def test_what_a_refused_answer_still_brings_during_the_pause_is_dropped() -> None:
    play = asked(on=["5xx"], delay="2s")
    play.unheard(NO)
    assert play >> Data(b"no")
    assert play >> UpstreamEnd("end")
    assert play.at(2.0).woke(2.0) << SendRequest(GET, 1) << SendEnd(1)


def test_an_attempt_may_take_too_long() -> None:
    play = Playbook(resend(on=["timeout"], timeout="2s")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(2 + TIE_S)
    assert (
        play.at(3.0).woke(2 + TIE_S)
        << CloseUpstream("fin")
        << fired("no head for 2s: sent again, 1 times at most")
        << SendRequest(GET, 1)
        << SendEnd(1)
        << WakeAt(4 + 2 * TIE_S)
    )
    assert play >> UpstreamEnd("truncation", 0)  # the one that was given up
    head = replace(OK, attempt=1)
    assert play.at(4.0) >> head << NEVER << ForwardHead(head)
    assert play.at(9.0) >> CaseOver()


def test_the_last_attempt_may_take_too_long_as_well() -> None:
    settings = {"timeout": "2s", "timed_out": {"status": 503, "body": "late"}}
    play = asked(on=["timeout"], **settings)
    answer = Answer(503, (("Content-Type", "text/plain"),), b"late")
    assert (
        (
            play.at(9.0).woke(2 + TIE_S)
            << CloseUpstream("fin")
            << fired("no head for 2s: sent again, 1 times at most")
            << SendRequest(GET, 1)
            << SendEnd(1)
            << WakeAt(4 + 2 * TIE_S)
        ).woke(4 + 2 * TIE_S)
        << CloseUpstream("fin", 1)
        << answer
    )


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_client_that_leaves_is_asked_for_no_more(how: Any) -> None:
    play = asked(times=9, on=["refused", "timeout"], timeout="9s")
    play.unheard(REFUSED)
    assert play.at(1.0) >> ClientGone(how) << NEVER << CloseUpstream(how, 1)
    assert play >> replace(REFUSED, attempt=1) << passed(REFUSED)
    play = asked(delay="9s")
    play.unheard(REFUSED)
    assert play.at(1.0) >> ClientGone(how) << NEVER << CloseUpstream(how)
    play = asked()
    assert play >> ClientGone(how) << NONE_FAILED << CloseUpstream(how)


def test_nothing_came() -> None:
    assert asked() >> CaseOver() << NONE_FAILED


def test_the_next_stage_sees_one_request_and_its_last_failure() -> None:
    stages = [resend(), UpstreamDeath()]
    play = Playbook(Pipeline([it.start(lambda: 0.5) for it in stages])).at(0.0)
    play.unheard(GET, RequestEnd(), REFUSED)
    assert (
        play
        >> replace(REFUSED, attempt=1)
        << fired("upstream: refused; the client gets 502", stage=1)
        << Answer(502, (("Content-Type", "text/plain"),), b"502 Bad Gateway\n")
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"times": 0},
        {"on": []},
        {"on": ["4xx"]},
        {"on": ["timeout"]},
        {"timeout": "5s"},
        {"methods": []},
        {"timed_out": {"status": 99}},
    ],
)
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        resend(**settings)

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from harness.faults.answer import Answer as AnswerFault
from harness.faults.base import (
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
    PauseUpstream,
    RequestData,
    RequestEnd,
    ResponseHead,
    ResumeDownstream,
    ResumeUpstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.buffer import Buffer
from harness.faults.cut import Cut
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.latency import Latency
from harness.faults.pipeline import Pipeline
from tests.faults.staged import Script, half, pipeline
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached

HEAD = replace(GET, method="HEAD")
UNAVAILABLE = Answer(503, (("Content-Type", "text/plain"),), b"no\n")


@pytest.mark.parametrize(
    "event",
    [
        GET,
        RequestData(b"q"),
        RequestEnd(),
        OK,
        Data(b"a"),
        UpstreamEnd("end"),
        UpstreamEnd("truncation"),
        UpstreamEnd("reset"),
        UpstreamEnd("refused"),
        ClientGone("rst"),
        ClientGone("cancel"),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("stages", [0, 1, 3])
def test_stages_that_pass_are_as_good_as_none(stages: int, event: Event) -> None:
    fault = Pipeline([Script() for _ in range(stages)])
    list(fault.step(0.0, 1, GET))
    actions = [action for _, action in fault.step(0.0, 1, event)]
    expected = passed(event)
    if stages > 1 and event == ClientGone("cancel"):
        expected = CloseUpstream("fin")
    assert actions == [expected]


@pytest.mark.parametrize("event", [Wake(), CaseOver()])
def test_without_stages_there_is_nothing_to_say_of_time(event: Event) -> None:
    assert pipeline().opened() >> event


def test_without_stages_nothing_follows_the_end() -> None:
    play = pipeline().opened()
    assert play >> UpstreamEnd("end") << End("end")
    assert play >> Data(b"late")
    assert play >> UpstreamEnd("reset")


def test_order_is_meaning() -> None:
    cut, buffer = Cut(after_bytes=6), Buffer(block_bytes=4)
    play = pipeline(buffer.start(half), cut.start(half)).opened()
    assert (
        play
        >> Data(b"abcdefghij")
        << fired("2B held, waits for a block of 4B", offset=10)
        << Forward(b"abcd")
        << Forward(b"ef")
        << fired("at offset 6", offset=8, stage=1)
        << End("truncation")
        << CloseUpstream("fin")
    )
    play = pipeline(cut.start(half), buffer.start(half)).opened()
    assert (
        play
        >> Data(b"abcdefghij")
        << fired("at offset 6", offset=10)
        << CloseUpstream("fin")
        << Forward(b"abcd")
        << fired("2B held, waits for a block of 4B", offset=6, stage=1)
        << Forward(b"ef")
        << End("truncation")
    )


def test_requests_meet_the_last_stage_first() -> None:
    first, last = Script(), Script({RequestEnd(): [SendData(b"added"), SendEnd()]})
    play = pipeline(first, last)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestData(b"q") << SendData(b"q")
    assert play >> RequestEnd() << SendData(b"added") << SendEnd()
    assert first.heard == [
        (1, GET),
        (1, RequestData(b"q")),
        (1, RequestData(b"added")),
        (1, RequestEnd()),
    ]


def test_a_client_that_leaves_meets_the_last_stage_first() -> None:
    play = pipeline(
        IdleTimeout(after_s=60.0).start(half), Latency(delay_s=1.0, direction="up").start(half)
    )
    assert play >> GET << fired("up: first delay 1.0 s", stage=1) << WakeAt(1.0)
    assert play.at(0.5) >> ClientGone("rst")
    assert play.at(1.0).woke(1.0) << SendRequest(GET) << WakeAt(1.5)
    assert (
        play.at(2.0).woke(1.5) << not_reached("the time never began to run") << CloseUpstream("rst")
    )


def test_what_closes_upstream_is_a_client_gone_for_the_stage_before() -> None:
    before = Script()
    play = pipeline(before, Cut(after_bytes=1, upstream="rst").start(half)).opened()
    assert (
        play
        >> Data(b"ab")
        << Forward(b"a")
        << fired("at offset 1", offset=2, stage=1)
        << End("truncation")
        << CloseUpstream("rst")
    )
    assert before.heard[-1] == (1, ClientGone("rst"))


def test_a_stage_loses_its_client_once() -> None:
    before = Script()
    play = pipeline(before, Cut(after_bytes=1).start(half)).opened()
    assert (
        play
        >> Data(b"ab")
        << Forward(b"a")
        << fired("at offset 1", offset=2, stage=1)
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert play >> ClientGone("fin")
    assert [event for _, event in before.heard].count(ClientGone("fin")) == 1


def test_what_leaves_upstream_open_is_nothing_to_the_stage_before() -> None:
    before = Script()
    play = pipeline(before, Cut(after_bytes=1, upstream="leave_open").start(half)).opened()
    assert (
        play
        >> Data(b"ab")
        << Forward(b"a")
        << fired("at offset 1", offset=2, stage=1)
        << End("truncation")
    )
    assert before.heard[-1] == (1, Data(b"ab"))


def test_a_stage_that_never_saw_the_request_hears_of_nothing() -> None:
    before = Script()
    play = pipeline(before, AnswerFault(status=503, body="no\n").start(half))
    assert play >> GET << fired("503 to request 1", stage=1) << UNAVAILABLE
    assert play >> ClientGone("fin")
    assert play.at(9.0) >> CaseOver()
    assert before.heard == []


def test_an_answer_is_a_response_to_the_next_stage() -> None:
    after = Script()
    play = pipeline(AnswerFault(status=503, body="no\n").start(half), after)
    head = ResponseHead(
        503, (("Content-Type", "text/plain"), ("Content-Length", "3")), framing="length"
    )
    assert (
        play
        >> GET
        << fired("503 to request 1")
        << ForwardHead(head)
        << Forward(b"no\n")
        << End("end")
    )
    assert after.heard[1:] == [(1, head), (1, Data(b"no\n")), (1, UpstreamEnd("end"))]


def test_an_answer_to_head_has_no_body_for_the_next_stage() -> None:
    after = Script()
    play = pipeline(AnswerFault(status=503, body="no\n").start(half), after)
    play >> HEAD
    assert [type(event) for _, event in after.heard[1:]] == [ResponseHead, UpstreamEnd]


@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
def test_an_end_is_an_upstream_end_to_the_next_stage(
    how: Literal["end", "truncation", "reset"],
) -> None:
    after = Script()
    play = pipeline(Script({Data(b"!"): [End(how)]}), after).opened()
    assert play >> Data(b"!") << End(how)
    assert after.heard[-1] == (1, UpstreamEnd(how))


def test_a_stall_is_silence_to_the_next_stage_which_may_end_it() -> None:
    play = pipeline(
        Cut(after_bytes=1, how="stall", upstream="leave_open").start(half),
        IdleTimeout(after_s=10.0, before_head=None).start(half),
    ).opened()
    assert (
        play.at(1.0)
        >> Data(b"ab")
        << fired("at offset 1", offset=2)
        << CloseUpstream("leave_open")
        << Forward(b"a")
        << WakeAt(11.001)
    )
    assert play.at(5.0) >> Data(b"cd")
    assert (
        play.at(20.0).woke(11.001)
        << fired("closed after 10.0 s of silence (limit 10 s)", offset=1, stage=1)
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_a_stall_of_the_last_stage_reaches_the_driver() -> None:
    play = pipeline(Script(), Cut(after_bytes=1, how="stall").start(half)).opened()
    assert (
        play
        >> Data(b"a")
        << Forward(b"a")
        << fired("at offset 1", offset=1, stage=1)
        << End("stall")
        << CloseUpstream("fin")
    )


def test_what_a_stage_still_holds_when_a_later_one_ended_is_dropped() -> None:
    play = pipeline(Buffer(flush_after_s=5.0).start(half), Cut(after_s=1.0).start(half))
    play.opened()
    assert play.at(0.5) >> Data(b"held") << fired("4B held, waits for 5s to pass", offset=4)
    assert (
        play.at(1.5).woke(1.001)
        << fired("1.0 s after the request", stage=1)
        << End("truncation")
        << CloseUpstream("fin")
        << WakeAt(5.501)
    )
    assert play.at(6.0).woke(5.501)


def test_nothing_follows_the_end_of_a_stage_that_talks_on() -> None:
    talks_on = Script({Data(b"a"): [End("reset"), Forward(b"late"), End("end")]})
    after = Script()
    assert pipeline(talks_on).opened() >> Data(b"a") << End("reset")
    assert pipeline(talks_on, after).opened() >> Data(b"a") << End("reset")
    assert after.heard[-1] == (1, UpstreamEnd("reset"))


# -- straight to the driver ----------------------------------------------------------------------


def test_attempts_belong_to_the_first_stage() -> None:
    second = replace(OK, attempt=1)
    retry = Script({UpstreamEnd("reset"): [SendRequest(GET, attempt=1)]})
    after = Script({Data(b"a"): [PauseUpstream(), Forward(b"a")], Data(b"b"): [ResumeUpstream()]})
    play = pipeline(retry, after)
    assert play >> GET << SendRequest(GET)
    assert play >> UpstreamEnd("reset") << SendRequest(GET, attempt=1)
    assert play >> second << ForwardHead(OK)
    assert play >> Data(b"a", attempt=1) << PauseUpstream(attempt=1) << Forward(b"a")
    assert play >> Data(b"b", attempt=1) << ResumeUpstream(attempt=1)
    assert after.heard[1:] == [(1, OK), (1, Data(b"a")), (1, Data(b"b"))]


def test_the_first_stage_names_its_attempts_itself() -> None:
    hedge = Script({Data(b"a"): [PauseUpstream(attempt=3), CloseUpstream("rst", attempt=2)]})
    play = pipeline(hedge).opened()
    assert play >> Data(b"a") << PauseUpstream(attempt=3) << CloseUpstream("rst", attempt=2)


# -- the end of the case -------------------------------------------------------------------------


def test_every_stage_says_how_it_stands_in_every_exchange_it_saw() -> None:
    play = pipeline(Cut(after_bytes=9).start(half), IdleTimeout(after_s=60.0).start(half))
    play.at(0.0, x=1).opened()
    play.at(1.0, x=2).opened()
    assert (
        play.at(5.0, x=2)
        >> CaseOver()
        << not_reached("0 of 9 bytes")
        << not_reached("longest silence 4.0 s of 60 s", stage=1)
    )
    assert (
        play.at(5.0, x=1)
        >> CaseOver()
        << not_reached("0 of 9 bytes")
        << not_reached("longest silence 5.0 s of 60 s", stage=1)
    )


def test_the_end_of_the_case_is_no_time_to_act() -> None:
    play = pipeline(Script({CaseOver(): [Forward(b"late")]})).opened()
    with pytest.raises(AssertionError, match="stage 0 answers the end of the case with Forward"):
        play >> CaseOver()


def test_a_pipeline_is_a_fault_and_may_be_a_stage() -> None:
    inner = Pipeline([Script(), Buffer(block_bytes=2).start(half)])
    play = pipeline(inner, Script()).opened()
    assert (
        play
        >> Data(b"abc")
        << fired("1B held, waits for a block of 2B", offset=3)
        << Forward(b"ab")
    )
    assert play >> UpstreamEnd("end") << Forward(b"c") << End("end")


def test_upstream_is_read_again_once_no_stage_wants_the_pause() -> None:
    near = Script({Data(b"a"): [PauseUpstream()], Data(b"c"): [ResumeUpstream()]})
    near.says[Data(b"b")] = [Forward(b"b")]
    far = Script({Data(b"b"): [PauseUpstream()], ResponseHead(200, ()): [ResumeUpstream()]})
    play = pipeline(near, far)
    assert play >> Data(b"a") << PauseUpstream()
    assert play >> Data(b"b") << PauseUpstream()
    assert play >> Data(b"c")
    assert play >> ResponseHead(200, ()) << ResumeUpstream()


def test_the_end_of_an_exchange_is_the_last_of_it() -> None:
    late = Script({RequestEnd(): [(1, Forward(b"late")), (1, WakeAt(9.0))]})
    play = pipeline(late)
    assert play >> GET << SendRequest(GET)
    assert play >> CaseOver()
    assert play >> CaseOver()
    assert play.at(1.0, x=2) >> RequestEnd()
    assert [event for _, event in late.heard] == [GET, CaseOver(), RequestEnd()]


def test_a_client_is_read_again_once_no_stage_holds_it_back() -> None:
    near = Script({RequestData(b"a"): [PauseDownstream()], Data(b"c"): [ResumeDownstream()]})
    far = Script(
        {
            RequestData(b"a"): [PauseDownstream(), SendData(b"a")],
            Data(b"b"): [Forward(b"b"), ResumeDownstream()],
            Data(b"c"): [],
        }
    )
    play = Playbook(Pipeline([near, far]))
    assert play >> RequestData(b"a") << PauseDownstream() << PauseDownstream()
    assert play >> Data(b"b") << Forward(b"b")
    assert play >> Data(b"c") << ResumeDownstream()

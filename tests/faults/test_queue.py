from __future__ import annotations

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
    Event,
    Forward,
    PauseDownstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResumeDownstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
    passed,
)
from harness.faults.queue import Queue
from harness.faults.registry import build
from tests.testkit.playbook import GET, NEVER, Playbook, fired, not_reached

POST = RequestHead("POST", "/", ())


def queue(**settings: Any) -> Queue:
    config = build("queue", settings)
    assert isinstance(config, Queue)
    return config


def busy(**settings: Any) -> Playbook:
    """One response is under way, and there is room for one."""
    play = Playbook(queue(max=1, **settings)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    return play


def waits(place: int) -> Any:
    return fired(f"number {place} in the queue, 1 are under way")


def test_a_request_waits_until_another_ends() -> None:
    play = busy()
    assert play.at(1.0, x=2) >> GET << waits(1)
    assert play >> RequestEnd()
    assert (
        play.at(5.0, x=1)
        >> UpstreamEnd("truncation")
        << End("truncation")
        << (2, SendRequest(GET))
        << (2, SendEnd())
    )
    assert play.at(6.0, x=2) >> Data(b"a") << Forward(b"a")


def test_requests_wait_in_order() -> None:
    play = busy()
    assert play.at(1.0, x=3) >> GET << waits(1)
    assert play.at(1.0, x=2) >> GET << waits(2)
    assert play.at(2.0, x=1) >> UpstreamEnd("end") << End("end") << (3, SendRequest(GET))
    assert play.at(3.0, x=4) >> GET << waits(2)
    assert play.at(4.0, x=3) >> UpstreamEnd("end") << End("end") << (2, SendRequest(GET))


@pytest.mark.parametrize("event", [UpstreamEnd("refused"), ClientGone("rst")])
def test_a_place_is_free_when_upstream_is(event: Event) -> None:
    play = busy()
    assert play.at(1.0, x=2) >> GET << waits(1)
    assert play.at(2.0, x=1) >> event << passed(event) << (2, SendRequest(GET))


def test_the_body_of_a_request_waits_with_it() -> None:
    play = busy()
    assert play.at(1.0, x=2) >> POST << waits(1)
    assert play >> RequestData(b"ab")
    assert (
        play.at(2.0, x=1)
        >> UpstreamEnd("end")
        << End("end")
        << (2, SendRequest(POST))
        << (2, SendData(b"ab"))
    )
    assert play.at(3.0, x=2) >> RequestData(b"c") << SendData(b"c")
    assert play >> RequestEnd() << SendEnd()


def test_a_long_body_is_read_no_further_meanwhile() -> None:
    play = busy()
    long = bytes(65 * 1024 * 1024)
    assert play.at(1.0, x=2).unheard(POST) >> RequestData(long) << PauseDownstream()
    assert (
        play.at(2.0, x=1)
        >> UpstreamEnd("end")
        << End("end")
        << (2, SendRequest(POST))
        << (2, SendData(long))
        << (2, ResumeDownstream())
    )


def test_who_leaves_the_queue_is_not_started() -> None:
    play = busy(timeout="9s")
    assert play.at(1.0, x=2) >> GET << waits(1) << WakeAt(10 + TIE_S)
    assert play.at(1.0, x=3) >> GET << waits(2) << WakeAt(10 + TIE_S)
    assert play.at(2.0, x=2) >> ClientGone("fin") << NEVER << CloseUpstream("fin")
    assert (
        play.at(3.0, x=1) >> UpstreamEnd("end") << End("end") << (3, NEVER) << (3, SendRequest(GET))
    )


def test_who_waits_too_long_is_answered() -> None:
    play = busy(timeout="5s", timed_out={"status": 504, "body": "later"})
    assert play.at(1.0, x=2) >> GET << waits(1) << WakeAt(6 + TIE_S)
    answer = Answer(504, (("Content-Type", "text/plain"),), b"later")
    assert play.at(7.0, x=2).woke(6 + TIE_S) << answer
    assert play.at(8.0, x=1) >> UpstreamEnd("end") << End("end")
    assert play.at(8.0, x=2) >> CaseOver()
    assert play.at(9.0, x=3) >> GET << SendRequest(GET)


def test_who_had_a_place_at_once_did_not_wait() -> None:
    play = Playbook(queue(max=3)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play.at(0.0, x=2) >> GET << SendRequest(GET)
    assert play.at(1.0, x=2) >> CaseOver() << not_reached("2 of 3 were under way")
    assert play.at(1.0, x=1) >> CaseOver() << not_reached("1 of 3 were under way")


@pytest.mark.parametrize("settings", [{}, {"max": 0}, {"max": 1, "timeout": "0s"}])
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        queue(**settings)

from __future__ import annotations

from typing import ClassVar

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    PauseDownstream,
    PauseUpstream,
    RequestData,
    RequestEnd,
    ResumeDownstream,
    ResumeUpstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
    passed,
)
from harness.faults.latency import Latency
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached


def test_the_response_comes_later_and_the_request_does_not() -> None:
    play = Playbook(Latency(delay_s=0.2))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(1.0) >> OK << fired("down: first delay 0.200 s") << WakeAt(1.2)
    assert play.at(1.1) >> Data(b"a")
    assert play.at(1.25).woke(1.2) << ForwardHead(OK) << WakeAt(1.3)
    assert play.at(2.0).woke(1.3) << Forward(b"a")
    assert play >> CaseOver()


def test_the_end_waits_its_turn() -> None:
    play = Playbook(Latency(delay_s=0.5)).at(0.0)
    assert play >> OK << fired("down: first delay 0.500 s") << WakeAt(0.5)
    assert play >> Data(b"a")
    assert play >> UpstreamEnd("reset")
    assert play.at(1.0).woke(0.5) << ForwardHead(OK) << Forward(b"a") << End("reset")


def test_jitter_never_reorders() -> None:
    draws = iter([1.0, 0.0, 0.5])
    play = Playbook(Latency(delay_s=0.1, jitter_s=1.0), draw=lambda: next(draws)).at(0.0)
    assert play >> OK << fired("down: first delay 1.1 s") << WakeAt(1.1)
    assert play.at(0.5) >> Data(b"a")  # drew 0.1 s, and waits for the head
    assert play.at(0.6) >> Data(b"b")  # drew 0.6 s
    assert play.at(1.15).woke(1.1) << ForwardHead(OK) << Forward(b"a") << WakeAt(1.2)
    assert play.at(2.0).woke(1.2) << Forward(b"b")


def test_who_drew_no_delay_waits_its_turn_too() -> None:
    draws = iter([0.5, 0.0])
    play = Playbook(Latency(delay_s=0.0, jitter_s=1.0), draw=lambda: next(draws)).at(0.0)
    assert play >> OK << fired("down: first delay 0.500 s") << WakeAt(0.5)
    assert play >> Data(b"a")
    assert play.at(1.0).woke(0.5) << ForwardHead(OK) << Forward(b"a")


def test_upwards_the_request_waits_and_so_does_a_leaving_client() -> None:
    play = Playbook(Latency(delay_s=1.0, direction="up")).at(0.0)
    assert play >> GET << fired("up: first delay 1.0 s") << WakeAt(1.0)
    assert play >> RequestData(b"q")
    assert play.at(0.5) >> ClientGone("rst")
    assert play.at(1.0).woke(1.0) << SendRequest(GET) << SendData(b"q") << WakeAt(1.5)
    assert play >> OK << ForwardHead(OK)
    assert play.at(2.0).woke(1.5) << CloseUpstream("rst")


def test_both_ways_the_earlier_one_wakes_first() -> None:
    play = Playbook(Latency(delay_s=1.0, direction="both")).at(0.0)
    assert play >> GET << fired("up: first delay 1.0 s") << WakeAt(1.0)
    assert play.at(0.25) >> RequestEnd()
    assert play.at(0.5) >> OK << WakeAt(1.0)
    assert play.at(1.0).woke(1.0) << SendRequest(GET) << WakeAt(1.25)
    assert play.at(1.3).woke(1.25) << SendEnd() << WakeAt(1.5)
    assert play.at(2.0).woke(1.5) << ForwardHead(OK)


def test_no_delay_passes_at_once() -> None:
    play = Playbook(Latency(delay_s=0.0)).at(0.0)
    assert play >> OK << ForwardHead(OK)
    assert play >> CaseOver() << not_reached("nothing to delay down")


def test_a_refused_connection_is_answered_later() -> None:
    refused = UpstreamEnd("refused")
    play = Playbook(Latency(delay_s=1.0)).at(0.0)
    assert play >> refused << fired("down: first delay 1.0 s") << WakeAt(1.0)
    assert play.at(2.0).woke(1.0) << passed(refused)


def test_its_limit_is_known() -> None:
    assert Latency(delay_s=0.5, jitter_s=0.25).limit_s() == 0.75


class Small(Latency):
    held_bytes: ClassVar[int] = 8


def test_above_its_bound_it_reads_no_further_until_half_is_gone() -> None:
    play = Playbook(Small(delay_s=1.0)).at(0.0)
    assert play >> Data(b"aaaaa", 2) << fired("down: first delay 1.0 s", offset=5) << WakeAt(1.0)
    assert play.at(0.5) >> Data(b"bbbb", 2) << PauseUpstream(2)
    assert play.at(1.0).woke(1.0) << Forward(b"aaaaa") << WakeAt(1.5)  # 4 are no less than half
    assert play.at(1.5).woke(1.5) << Forward(b"bbbb") << ResumeUpstream(2)


def test_above_its_bound_it_reads_no_more_of_a_request_until_half_is_gone() -> None:
    play = Playbook(Small(delay_s=1.0, direction="up")).at(0.0)
    assert play >> GET << fired("up: first delay 1.0 s") << WakeAt(1.0)
    assert play >> RequestData(b"aaaaa")
    assert play.at(0.5) >> RequestData(b"bbbb") << PauseDownstream()
    assert play.at(1.0).woke(1.0) << SendRequest(GET) << SendData(b"aaaaa") << WakeAt(1.5)
    assert play.at(1.5).woke(1.5) << SendData(b"bbbb") << ResumeDownstream()

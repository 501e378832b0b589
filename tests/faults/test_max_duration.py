from __future__ import annotations

import pytest

from harness.faults.base import (
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Forward,
    ForwardHead,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.limit import BeforeHead
from harness.faults.max_duration import MaxDuration
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

FIRED = fired("lasted 15.0 s (limit 15 s)")


def test_heartbeats_do_not_help() -> None:
    play = Playbook(MaxDuration(after_s=15.0))
    assert play.at(1.0) >> GET << SendRequest(GET) << WakeAt(16.001)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(2.0) >> OK << ForwardHead(OK)
    for at_s in (7.0, 12.0):
        assert play.at(at_s) >> Data(b":\n") << Forward(b":\n")
    assert (
        play.at(17.0).woke(16.001)
        << fired("lasted 15.0 s (limit 15 s)", offset=4)
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert play >> Data(b":\n")


@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
def test_ends_as_configured(how: EndHow) -> None:
    play = Playbook(MaxDuration(after_s=15.0, mid_stream=how, upstream="rst")).at(0.0).opened()
    assert play.at(16.0).woke(15.001) << FIRED << End(how) << CloseUpstream("rst")


def test_an_end_at_the_very_instant_of_the_limit_wins() -> None:
    play = Playbook(MaxDuration(after_s=15.0)).at(0.0).opened()
    assert (
        play.at(15.0)
        >> UpstreamEnd("end")
        << NEVER
        << not_reached("lasted 15.0 s of 15 s")
        << End("end")
    )


def test_before_the_head_it_answers() -> None:
    play = Playbook(MaxDuration(after_s=15.0))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert (
        play.at(16.0).woke(15.001)
        << FIRED
        << Answer(504, (("Content-Type", "text/plain"),), b"504 Gateway Timeout\n")
        << CloseUpstream("fin")
    )


def test_before_the_head_it_may_close_without_an_answer() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=BeforeHead(how="truncation")))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(16.0).woke(15.001) << FIRED << End("truncation") << CloseUpstream("fin")


def test_ignored_before_the_head_it_cuts_a_late_head_at_once() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=None))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(20.0).woke(15.001)
    assert (
        play
        >> OK
        << ForwardHead(OK)
        << fired("lasted 20.0 s (limit 15 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_ignored_before_the_head_it_never_fires_without_one() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=None))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(20.0).woke(15.001)
    assert play >> UpstreamEnd("reset") << not_reached("lasted 20.0 s of 15 s") << End("reset")


def test_a_client_that_leaves_disarms_it() -> None:
    play = Playbook(MaxDuration(after_s=15.0)).at(0.0).opened()
    assert (
        play.at(5.0)
        >> ClientGone("fin")
        << NEVER
        << not_reached("lasted 5.0 s of 15 s")
        << CloseUpstream("fin")
    )
    assert play.at(6.0) >> CaseOver()


def test_the_case_may_be_over_first() -> None:
    play = Playbook(MaxDuration(after_s=900.0)).at(0.0).opened()
    assert play.at(12.0) >> CaseOver() << not_reached("lasted 12.0 s of 900 s")


def test_its_limit_is_known() -> None:
    assert MaxDuration(after_s=15.0).limit_s() == 15.0

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
    Note,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.limit import BeforeHead
from harness.faults.max_duration import MaxDuration
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

DID = {"end": "ended", "truncation": "closed", "reset": "reset", "stall": "fell silent"}


def lasted(did: str = "closed") -> Note:
    return fired(f"{did} after 15.0 s (limit 15 s)")


def test_heartbeats_do_not_help() -> None:
    play = Playbook(MaxDuration(after_s=15.0))
    assert play.at(1.0) >> GET << SendRequest(GET) << WakeAt(16.001)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(2.0) >> OK << ForwardHead(OK)
    for at_s in (7.0, 12.0):
        assert play.at(at_s) >> Data(b":\n") << Forward(b":\n")
    assert (
        play.at(17.0).woke(16.001)
        << fired("closed after 15.0 s (limit 15 s)", offset=4)
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert play >> Data(b":\n")


@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
def test_ends_as_configured(how: EndHow) -> None:
    play = Playbook(MaxDuration(after_s=15.0, mid_stream=how, upstream="rst")).at(0.0).opened()
    assert play.at(16.0).woke(15.001) << lasted(DID[how]) << End(how) << CloseUpstream("rst")


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
        << lasted("answered 504")
        << Answer(504, (("Content-Type", "text/plain"),), b"504 Gateway Timeout\n")
        << CloseUpstream("fin")
    )


def test_before_the_head_it_may_close_without_an_answer() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=BeforeHead(how="truncation")))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(16.0).woke(15.001) << lasted() << End("truncation") << CloseUpstream("fin")


def test_ignored_before_the_head_it_cuts_a_late_head_at_once() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=None))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(20.0).woke(15.001)
    assert (
        play
        >> OK
        << ForwardHead(OK)
        << fired("closed after 20.0 s (limit 15 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_ignored_before_the_head_it_never_fires_without_one() -> None:
    play = Playbook(MaxDuration(after_s=15.0, before_head=None))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(20.0).woke(15.001)
    reason = "lasted 20.0 s, nothing came after 15 s"
    assert play >> UpstreamEnd("reset") << not_reached(reason) << End("reset")


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


def test_from_the_head_on() -> None:
    play = Playbook(MaxDuration(after_s=15.0, since="head"))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play.at(30.0) >> OK << ForwardHead(OK) << WakeAt(45.001)
    assert play.at(50.0).woke(45.001) << lasted() << End("truncation") << CloseUpstream("fin")


def test_from_the_head_on_there_has_to_be_one() -> None:
    play = Playbook(MaxDuration(after_s=15.0, since="head"))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert (
        play.at(30.0)
        >> UpstreamEnd("reset")
        << not_reached("the time never began to run")
        << End("reset")
    )


BY_WRITE = MaxDuration(after_s=15.0, fires="next_write", before_head=BeforeHead(how="truncation"))


def test_a_limit_on_writing_is_noticed_by_the_next_write_which_is_lost() -> None:
    play = Playbook(BY_WRITE).at(0.0).opened()
    assert play.at(14.0) >> Data(b"a") << Forward(b"a")
    assert (
        play.at(40.0).woke(15.001)
        >> Data(b"b")
        << fired("closed after 40.0 s (limit 15 s)", offset=2)
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_a_limit_on_writing_leaves_an_idle_stream_open() -> None:
    play = Playbook(BY_WRITE).at(0.0).opened()
    reason = "lasted 90.0 s, nothing came after 15 s"
    assert play.at(90.0).woke(15.001) >> CaseOver() << not_reached(reason)


def test_a_write_at_the_very_instant_of_the_limit_is_in_time() -> None:
    play = Playbook(BY_WRITE).at(0.0).opened()
    assert play.at(15.0) >> Data(b"a") << Forward(b"a")


def test_a_clean_end_is_a_write_too() -> None:
    play = Playbook(BY_WRITE).at(0.0).opened()
    assert (
        play.at(20.0).woke(15.001)
        >> UpstreamEnd("end")
        << fired("closed after 20.0 s (limit 15 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_so_is_a_late_head() -> None:
    play = Playbook(BY_WRITE)
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert (
        play.at(20.0).woke(15.001)
        >> OK
        << fired("closed after 20.0 s (limit 15 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_ignored_before_the_head_the_first_write_after_a_late_head_is_lost() -> None:
    play = Playbook(MaxDuration(after_s=15.0, fires="next_write", before_head=None))
    assert play.at(0.0) >> GET << SendRequest(GET) << WakeAt(15.001)
    assert play.at(20.0).woke(15.001) >> OK << ForwardHead(OK)
    assert (
        play
        >> Data(b"a")
        << fired("closed after 20.0 s (limit 15 s)", offset=1)
        << End("truncation")
        << CloseUpstream("fin")
    )

from __future__ import annotations

import pytest

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    passed,
)
from harness.faults.late_headers import LateHeaders
from tests.testkit.playbook import GET, OK, Playbook, defeated, fired, not_reached


def answered() -> Playbook:
    """The head came at 1 s."""
    play = Playbook(LateHeaders()).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(1.0) >> OK
    return play


def test_the_head_waits_for_the_first_byte() -> None:
    play = answered()
    assert (
        play.at(3.0)
        >> Data(b"a")
        << fired("head held for 2.0 s", offset=1)
        << ForwardHead(OK)
        << Forward(b"a")
    )
    assert play.at(4.0) >> Data(b"b") << Forward(b"b")
    assert play.at(5.0) >> UpstreamEnd("end") << End("end")


def test_a_first_byte_with_the_head_defeats_it() -> None:
    assert (
        answered()
        >> Data(b":\n")
        << defeated("the first byte came with the head", offset=2)
        << ForwardHead(OK)
        << Forward(b":\n")
    )


@pytest.mark.parametrize(
    "end", [UpstreamEnd("end"), UpstreamEnd("truncation"), UpstreamEnd("reset", is_dropping=True)]
)
def test_an_end_lets_it_go(end: UpstreamEnd) -> None:
    play = answered()
    assert play.at(9.0) >> end << fired("head held for 8.0 s") << ForwardHead(OK) << passed(end)


def test_an_end_with_the_head_gave_it_no_chance() -> None:
    end = UpstreamEnd("end")
    reason = "no head waited for a body"
    assert answered() >> end << not_reached(reason) << ForwardHead(OK) << End("end")


def test_a_client_may_leave_without_having_seen_a_head() -> None:
    play = answered()
    assert play.at(9.0) >> ClientGone("fin") << fired("head held for 8.0 s") << CloseUpstream("fin")


def test_the_case_may_be_over_first() -> None:
    play = answered()
    assert play.at(61.0) >> CaseOver() << fired("head held for 60.0 s")


def test_without_a_head_it_is_not_reached() -> None:
    refused = UpstreamEnd("refused")
    play = Playbook(LateHeaders()).at(0.0)
    assert play >> refused << not_reached("no head waited for a body") << passed(refused)

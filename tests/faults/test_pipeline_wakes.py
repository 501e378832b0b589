"""A pipeline has one wake, its stages have one each."""

from __future__ import annotations

import math

import pytest

from harness.faults.base import (
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestEnd,
    ResponseHead,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
)
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.limit import BeforeHead
from harness.faults.pipeline import Pipeline
from tests.faults.staged import Script, half, pipeline
from tests.testkit.playbook import GET, NEVER, OK, fired, not_reached


def test_asks_for_the_earliest_wake_and_only_when_it_changed() -> None:
    play = pipeline(IdleTimeout(after_s=10.0).start(half), IdleTimeout(after_s=5.0).start(half))
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(5.001)
    assert play.at(2.0) >> OK << ForwardHead(OK) << WakeAt(7.001)
    assert (
        play.at(3.0)
        >> UpstreamEnd("end")
        << not_reached("longest silence 2.0 s of 10 s")
        << not_reached("longest silence 2.0 s of 5 s", stage=1)
        << End("end")
        << NEVER
    )


def test_the_same_wake_is_asked_for_once() -> None:
    stage = Script({Data(b"a"): [WakeAt(9.0)], Data(b"b"): [WakeAt(9.0)]})
    play = pipeline(stage).opened()
    assert play >> Data(b"a") << WakeAt(9.0)
    assert play >> Data(b"b")


def test_wakes_only_who_is_due() -> None:
    early = Script({Data(b"a"): [WakeAt(1.0), Forward(b"a")]})
    late = Script({Data(b"a"): [WakeAt(2.0)]})
    play = pipeline(early, late).opened()
    assert play >> Data(b"a") << WakeAt(1.0)
    assert play.at(1.5).woke(1.0) << WakeAt(2.0)
    assert (1, Wake()) in early.heard
    assert (1, Wake()) not in late.heard
    assert play.at(3.0).woke(2.0)
    assert late.heard[-1] == (1, Wake())


def test_of_equal_limits_the_one_nearest_upstream_fires() -> None:
    play = pipeline(
        IdleTimeout(after_s=1.0, before_head=BeforeHead(status=502)).start(half),
        IdleTimeout(after_s=1.0).start(half),
    )
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(1.001)
    head = ResponseHead(
        502, (("Content-Type", "text/plain"), ("Content-Length", "16")), framing="length"
    )
    assert (
        play.at(2.0).woke(1.001)
        << fired("answered 502 after 1.0 s of silence (limit 1 s)")
        << CloseUpstream("fin")
        << ForwardHead(head)
        << Forward(b"502 Bad Gateway\n")
        << not_reached("longest silence 1.0 s of 1 s", offset=16, stage=1)
        << End("end")
    )


@pytest.mark.parametrize("early_s", [0.0, 1e-10])
def test_a_wake_may_come_a_rounding_error_early(early_s: float) -> None:
    stage = Script({Data(b"a"): [WakeAt(1.0)]})
    fault = Pipeline([stage])
    for event in (GET, Data(b"a")):
        fault.step(0.0, 1, event)
    assert fault.step(1.0 - early_s, 1, Wake()) == []
    assert stage.heard[-1] == (1, Wake())


def test_a_wake_that_comes_too_early_is_asked_for_again() -> None:
    stage = Script({Data(b"a"): [WakeAt(1.0)]})
    fault = Pipeline([stage])
    for event in (GET, Data(b"a")):
        fault.step(0.0, 1, event)
    assert fault.step(0.5, 1, Wake()) == [(1, WakeAt(1.0))]
    assert stage.heard[-1] == (1, Data(b"a"))


def test_a_wake_may_be_for_another_exchange() -> None:
    stage = Script({Data(b"a"): [(2, WakeAt(5.0)), (2, WakeAt(4.0))]})
    play = pipeline(stage)
    play.at(0.0, x=2).opened()
    play.at(0.0, x=1).opened()
    assert play >> Data(b"a") << (2, WakeAt(4.0))
    assert play.at(9.0).woke(4.0, x=2)
    assert stage.heard[-1] == (2, Wake())


def test_infinity_cancels_a_wake() -> None:
    stage = Script({Data(b"a"): [WakeAt(5.0)], Data(b"b"): [WakeAt(math.inf)]})
    play = pipeline(stage).opened()
    assert play >> Data(b"a") << WakeAt(5.0)
    assert play >> Data(b"b") << NEVER
    assert play.at(9.0)

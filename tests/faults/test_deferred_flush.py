from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    PauseUpstream,
    ResumeUpstream,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.deferred_flush import DeferredFlush
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import NEVER, OK, Playbook, fired, not_reached

HAPROXY = DeferredFlush(after_s=0.2, hold_head=True)
APACHE = DeferredFlush(after_s=0.2, joins=False)


def test_a_burst_goes_out_a_fixed_time_after_its_first_byte() -> None:
    play = Playbook(DeferredFlush(after_s=0.2)).at(0.0).opened()
    assert (
        play.at(1.0)
        >> Data(b"a")
        << fired("1B held, goes out after 200ms", offset=1)
        << WakeAt(1.201)
    )
    assert play.at(1.1) >> Data(b"b")
    assert play.at(1.2) >> Data(b"c")  # at the very instant: joins
    assert play.at(1.3).woke(1.201) << Forward(b"abc")
    assert play >> Data(b"d") << WakeAt(1.501)
    assert play.at(2.0).woke(1.501) << Forward(b"d")


def test_the_head_may_begin_a_burst() -> None:
    play = Playbook(HAPROXY).at(0.0)
    assert play >> OK << fired("head held, goes out after 200ms") << WakeAt(0.201)
    assert play.at(0.1) >> Data(b"a")
    assert play.at(1.0).woke(0.201) << ForwardHead(OK) << Forward(b"a")


def test_a_head_alone_does_not_wait_for_bytes() -> None:
    play = Playbook(HAPROXY).at(0.0)
    assert play >> OK << fired("head held, goes out after 200ms") << WakeAt(0.201)
    assert play.at(1.0).woke(0.201) << ForwardHead(OK)


def test_an_end_sends_what_waits_at_once() -> None:
    play = Playbook(HAPROXY).at(0.0)
    assert play >> OK << fired("head held, goes out after 200ms") << WakeAt(0.201)
    assert play.at(0.1) >> Data(b"a")
    assert (
        play
        >> UpstreamEnd("truncation")
        << NEVER
        << ForwardHead(OK)
        << Forward(b"a")
        << End("truncation")
    )


def test_an_end_of_what_is_dropped_loses_the_bytes_that_wait() -> None:
    play = Playbook(HAPROXY).at(0.0)
    assert play >> OK << fired("head held, goes out after 200ms") << WakeAt(0.201)
    assert play.at(0.1) >> Data(b"a")
    end = UpstreamEnd("reset", is_dropping=True)
    assert play >> end << NEVER << ForwardHead(OK) << End("reset", is_dropping=True)


def test_who_sleeps_before_it_writes_reads_on_after_it() -> None:
    play = Playbook(APACHE).at(0.0).opened()
    assert play >> Data(b"a") << fired("1B held, goes out after 200ms", offset=1) << WakeAt(0.201)
    assert play.at(0.05) >> Data(b"b")
    assert play.at(0.15) >> Data(b"c")
    assert play.at(0.3).woke(0.201) << Forward(b"a") << WakeAt(0.402)
    assert play.at(0.35) >> Data(b"d")  # read after the write of b and c
    assert play.at(0.5).woke(0.402) << Forward(b"bc") << WakeAt(0.603)
    assert play.at(1.0).woke(0.603) << Forward(b"d")


def test_there_the_end_waits_too() -> None:
    play = Playbook(APACHE).at(0.0).opened()
    assert play >> Data(b"a") << fired("1B held, goes out after 200ms", offset=1) << WakeAt(0.201)
    assert play.at(0.1) >> UpstreamEnd("end")
    assert play.at(0.3).woke(0.201) << Forward(b"a") << WakeAt(0.402)
    assert play.at(0.5).woke(0.402) << End("end")


def test_there_an_end_of_what_is_dropped_does_not() -> None:
    play = Playbook(APACHE).at(0.0).opened()
    assert play >> Data(b"a") << fired("1B held, goes out after 200ms", offset=1) << WakeAt(0.201)
    assert play.at(0.1) >> Data(b"b")
    end = UpstreamEnd("truncation", is_dropping=True)
    assert play >> end << NEVER << End("truncation", is_dropping=True)


def test_an_end_with_nothing_before_it_does_not_wait() -> None:
    play = Playbook(APACHE).at(0.0).opened()
    reason = "nothing came to defer"
    assert play.at(1.0) >> UpstreamEnd("end") << not_reached(reason) << End("end")


def test_a_client_that_leaves_is_passed_on() -> None:
    play = Playbook(DeferredFlush(after_s=0.2)).at(0.0).opened()
    reason = "nothing came to defer"
    assert play >> ClientGone("rst") << not_reached(reason) << CloseUpstream("rst")
    assert play >> CaseOver()


class Small(DeferredFlush):
    held_bytes: ClassVar[int] = 4


def test_above_its_bound_it_reads_no_further_until_the_flush() -> None:
    play = Playbook(Small(after_s=0.2)).at(0.0).opened()
    assert (
        play
        >> Data(b"abcde", 2)
        << fired("5B held, goes out after 200ms", offset=5)
        << WakeAt(0.201)
        << PauseUpstream(2)
    )
    assert play.at(1.0).woke(0.201) << Forward(b"abcde") << ResumeUpstream(2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({}, "Field required"), ({"after": "0s"}, "greater than 0"), ({"after": 1}, "with a unit")],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DeferredFlush.model_validate(settings, context=YAML_CONTEXT)


@pytest.mark.parametrize(("config", "limit_s"), [(HAPROXY, 0.2), (APACHE, 0.4)])
def test_its_limit_is_known(config: DeferredFlush, limit_s: float) -> None:
    assert config.limit_s() == limit_s

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.lag_one_event import LagOneEvent
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import NEVER, Playbook, fired, not_reached


def opened(config: LagOneEvent) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_each_read_goes_out_with_the_next_one() -> None:
    play = opened(LagOneEvent())
    assert play.at(1.0) >> Data(b"abc") << fired("3B kept until the next read", offset=3)
    assert play.at(2.0) >> Data(b"d") << Forward(b"abc")
    assert play.at(9.0) >> Data(b":\n") << Forward(b"d")
    assert play.at(10.0) >> UpstreamEnd("end") << Forward(b":\n") << End("end")


def test_a_tail_alone_may_be_kept() -> None:
    play = opened(LagOneEvent(keep_bytes=2))
    assert (
        play.at(1.0)
        >> Data(b"abcde")
        << Forward(b"abc")
        << fired("2B kept until the next read", offset=5)
    )
    assert play.at(2.0) >> Data(b"f") << Forward(b"de")
    assert play.at(3.0) >> Data(b"ghi") << Forward(b"fg")
    assert play.at(4.0) >> UpstreamEnd("reset") << Forward(b"hi") << End("reset")


def test_what_is_dropped_is_kept_from_the_client() -> None:
    play = opened(LagOneEvent())
    assert play >> Data(b"a") << fired("1B kept until the next read", offset=1)
    end = UpstreamEnd("truncation", is_dropping=True)
    assert play >> end << End("truncation", is_dropping=True)


def test_it_may_be_kept_for_some_time_only() -> None:
    play = opened(LagOneEvent(flush_after_s=2.0))
    reason = "1B kept until the next read, or for 2s"
    assert play.at(1.0) >> Data(b"a") << fired(reason, offset=1) << WakeAt(3.001)
    assert play.at(2.0) >> Data(b"b") << Forward(b"a") << WakeAt(4.001)
    assert play.at(5.0).woke(4.001) << Forward(b"b")
    assert play >> Data(b"c") << WakeAt(7.001)
    assert play >> UpstreamEnd("end") << NEVER << Forward(b"c") << End("end")


def test_without_a_body_byte_it_is_not_reached() -> None:
    play = opened(LagOneEvent(flush_after_s=2.0))
    assert play >> UpstreamEnd("end") << not_reached("no body byte came") << End("end")


def test_a_client_that_leaves_is_passed_on() -> None:
    play = opened(LagOneEvent())
    assert play >> Data(b"a") << fired("1B kept until the next read", offset=1)
    assert play >> ClientGone("rst") << CloseUpstream("rst")
    assert play >> CaseOver()


@pytest.mark.parametrize("settings", [{"keep": "0B"}, {"flush_after": "0s"}])
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        LagOneEvent.model_validate(settings, context=YAML_CONTEXT)


def test_its_limit_is_known() -> None:
    assert LagOneEvent(flush_after_s=2.0).limit_s() == 2.0

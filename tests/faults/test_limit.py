"""What the limits have in common: how they end an exchange."""

from __future__ import annotations

import pytest

from harness.faults.base import (
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    RequestEnd,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.first_byte_timeout import FirstByteTimeout
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.limit import Limit
from harness.faults.max_duration import MaxDuration
from tests.testkit.playbook import GET, NEVER, Playbook, fired

REASONS = {
    IdleTimeout: "after 15.0 s of silence (limit 15 s)",
    MaxDuration: "after 15.0 s (limit 15 s)",
    FirstByteTimeout: "after 15.0 s without a byte (limit 15 s)",
}


def up(limit: type[Limit]) -> Playbook:
    """The limit was up at 15 s; the client's end is to come a second later."""
    more = {"until": "body"} if limit is FirstByteTimeout else {}
    config = limit.model_validate({"after_s": 15.0, "client_after_s": 1.0, **more})
    play = Playbook(config).at(0.0).opened()
    assert (
        play.at(15.5).woke(15.001)
        << fired(f"closed {REASONS[limit]}")
        << CloseUpstream("fin")
        << WakeAt(16.001)
    )
    return play


@pytest.mark.parametrize("limit", REASONS)
def test_the_end_may_reach_the_client_later_than_upstream(limit: type[Limit]) -> None:
    play = up(limit)
    assert play.at(20.0).woke(16.001) << End("truncation")
    assert play >> CaseOver()


@pytest.mark.parametrize("limit", REASONS)
def test_nothing_is_passed_on_meanwhile(limit: type[Limit]) -> None:
    play = up(limit)
    assert play >> Data(b"late")
    assert play >> UpstreamEnd("end")
    assert play.at(20.0).woke(16.001) << End("truncation")


@pytest.mark.parametrize("limit", REASONS)
def test_a_client_may_leave_meanwhile(limit: type[Limit]) -> None:
    assert up(limit) >> ClientGone("rst") << NEVER << CloseUpstream("rst")


@pytest.mark.parametrize("limit", REASONS)
def test_an_answer_before_the_head_comes_at_once(limit: type[Limit]) -> None:
    play = Playbook(limit.model_validate({"after_s": 15.0, "client_after_s": 1.0})).at(0.0)
    assert play.unheard(GET, RequestEnd())
    assert (
        play.at(15.5).woke(15.001)
        << fired(f"answered 504 {REASONS[limit]}")
        << Answer(504, (("Content-Type", "text/plain"),), b"504 Gateway Timeout\n")
        << CloseUpstream("fin")
    )

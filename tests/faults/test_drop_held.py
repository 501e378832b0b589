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
    UpstreamEnd,
    UpstreamEndHow,
    passed,
)
from harness.faults.buffer import Buffer
from harness.faults.drop_held import DropHeld
from harness.faults.pipeline import Pipeline
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached

NOTHING = not_reached("upstream broke nothing off")


def test_marks_the_ends_it_passes() -> None:
    play = Playbook(DropHeld()).at(0.0)
    assert play >> GET << passed(GET)
    assert play >> OK << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")
    assert (
        play
        >> UpstreamEnd("truncation")
        << fired("truncation: what is held is lost", offset=1)
        << End("truncation", is_dropping=True)
    )


@pytest.mark.parametrize("how", ["end", "truncation"])
def test_passes_other_ends_as_they_are(how: UpstreamEndHow) -> None:
    play = Playbook(DropHeld(on=("reset",))).at(0.0).opened()
    assert play >> UpstreamEnd(how) << NOTHING << passed(UpstreamEnd(how))


def test_a_client_may_leave_first() -> None:
    play = Playbook(DropHeld()).at(0.0).opened()
    assert play >> ClientGone("rst") << NOTHING << CloseUpstream("rst")
    assert play >> CaseOver()


def test_what_a_buffer_downstream_holds_is_lost() -> None:
    stages = [DropHeld(on=("reset",)), Buffer(block_bytes=8)]
    play = Playbook(Pipeline([it.start(lambda: 0.5) for it in stages])).at(0.0).opened()
    assert play >> Data(b"abc") << fired("3B held, waits for a block of 8B", offset=3, stage=1)
    assert (
        play
        >> UpstreamEnd("reset")
        << fired("reset: what is held is lost", offset=3)
        << End("reset", is_dropping=True)
    )

from __future__ import annotations

import math

import pytest

from harness.checks.first_byte_within import FirstByteWithin
from harness.model.journal import ClientHead, HopForwardedHead, Journal
from tests.checks.judging import only
from tests.testkit.journals import HTML, Stage

CHECK = FirstByteWithin(within_s=5.0)


def good() -> Journal:
    stage = Stage()
    stage.connect(0.0).event(2.0, 1)
    return stage.journal()


def target_is_silent() -> Journal:
    stage = Stage()
    stage.connect(0.0).event(20.0, 1)
    return stage.journal()


def hop_holds_it() -> Journal:
    stage = Stage(hops=2)
    stage.connect(0.0).event(1.0, 1, arrives_s=31.0, held_at=2)
    return stage.journal()


def never_comes() -> Journal:
    stage = Stage()
    stage.connect(0.0)
    return stage.journal(over_s=60.0)


def answered_504() -> Journal:
    stage = Stage()
    stage.answer(0.0, 504, by=1, at_s=60.0)
    return stage.journal()


def answered_504_while_another_hop_held_it() -> Journal:
    stage = Stage(hops=2)
    link = stage.connect(0.0, head_s=math.inf)
    link.event(1.0, 1, lost_at=2)
    x = link.hop_x[1]
    stage.hop(60.0, HopForwardedHead(hop=1, x=x, status=504, headers=HTML, is_answer=True))
    stage.put(60.0, ClientHead(client=1, x=1, status=504, version="HTTP/1.1", headers=HTML))
    link.client_read(60.0, b"too late")
    link.cut(60.0, hop=1, how="end")
    return stage.journal()


BROKEN = {
    "target is silent": target_is_silent,
    "hop holds it": hop_holds_it,
    "never comes": never_comes,
    "answered 504": answered_504,
    "answered 504, held": answered_504_while_another_hop_held_it,
}


def test_says_after_how_long_it_came() -> None:
    finding = only(CHECK, good())
    assert finding.observed == "after 2.0 s at most"
    assert finding.margin == 3.0


@pytest.mark.parametrize(
    ("journal", "hop", "margin", "fix"),
    [
        (target_is_silent(), None, -15.0, "comment"),
        (hop_holds_it(), 2, -26.0, "hop 2"),
        (never_comes(), None, -55.0, "comment"),
        (answered_504(), 1, -55.0, "hop 1"),
        (answered_504_while_another_hop_held_it(), 2, -55.0, "hop 2"),
    ],
)
def test_tells_which_side_is_late(
    journal: Journal, hop: int | None, margin: float, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert finding.outcome == "FAIL"
    assert finding.hop == hop
    assert finding.margin == margin
    assert fix in finding.fix


def test_a_byte_at_the_very_bound_is_in_time() -> None:
    stage = Stage()
    stage.connect(0.0).event(5.0, 1)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_every_attempt_counts_not_the_first_alone() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1)
    first.cut(10.0, hop=1)
    stage.connect(11.0, last_id="1").event(30.0, 2)
    finding = only(CHECK, stage.journal())
    assert finding.margin == -14.0
    assert "1 of 2 responses late" in finding.observed


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_a_client_that_leaves_before_the_bound_shows_nothing(
    is_reference: bool, outcome: str
) -> None:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0).leave(2.0)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_a_204_is_no_late_stream() -> None:
    stage = Stage()
    stage.connect(0.0).event(1.0, 1)
    stage.connect(20.0, status=204, head_s=40.0).end(40.0)
    assert only(CHECK, stage.journal()).outcome == "PASS"

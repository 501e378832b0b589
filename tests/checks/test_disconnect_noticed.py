from __future__ import annotations

import math

import pytest

from harness.checks.disconnect_noticed import DisconnectNoticed
from harness.model.journal import Journal
from tests.checks.judging import judged, only
from tests.testkit.journals import Stage

CHECK = DisconnectNoticed(within_s=5.0)


def left(**how: float) -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.leave(10.0, **how)  # type: ignore[arg-type]  # numbers only
    return stage.journal()


def good() -> Journal:
    return left(seen_s=10.5, handler_s=12.0)


def swallowed_by_a_hop() -> Journal:
    return left(stuck_at=2)


def handler_goes_on() -> Journal:
    return left(handler_s=math.inf)


def handler_is_late() -> Journal:
    return left(handler_s=25.0)


def target_is_late() -> Journal:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.leave(10.0, seen_s=20.0)
    return stage.journal()


BROKEN = {
    "swallowed by a hop": swallowed_by_a_hop,
    "handler goes on": handler_goes_on,
    "handler is late": handler_is_late,
    "target is late": target_is_late,
}


def test_says_how_long_it_took() -> None:
    finding = only(CHECK, good())
    assert finding.observed == "noticed after 2.0 s"
    assert finding.margin == 3.0


@pytest.mark.parametrize(
    ("journal", "hop", "observed", "fix"),
    [
        (
            swallowed_by_a_hop(),
            2,
            "not noticed 90.0 s after client 1 closed at 10.0 s",
            "let hop 2 close its side upstream",
        ),
        (
            handler_goes_on(),
            None,
            "not noticed 90.0 s after client 1 closed at 10.0 s",
            "end the handler",
        ),
        (
            handler_is_late(),
            None,
            "noticed only 15.0 s after client 1 closed at 10.0 s",
            "end the handler",
        ),
        (
            target_is_late(),
            None,
            "noticed only 10.0 s after client 1 closed at 10.0 s",
            "read from the connection",
        ),
    ],
)
def test_tells_the_hop_that_keeps_it_from_the_handler_that_ignores_it(
    journal: Journal, hop: int | None, observed: str, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert (finding.hop, finding.observed) == (hop, observed)
    assert fix in finding.fix


def test_a_real_hop_alone_is_known_by_what_the_others_passed_on() -> None:
    stage = Stage(hops=2, recorded={1})
    stage.connect(0.0).leave(10.0, stuck_at=2)
    assert only(CHECK, stage.journal()).hop == 2


def test_an_unnoticed_half_close_is_a_warning() -> None:
    stage = Stage()
    stage.connect(0.0).leave(10.0, by="half-close", stuck_at=1)
    assert only(CHECK, stage.journal()).outcome == "WARN"


def test_a_case_that_ends_too_soon_shows_nothing() -> None:
    stage = Stage()
    stage.connect(0.0).leave(98.0, stuck_at=1)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "INCONCLUSIVE"
    assert finding.observed == "watched for 2.0 s after it"


def test_every_client_that_is_not_noticed_is_a_finding() -> None:
    stage = Stage()
    for client in (1, 2):
        stage.connect(0.0, client=client).leave(10.0, stuck_at=1)
    stage.connect(0.0, client=3).leave(10.0)
    assert [it.outcome for it in judged(CHECK, stage.journal())] == ["FAIL", "FAIL"]


def test_a_response_that_was_over_cannot_be_left() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.end(5.0)
    stage.connect(6.0, status=204).end(6.0)
    assert only(CHECK, stage.journal()).outcome == "INCONCLUSIVE"


def test_nobody_leaving_rules_it_out_for_a_foreign_target() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0).events(1, 3)
    assert only(CHECK, stage.journal()).outcome == "SKIP"

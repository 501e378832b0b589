from __future__ import annotations

import pytest

from harness.checks.evidence import Evidence
from harness.checks.precondition import unmet
from harness.model.scenario import Silence, Traffic
from tests.testkit.journals import Stage

QUIET = Traffic(silence=(Silence(from_s=10.0, to_s=70.0),))


def foreign(traffic: Traffic | None, *times_s: float, is_reference: bool = False) -> Evidence:
    stage = Stage(is_reference=is_reference, traffic=traffic)
    stream = stage.connect(0.0)
    for seq, t_s in enumerate(times_s, 1):
        stream.event(t_s, seq)
    return Evidence.of(stage.journal())


def test_a_silence_that_is_asked_has_to_be_there() -> None:
    missing = unmet(foreign(QUIET, *range(1, 100)))
    assert missing is not None
    assert missing.observed == "longest silence 1.0 s of 60.0 s"
    assert missing.margin_s == -59.0


def test_a_silence_runs_over_reconnects() -> None:
    stage = Stage(is_reference=False, traffic=QUIET)
    first = stage.connect(0.0)
    first.events(1, 10)
    first.cut(40.0, hop=1)
    stage.connect(41.0).events(11, 30, from_s=71.0)
    assert unmet(Evidence.of(stage.journal())) is None


def test_a_beat_that_is_asked_has_to_be_kept() -> None:
    missing = unmet(foreign(Traffic(every_s=1.0), 10.0, 20.0, 30.0))
    assert missing is not None
    assert missing.expected == "an event about every 1.0 s"
    assert missing.observed == "3 events, 10.0 s apart"


@pytest.mark.parametrize(
    ("traffic", "times_s", "is_reference"),
    [
        (Traffic(every_s=1.0), tuple(range(1, 100)), False),
        (Traffic(every_s=10.0), tuple(range(1, 100)), False),
        (None, (), False),
        (QUIET, tuple(range(1, 100)), True),
    ],
)
def test_what_is_met_or_not_asked_is_no_obstacle(
    traffic: Traffic | None, times_s: tuple[int, ...], is_reference: bool
) -> None:
    assert unmet(foreign(traffic, *times_s, is_reference=is_reference)) is None

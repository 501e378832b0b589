from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.checks.base import bounded
from harness.checks.no_event_lost import NoEventLost
from harness.checks.stays_open import StaysOpen
from harness.model.journal import StageClipped
from harness.units import YAML_CONTEXT
from tests.checks.judging import only
from tests.testkit.journals import Stage


@pytest.mark.parametrize(
    ("value", "for_s"),
    [("200s", 200.0), ({"for": "3m20s"}, 200.0), (True, None), ({}, None)],
)
def test_a_bare_value_is_short_for_the_mapping(value: object, for_s: float | None) -> None:
    assert StaysOpen.model_validate(value, context=YAML_CONTEXT).for_s == for_s


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (200, "expected a duration with a unit such as 30s or 250ms, got 200"),
        ("soon", "expected a duration with a unit such as 30s or 250ms, got soon"),
        (None, "expected true, false or a mapping, got nothing"),
        ({"untill": "200s"}, "Extra inputs are not permitted"),
    ],
)
def test_a_value_that_is_no_bound_is_an_error(value: object, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        StaysOpen.model_validate(value, context=YAML_CONTEXT)
    assert [it["msg"] for it in raised.value.errors()] == [message]


def test_a_check_without_a_short_form_takes_no_bare_value() -> None:
    with pytest.raises(ValidationError, match="expected true, false or a mapping, got 5s"):
        NoEventLost.model_validate("5s", context=YAML_CONTEXT)


def test_evidence_is_bounded_to_its_first_and_last_entries() -> None:
    assert bounded([5, 3, 3, -1]) == (3, 5)
    assert bounded(range(20)) == (0, 1, 2, 3, 16, 17, 18, 19)


def test_a_journal_that_says_it_is_clipped_is_clipped() -> None:
    stage = Stage()
    stage.connect(0.0).event(1.0, 1)
    stage.put(0.5, StageClipped(limit_bytes=1))
    finding = only(NoEventLost(), stage.journal())
    assert finding.outcome == "INCONCLUSIVE"
    assert "clipped" in finding.observed

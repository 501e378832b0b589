"""Every registered fault: documented, tested, and held to the contract."""

from __future__ import annotations

import re
from dataclasses import replace
from inspect import getdoc, ismethod
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.faults.base import FaultConfig
from harness.faults.registry import FAULTS, settings_of
from harness.wire.headers import without
from tests.faults.subjects import BY_FAULT, PIPELINES
from tests.testkit.contract import check_fault, run
from tests.testkit.driver import Subject
from tests.testkit.plans import SIZED, Plan, plans

# Reproducible: the same examples in every run, on every machine.
thorough = settings(max_examples=60, derandomize=True, deadline=None, database=None)

SUBJECTS = {**BY_FAULT, "pipeline": PIPELINES}

# What a server says to intermediaries, and what it says of the body.
FIELDS = (
    ("X-Accel-Buffering", "no"),
    ("Cache-Control", "no-store, no-transform"),
    ("Cache-Control", "max-age=60"),
    ("Content-Encoding", "gzip"),
    ("Set-Cookie", "a=b"),
    ("ETag", '"v1"'),
    ("Vary", "Accept-Encoding"),
    ("Age", "7"),
)


@pytest.mark.parametrize("fault", SUBJECTS)
@thorough
@given(data=st.data(), plan=plans(), seed=st.integers(0, 99))
def test_keeps_the_contract(fault: str, data: st.DataObject, plan: Plan, seed: int) -> None:
    setting = data.draw(st.sampled_from(list(SUBJECTS[fault])), label="setting")
    check_fault(SUBJECTS[fault][setting], plan, seed)


@pytest.mark.parametrize(
    ("fault", "setting"), [(it, setting) for it in SUBJECTS for setting in SUBJECTS[it]]
)
def test_keeps_it_with_everything_that_may_be_said_under_its_length(
    fault: str, setting: str
) -> None:
    check_fault(SUBJECTS[fault][setting], SIZED)


@pytest.mark.parametrize("fault", FAULTS)
@thorough
@given(data=st.data(), plan=plans())
def test_passes_on_a_field_it_does_not_heed_and_does_the_same(
    fault: str, data: st.DataObject, plan: Plan
) -> None:
    made = {name: it.start.__self__ for name, it in BY_FAULT[fault].items() if ismethod(it.start)}
    setting = data.draw(st.sampled_from(list(made)), label="setting")
    name, text = data.draw(st.sampled_from(FIELDS), label="field")
    config = made[setting]
    assert isinstance(config, FaultConfig)
    assume(not config.heeds(name.lower()))
    subject = BY_FAULT[fault][setting]

    assert done(subject, plan.answered_with(name, text), name) == done(subject, plan, name)


def done(subject: Subject, plan: Plan, name: str) -> list[object]:
    """What came of each exchange, but for one field that the head may have."""
    return [
        (
            bytes(it.forwarded),
            it.end,
            it.outcomes,
            it.is_closed,
            it.request_sent,
            it.head_out and replace(it.head_out, headers=without(it.head_out.headers, [name])),
        )
        for it in run(subject, plan).seen.values()
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_is_held_to_the_contract(fault: str) -> None:
    assert BY_FAULT.get(fault), f"no row in tests/faults/subjects.py for {fault}"


@pytest.mark.parametrize("fault", FAULTS)
def test_has_a_test_of_its_own(fault: str) -> None:
    tests = Path(__file__).with_name(f"test_{fault}.py")
    assert "def test_" in tests.read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS)
def test_is_documented(fault: str) -> None:
    doc = getdoc(FAULTS[fault]) or ""
    names = [name for name, _ in settings_of(FAULTS[fault])]
    for section in ("Models: ", "Conserves: ", *(["Args:"] if names else []), "Journal: "):
        assert re.search(f"(?m)^{section}", doc), f"{fault} lacks {section}"
    for name in names:
        assert re.search(rf"(?m)^    {name}: ", doc), f"{fault} does not explain {name}"

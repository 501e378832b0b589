"""Every registered check has its tests, a journal that passes it and journals that fail it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from inspect import getdoc
from pathlib import Path

import msgspec
import pytest

from harness.checks.base import MOST_ENTRIES, CheckConfig
from harness.checks.registry import CHECKS
from harness.model.journal import ClientRead, Journal, Payload, TapRead
from tests.checks.judging import judged


def transcript(
    name: str,
) -> tuple[CheckConfig, Callable[[], Journal], dict[str, Callable[[], Journal]]]:
    module = importlib.import_module(f"tests.checks.test_{name}")
    return module.CHECK, module.good, module.BROKEN


def file_of(name: str) -> Path:
    return Path(__file__).with_name(f"test_{name}.py")


# One without its tests is told so by name below, and keeps no other from being tested.
TESTED = [name for name in CHECKS if file_of(name).exists()]
BROKEN = [(name, twin) for name in TESTED for twin in transcript(name)[2]]


@pytest.mark.parametrize("name", CHECKS)
def test_is_one_file_named_like_its_key_and_its_class(name: str) -> None:
    check = CHECKS[name]
    assert check.__module__ == f"harness.checks.{name}"
    assert check.__name__ == name.title().replace("_", "")
    assert file_of(name).exists(), f"there is no tests/checks/test_{name}.py"


@pytest.mark.parametrize("name", CHECKS)
def test_says_what_every_bound_means(name: str) -> None:
    doc = getdoc(CHECKS[name]) or ""
    for bound in CHECKS[name].model_fields:
        assert re.search(rf"(?m)^    {bound}: ", doc), f"{name} does not explain {bound}"


@pytest.mark.parametrize("name", TESTED)
def test_passes_a_good_journal(name: str) -> None:
    check, good, _ = transcript(name)
    findings = judged(check, good())
    assert [it.outcome for it in findings] == ["PASS"]
    assert findings[0].expected
    assert findings[0].observed


@pytest.mark.parametrize("name", TESTED)
def test_has_a_broken_twin(name: str) -> None:
    assert transcript(name)[2]


@pytest.mark.parametrize(("name", "twin"), BROKEN)
def test_fails_the_broken_twin_and_says_why(name: str, twin: str) -> None:
    check, _, broken = transcript(name)
    journal = broken[twin]()
    failed = [it for it in judged(check, journal) if it.outcome == "FAIL"]
    assert failed
    for it in failed:
        assert it.check == name
        assert it.expected
        assert it.observed
        assert it.fix
        assert it.confirm
        assert it.source.startswith("https://")
        assert "\n" not in it.fix + it.confirm + it.observed
        assert 0 < len(it.evidence) <= MOST_ENTRIES
        assert all(0 < n < len(journal) for n in it.evidence)
        assert it.margin is None or it.margin < 0


@pytest.mark.parametrize("name", TESTED)
def test_is_inconclusive_without_payload_only_where_it_needs_it(name: str) -> None:
    check, good, _ = transcript(name)
    outcomes = {it.outcome for it in judged(check, clipped(good()))}
    assert outcomes == ({"INCONCLUSIVE"} if check.needs_payload else {"PASS"})


def clipped(journal: Journal) -> Journal:
    """The same journal, the payload of all its reads replaced by hashes."""
    return Journal(
        msgspec.structs.replace(it, payload=Payload.clipped(it.payload.content() or b""))
        if isinstance(it, ClientRead | TapRead)
        else it
        for it in journal
    )

"""The built-in suite, case by case: what it says of a server that does everything right."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness import products
from harness.ends.flaws import FLAWS
from harness.engine.case import perform
from harness.engine.judge import digest
from harness.model.journal import Journal
from harness.model.scenario import Case
from tests.engine.performing import (
    LONG,
    Performance,
    authority,
    built_in,
    failures,
    performance_of,
    props_of,
    representatives,
)
from tests.testkit.parity import differences, has_script

CASES = built_in()
WITHOUT_TWINS = [case for case in CASES.values() if case.twin is None]
FOLDERS = {
    "direct",
    "buffering",
    "chains",
    "idle",
    "compression",
    "duration",
    "link",
    "products",
    "resume",
    "settings",
    "combined",
    "sharing",
}


def is_for_later(case: Case, *, is_again: bool) -> bool:
    """Whether a performance is left to the tests on the real clock: others tell the same."""
    is_alike = case.id not in representatives()
    if is_again:
        return is_alike or case.twin is not None or case.scenario.id in LONG
    return is_alike and case.twin is not None


def performed(*, is_again: bool = False, has_scripts: bool = True) -> pytest.MarkDecorator:
    """Each case is performed once, all its tests follow: pytest groups by a module's parameter."""
    return pytest.mark.parametrize(
        "performance",
        [
            pytest.param(
                case_id, marks=[pytest.mark.real] if is_for_later(case, is_again=is_again) else []
            )
            for case_id, case in CASES.items()
            if has_scripts or not has_script(case)
        ],
        indirect=True,
        scope="module",
    )


every_case = performed()
every_case_again = performed(is_again=True)
every_case_without_a_script = performed(has_scripts=False)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return authority(CASES.values(), tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def performance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca: Path | None
) -> Performance:
    return performance_of(CASES[request.param], tmp_path_factory.mktemp("case"), ca)


@every_case
def test_the_case_passes(performance: Performance) -> None:
    verdict = performance.verdict
    held_against = failures(verdict)
    assert verdict.outcome == "PASS", held_against
    # A twin passes because a check fails; without one nothing may be found.
    assert bool(held_against) == verdict.is_twin


@every_case
def test_every_fault_had_its_chance(performance: Performance) -> None:
    faults = performance.verdict.faults
    ends = [it.end for it in faults]
    # A scenario's own faults all count; of a product's those that there was something to do for.
    assert len([it for it in faults if not it.product]) == sum(
        fault.name != "script"
        for hop in performance.case.scenario.through
        if hop.product is None
        for fault in hop.faults
    )
    if performance.verdict.is_twin:
        assert not ends or "fired" in ends
    else:
        assert "not_reached" not in ends


@every_case
def test_the_file_holds_the_journal(performance: Performance) -> None:
    written = performance.path.read_bytes()
    assert hashlib.sha256(written).hexdigest() == performance.verdict.journal_sha256
    assert Journal.read(written.splitlines()).entries == performance.journal.entries


@every_case_again
def test_a_second_performance_gives_the_same_journal(
    performance: Performance, ca: Path | None
) -> None:
    case = performance.case
    again, _ = perform(case, props_of(case, performance.path.parent, ca), None)
    assert digest(again) == performance.verdict.journal_sha256


@every_case_without_a_script
def test_a_replay_gives_the_client_what_it_got_on_the_wire(performance: Performance) -> None:
    assert differences(performance.journal) == []


@pytest.mark.parametrize("case", WITHOUT_TWINS, ids=lambda case: case.id)
def test_the_case_says_why_it_exists_and_where_that_is_written(case: Case) -> None:
    assert case.scenario.why
    assert case.scenario.source.startswith("https://")
    assert case.scenario.expect


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.twin], ids=lambda case: case.id
)
def test_the_twin_names_a_check_that_its_case_asks_for(case: Case) -> None:
    assert case.twin is not None
    assert case.twin.fails in case.scenario.expect


@pytest.mark.parametrize("name", sorted(products.names()))
def test_every_product_is_met_alone_by_a_lively_and_by_a_quiet_stream(name: str) -> None:
    chains = [
        [hop.product.name for hop in case.scenario.through if hop.product is not None]
        for case in WITHOUT_TWINS
        if case.id.startswith("products/")
    ]
    assert chains.count([name]) >= 2, f"list {name} in two of scenarios/products"


def test_the_suite_covers_every_folder_and_flaw() -> None:
    assert len(WITHOUT_TWINS) >= 200
    assert {case.id.partition("/")[0] for case in WITHOUT_TWINS} == FOLDERS
    assert {case.twin.flaw for case in CASES.values() if case.twin} == set(FLAWS)

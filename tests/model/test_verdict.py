"""Outcomes merge by worst; what merges not is counted and told apart."""

from __future__ import annotations

import json
from itertools import combinations

import msgspec
import pytest

from harness.model import verdict
from harness.model.verdict import OUTCOMES, CaseVerdict, FaultEnd, Finding, Outcome, Verdict

MERGED: tuple[Outcome, ...] = ("PASS", "WARN", "INCONCLUSIVE", "FAIL")


def sets_of(outcomes: tuple[Outcome, ...]) -> list[tuple[Outcome, ...]]:
    return [it for n in range(len(outcomes)) for it in combinations(outcomes, n + 1)]


def case(name: str, outcome: Outcome, *, is_twin: bool = False) -> CaseVerdict:
    return CaseVerdict(
        id=name,
        why="a test",
        outcome=outcome,
        through=("idle_timeout{after: 5s}", "buffer"),
        simulated_s=120.5,
        wall_s=0.25,
        faults=(FaultEnd(hop=1, fault="idle_timeout", end="fired", reason="5 s of silence"),),
        findings=(
            Finding(
                check="stays_open",
                outcome=outcome,
                expected="open for 200 s",
                observed="cut at 70.0 s",
                margin=-130.0,
                hop=1,
                fix="send a comment at least every 30 s",
                confirm="nginx error log",
                evidence=(14, 17),
                source="RFC 9110",
            ),
            Finding(check="order_kept", outcome="SKIP", expected="é", observed=""),
        ),
        journal="a/journal.jsonl",
        journal_sha256="00ff",
        is_twin=is_twin,
        place="a.yaml:1:1",
        again="sse-harness run a",
    )


# -- merging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcomes", sets_of(MERGED), ids="-".join)
def test_the_worst_outcome_wins_in_any_order(outcomes: tuple[Outcome, ...]) -> None:
    worst = outcomes[-1]  # they are sorted
    assert verdict.worst(outcomes) == worst
    assert verdict.worst(reversed(outcomes)) == worst


@pytest.mark.parametrize("apart", ["SKIP", "ERROR"])
@pytest.mark.parametrize("outcome", MERGED)
def test_skip_and_error_never_merge(outcome: Outcome, apart: Outcome) -> None:
    assert verdict.worst([apart, outcome, apart]) == outcome
    assert verdict.worst([apart]) is None


def test_nothing_merges_to_nothing() -> None:
    assert verdict.worst([]) is None


def test_every_outcome_merges_or_stands_apart() -> None:
    assert {*MERGED, "SKIP", "ERROR"} == set(OUTCOMES)


# -- exit codes ------------------------------------------------------------------------------------


def expected_code(outcomes: tuple[Outcome, ...]) -> int:
    """The table of the design, as it is written: the first of 1, 4, 3, 0."""
    if "FAIL" in outcomes:
        return 1
    if "ERROR" in outcomes:
        return 4
    if "INCONCLUSIVE" in outcomes or outcomes == ("SKIP",):
        return 3
    return 0


@pytest.mark.parametrize("outcomes", sets_of(OUTCOMES), ids="-".join)
def test_the_exit_code_is_the_first_that_holds(outcomes: tuple[Outcome, ...]) -> None:
    assert verdict.exit_code(outcomes) == expected_code(outcomes)
    assert verdict.exit_code(outcomes * 2) == expected_code(outcomes)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 5),
        (["PASS"], 0),
        (["WARN"], 0),
        (["PASS", "SKIP"], 0),
        (["SKIP", "SKIP"], 3),
        (["WARN", "INCONCLUSIVE"], 3),
        (["INCONCLUSIVE", "ERROR", "SKIP"], 4),
        (["ERROR", "FAIL", "INCONCLUSIVE"], 1),
    ],
)
def test_exit_codes_by_example(outcomes: list[Outcome], code: int) -> None:
    assert verdict.exit_code(outcomes) == code


@pytest.mark.parametrize("outcomes", [(), ("FAIL",), OUTCOMES])
def test_an_interrupt_comes_before_everything(outcomes: tuple[Outcome, ...]) -> None:
    assert verdict.exit_code(outcomes, is_interrupted=True) == 130


WORDS: dict[int, set[Outcome]] = {
    1: {"FAIL"},
    4: {"ERROR"},
    3: {"INCONCLUSIVE", "SKIP"},
    0: {"PASS", "WARN"},
}


@pytest.mark.parametrize("outcomes", sets_of(OUTCOMES), ids="-".join)
def test_the_word_for_a_run_is_in_line_with_its_exit_code(outcomes: tuple[Outcome, ...]) -> None:
    assert verdict.run_outcome(outcomes) in WORDS[verdict.exit_code(outcomes)]


def test_a_run_of_nothing_is_skipped() -> None:
    assert verdict.run_outcome([]) == "SKIP"


# -- counting --------------------------------------------------------------------------------------


def test_cases_are_counted_by_outcome_and_twins_apart() -> None:
    cases = [case("a", "PASS"), case("b", "PASS"), case("c", "ERROR")]
    twins = [case("a+x", "PASS", is_twin=True), case("b+x", "FAIL", is_twin=True)]
    assert verdict.case_counts([*cases, *twins]) == {
        "PASS": 2,
        "WARN": 0,
        "INCONCLUSIVE": 0,
        "FAIL": 0,
        "SKIP": 0,
        "ERROR": 1,
        "twins": 2,
    }


def test_cases_may_come_from_a_generator() -> None:
    assert verdict.case_counts(case("a", "WARN", is_twin=True) for _ in range(2))["twins"] == 2


# -- the file --------------------------------------------------------------------------------------


@pytest.fixture
def whole() -> Verdict:
    cases = (case("a", "FAIL"), case("a+flaw", "PASS", is_twin=True))
    return Verdict(
        schema=verdict.SCHEMA,
        version="1.2.3",
        seed=7,
        clock="virtual",
        target="the built-in reference server",
        wall_s=1.5,
        simulated_s=241.0,
        outcome="FAIL",
        exit_code=1,
        counts=verdict.case_counts(cases),
        cases=cases,
    )


def test_a_verdict_is_read_back_as_it_was_written(whole: Verdict) -> None:
    data = verdict.encode(whole)
    assert verdict.decode(data) == whole
    assert verdict.encode(verdict.decode(data)) == data


def test_a_verdict_is_written_for_people_and_programs(whole: Verdict) -> None:
    text = verdict.encode(whole).decode()
    assert text.startswith('{\n  "schema": "sse-harness/verdict",\n  "version": "1.2.3",\n')
    assert text.endswith("\n}\n")
    assert list(json.loads(text)) == [it.name for it in msgspec.structs.fields(Verdict)]
    assert '"expected": "é"' in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"outcome": "MAYBE"}, "Invalid enum value 'MAYBE'"),
        ({"cases": [{}]}, "missing required field `id`"),
        ({"seed": "7"}, "Expected `int`"),
    ],
)
def test_what_is_no_verdict_is_refused(whole: Verdict, change: dict[str, object], why: str) -> None:
    data = json.dumps({**json.loads(verdict.encode(whole)), **change}).encode()
    with pytest.raises(ValueError, match=why):
        verdict.decode(data)

"""The rules of the outcomes, one by one."""

from __future__ import annotations

import msgspec
import pytest

from harness.checks import compose
from harness.checks.compose import judge_case
from harness.checks.stays_open import StaysOpen
from harness.model.journal import Journal, StageLag, StageProblem
from harness.model.scenario import FaultSpec, Silence, Traffic, Twin
from harness.model.verdict import Outcome
from tests.checks.composed import (
    TWIN,
    Crashes,
    Says,
    ShouldSay,
    behind,
    judged,
    part,
    product,
    stage,
    told,
)
from tests.testkit.journals import Stage


@pytest.mark.parametrize(
    ("outcomes", "merged"),
    [
        (("PASS", "PASS"), "PASS"),
        (("PASS", "WARN"), "WARN"),
        (("WARN", "INCONCLUSIVE"), "INCONCLUSIVE"),
        (("FAIL", "INCONCLUSIVE", "PASS"), "FAIL"),
        (("SKIP", "PASS"), "PASS"),
        (("SKIP", "FAIL"), "FAIL"),
    ],
)
def test_the_worst_finding_is_the_outcome_and_skip_never_merges(
    outcomes: tuple[Outcome, ...], merged: Outcome
) -> None:
    checks = [Says(outcomes=(it,)) for it in outcomes]
    assert judged(stage(), *checks).outcome == merged


def test_a_case_of_which_every_must_check_is_skip_is_inconclusive() -> None:
    verdict = judged(stage(), Says(outcomes=("SKIP",)), Says(outcomes=("SKIP", "SKIP")))
    assert verdict.outcome == "INCONCLUSIVE"
    assert told(verdict, "expect")[0].observed == "every MUST check was skipped"


def test_a_should_check_that_passes_does_not_save_it() -> None:
    verdict = judged(stage(), Says(outcomes=("SKIP",)), ShouldSay())
    assert verdict.outcome == "INCONCLUSIVE"


def test_a_case_of_should_checks_alone_is_judged_by_them() -> None:
    assert judged(stage(), ShouldSay(), ShouldSay(outcomes=("SKIP",))).outcome == "PASS"


def test_a_case_that_expects_nothing_shows_nothing() -> None:
    verdict = judged(stage())
    assert verdict.outcome == "INCONCLUSIVE"
    assert told(verdict, "expect")[0].observed == "nothing was expected"


def test_should_gives_warn_at_most() -> None:
    made = ShouldSay().failed("", "", fix="", confirm="")
    assert made.outcome == "WARN"
    assert Says().failed("", "", fix="", confirm="").outcome == "FAIL"
    assert Says().failed("", "", fix="", confirm="", level="SHOULD").outcome == "WARN"


def test_a_check_that_crashes_is_inconclusive_with_its_traceback() -> None:
    verdict = judged(stage(), Crashes(), Says())
    assert verdict.outcome == "INCONCLUSIVE"
    (crash, _) = told(verdict, "says")
    assert crash.outcome == "INCONCLUSIVE"
    assert crash.observed.startswith("crashed:")
    assert crash.observed.endswith("ZeroDivisionError: at 100.0")


# -- the case ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["target", "hop", "stage"])
def test_a_case_that_broke_is_an_error_and_says_nothing_of_the_target(source: str) -> None:
    made = stage()
    made.put(5.0, StageProblem(source=source, message="no route", hop=None))  # type: ignore[arg-type]  # one of the three
    verdict = judged(made, Says(outcomes=("FAIL",)))
    assert verdict.outcome == "ERROR"
    assert [(it.check, it.outcome, it.observed) for it in verdict.findings] == [
        (source, "ERROR", "no route")
    ]


def test_a_journal_that_is_not_whole_is_inconclusive() -> None:
    verdict = judged(stage(), Says(outcomes=("FAIL",)), is_whole=False)
    assert verdict.outcome == "INCONCLUSIVE"
    assert [it.check for it in verdict.findings] == ["journal"]


def test_a_precondition_not_met_skips_the_whole_case() -> None:
    quiet = Traffic(silence=(Silence(from_s=10.0, to_s=130.0),))
    verdict = judged(stage(is_reference=False, traffic=quiet), Says(outcomes=("FAIL",)))
    assert verdict.outcome == "SKIP"
    (finding,) = verdict.findings
    assert (finding.check, finding.outcome, finding.margin) == ("traffic", "SKIP", -70.0)
    assert finding.observed == "longest silence 50.0 s of 120.0 s"


# -- bugs of this tool -------------------------------------------------------------------------


def test_a_check_that_finds_nothing_at_all_has_crashed() -> None:
    verdict = judged(stage(), Says(outcomes=()), Says())
    assert verdict.outcome == "INCONCLUSIVE"
    assert told(verdict, "says")[0].observed.endswith("says found nothing at all")


@pytest.mark.parametrize("part", ["unmet", "fault_ends", "worst"])
def test_a_crash_in_judging_is_one_inconclusive_finding_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError(f"in {part}")

    monkeypatch.setattr(compose, part, crash)
    verdict = judge_case(stage().journal(), checks=[Says()])
    assert (verdict.id, verdict.outcome) == ("test/case", "INCONCLUSIVE")
    (finding,) = verdict.findings
    assert (finding.check, finding.outcome) == ("judging", "INCONCLUSIVE")
    assert finding.observed.startswith("crashed:")
    assert finding.observed.endswith(f"ZeroDivisionError: in {part}")


def test_a_case_that_cannot_be_read_is_one_inconclusive_finding() -> None:
    good = stage().journal()
    case = msgspec.structs.replace(good.case, case={"id": "test/case", "seed": "none"})
    verdict = judge_case(Journal([case, *good.entries[1:]]), journal_path="journal.jsonl")
    assert (verdict.id, verdict.outcome, verdict.simulated_s) == ("test/case", "INCONCLUSIVE", 100)
    (finding,) = verdict.findings
    assert (finding.check, finding.outcome) == ("journal", "INCONCLUSIVE")
    assert "Field required" in finding.observed
    assert verdict.journal == "journal.jsonl"


# -- lag and hearsay ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "margin", "is_real", "judged_as"),
    [
        ("PASS", 0.2, True, "INCONCLUSIVE"),
        ("FAIL", -0.2, True, "INCONCLUSIVE"),
        ("FAIL", -0.2, False, "FAIL"),
        ("PASS", 0.4, True, "PASS"),
        ("FAIL", -0.4, True, "FAIL"),
        ("FAIL", None, True, "FAIL"),
        ("SKIP", 0.0, True, "SKIP"),
    ],
)
def test_on_the_real_clock_a_margin_below_the_worst_lag_is_none(
    outcome: Outcome, margin: float | None, is_real: bool, judged_as: Outcome
) -> None:
    made = stage(is_real=is_real)
    made.put(1.0, StageLag(lag_s=0.1))
    made.put(2.0, StageLag(lag_s=0.3))
    verdict = judged(made, Says(outcomes=(outcome,), margin=margin), Says())
    assert told(verdict, "says")[0].outcome == judged_as


@pytest.mark.parametrize(
    ("hop", "others", "outcome"),
    [
        (1, [], "WARN"),
        (1, [part(reported=True)], "WARN"),
        (1, [part()], "FAIL"),
        (1, [part(is_limit=True)], "FAIL"),
        (1, [part(is_limit=True, reported=True), part()], "WARN"),
        (2, [], "FAIL"),
        (None, [], "FAIL"),
    ],
)
def test_what_rests_on_reports_of_a_product_is_warn_at_most(
    hop: int | None, others: list[FaultSpec], outcome: Outcome
) -> None:
    made = behind(product(part(reported=True), *others, name="x"), product(part(), name="y"))
    for fault in range(1 + len(others)):
        made.note(5.0, "fired", "silence", fault=fault)
    made.note(5.0, "fired", "silence", hop=2)
    verdict = judged(made, Says(outcomes=("FAIL",), hop=hop))
    assert verdict.outcome == outcome
    assert ("x@1.22 is known by report only" in told(verdict, "says")[0].observed) is (
        outcome == "WARN"
    )


def test_reports_of_a_fault_that_did_not_act_cap_nothing() -> None:
    made = behind(product(part(reported=True)))
    made.note(5.0, "defeated", "heartbeats")
    assert judged(made, Says(outcomes=("FAIL",), hop=1)).outcome == "FAIL"


# -- twins -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "ends", "merged", "observed"),
    [
        ("FAIL", "fired", "PASS", "caught"),
        ("PASS", "fired", "FAIL", "says is PASS"),
        ("SKIP", "fired", "FAIL", "says is SKIP"),
        ("INCONCLUSIVE", "fired", "FAIL", "says is INCONCLUSIVE"),
        ("FAIL", "defeated", "FAIL", "no fault fired"),
        ("FAIL", "not_reached", "FAIL", "no fault fired"),
    ],
)
def test_a_twin_passes_when_its_check_fails_and_a_fault_fired(
    outcome: Outcome, ends: str, merged: Outcome, observed: str
) -> None:
    verdict = judged(stage(twin=TWIN, ends=ends), Says(outcomes=(outcome,)))
    assert verdict.outcome == merged
    assert told(verdict, "twin")[0].observed == observed


def test_a_twin_without_a_chain_needs_no_fault() -> None:
    verdict = judged(stage(twin=TWIN, hops=0), Says(outcomes=("FAIL",)))
    assert verdict.outcome == "PASS"


def test_a_twin_whose_check_is_not_asked_fails() -> None:
    verdict = judged(stage(twin=TWIN), StaysOpen())
    assert told(verdict, "twin")[0].observed == "says was not asked"


def test_another_check_that_fails_does_not_make_a_twin_pass() -> None:
    verdict = judged(
        stage(twin=Twin(flaw="x", fails="stays_open")), StaysOpen(), Says(outcomes=("FAIL",))
    )
    assert verdict.outcome == "FAIL"


def test_a_twin_caught_by_less_than_the_lag_is_inconclusive() -> None:
    made = stage(twin=TWIN, is_real=True)
    made.put(1.0, StageLag(lag_s=0.3))
    assert judged(made, Says(outcomes=("FAIL",), margin=-0.1)).outcome == "INCONCLUSIVE"


# -- the verdict -------------------------------------------------------------------------------


def test_a_case_verdict_is_made_from_the_journal_alone() -> None:
    made = Stage(hops=2, expect={"stays_open": "90s", "order_kept": True, "resumes": False})
    made.connect(0.0).events(1, 99)
    for hop in made.hops:
        made.note(99.0, "fired", "held 1 event", hop=hop)
    verdict = judge_case(made.journal(), wall_s=0.25, journal_path="journal.jsonl", again="again")
    assert (verdict.id, verdict.why, verdict.outcome) == ("test/case", "a test", "PASS")
    assert [it.check for it in verdict.findings] == ["stays_open", "order_kept"]
    assert verdict.through == ("fault", "fault")
    assert verdict.simulated_s == 100.0
    assert verdict.place == "scenarios/test.yaml:1:1"
    assert (verdict.wall_s, verdict.journal, verdict.again) == (0.25, "journal.jsonl", "again")
    assert not verdict.is_twin


def test_the_same_journal_gives_the_same_verdict() -> None:
    made = stage()
    journal = made.journal()
    assert judge_case(journal, checks=[StaysOpen(for_s=90.0)]) == judge_case(
        journal, checks=[StaysOpen(for_s=90.0)]
    )

"""The rules of the outcomes, one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
import pytest

from harness.checks import compose
from harness.checks.base import CheckConfig, Level
from harness.checks.compose import Judged, judge, judge_case
from harness.checks.evidence import Evidence
from harness.checks.stays_open import StaysOpen
from harness.model.journal import Journal, StageLag, StageProblem
from harness.model.scenario import Arms, FaultSpec, Hop, ProductUse, Silence, Traffic, Twin
from harness.model.verdict import Finding, Outcome
from tests.testkit.journals import Stage

TWIN = Twin(flaw="no-heartbeat", fails="says")


class Says(CheckConfig):
    """Finds what it is told to find."""

    name: ClassVar[str] = "says"
    summary: ClassVar[str] = "for tests"
    source: ClassVar[str] = "https://example.test/"

    outcomes: tuple[Outcome, ...] = ("PASS",)
    margin: float | None = None
    hop: int | None = None

    def examine(self, evidence: Evidence) -> Iterable[Finding]:
        for outcome in self.outcomes:
            yield self._finding(outcome, "", "said", margin=self.margin, hop=self.hop)


class ShouldSay(Says):
    """The same, of which nothing is a must."""

    level: ClassVar[Level] = "SHOULD"


class Crashes(Says):
    """A bug."""

    def examine(self, evidence: Evidence) -> Iterable[Finding]:
        raise ZeroDivisionError(f"at {evidence.over_s}")


def stage(
    *, is_reference: bool = True, is_real: bool = False, twin: Twin | None = None, hops: int = 1,
    traffic: Traffic | None = None, ends: str = "fired",
) -> Stage:  # fmt: skip
    made = Stage(
        hops=hops,
        is_reference=is_reference,
        clock="real" if is_real else "virtual",
        twin=twin,
        traffic=traffic,
    )
    made.connect(0.0).events(1, 50)
    for hop in made.hops:
        made.note(99.0, ends, "22 s of 60 s", hop=hop)  # type: ignore[arg-type]  # one of the four
    return made


def judged(made: Stage, *checks: CheckConfig, is_whole: bool = True) -> Judged:
    return judge(Evidence.of(made.journal(is_whole=is_whole)), checks=checks)


def told(verdict: Judged, check: str) -> list[Finding]:
    return [it for it in verdict.findings if it.check == check]


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


# -- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["fired", "defeated"])
def test_a_fault_that_had_its_chance_is_no_finding(ends: str) -> None:
    verdict = judged(stage(ends=ends), Says())
    assert verdict.outcome == "PASS"
    assert [it.end for it in verdict.faults] == [ends]
    assert told(verdict, "faults") == []


def test_with_the_reference_server_a_fault_not_reached_is_inconclusive() -> None:
    verdict = judged(stage(ends="not_reached"), Says())
    assert verdict.outcome == "INCONCLUSIVE"
    (finding,) = told(verdict, "faults")
    assert finding.observed == "fault of hop 1 was not reached: 22 s of 60 s"


def test_with_another_target_a_fault_not_reached_is_a_skip_with_its_margin() -> None:
    verdict = judged(stage(ends="not_reached", is_reference=False), Says())
    assert verdict.outcome == "PASS"
    (finding,) = told(verdict, "faults")
    assert finding.outcome == "SKIP"
    assert "22 s of 60 s" in finding.observed


def test_a_fault_of_the_chain_without_any_note_is_not_reached() -> None:
    made = Stage(hops=1)
    made.connect(0.0)
    (end,) = judged(made, Says()).faults
    assert (end.end, end.reason) == ("not_reached", "no request reached it")


# -- products ----------------------------------------------------------------------------------


def part(arms: Arms = "always", *, is_limit: bool = False, reported: bool = False) -> FaultSpec:
    """A fault as a product has it."""
    return FaultSpec(
        name="fault",
        arms=arms,
        evidence="reported" if reported else "measured",
        setting="limit",
        value="60s",
        is_limit=is_limit,
    )


def product(*parts: FaultSpec, name: str = "nginx") -> Hop:
    return Hop(faults=parts, product=ProductUse(name=name, version="1.22"))


def behind(*chain: Hop, is_reference: bool = True, twin: Twin | None = None) -> Stage:
    made = Stage(chain=chain, is_reference=is_reference, twin=twin)
    made.connect(0.0).events(1, 50)
    return made


@pytest.mark.parametrize(
    ("arms", "what", "counted"),
    [
        ("always", ("armed", "not_reached"), ["not_reached"]),
        ("always", ("armed", "defeated"), ["defeated"]),
        ("always", ("not_armed",), []),
        ("always", ("armed", "not_armed"), []),
        ("always", (), []),
        ("acting", ("armed", "not_reached"), []),
        ("acting", ("armed", "defeated"), ["defeated"]),
        ("acting", ("armed", "fired"), ["fired"]),
        ("acting", ("not_armed",), []),
    ],
)
def test_a_products_fault_counts_once_it_is_armed(
    arms: Arms, what: tuple[str, ...], counted: list[str]
) -> None:
    made = behind(product(part(arms)))
    for it in what:
        made.note(1.0, it, "why")  # type: ignore[arg-type]  # one of the five
    verdict = judged(made, Says())
    assert [it.end for it in verdict.faults] == counted
    assert verdict.outcome == ("INCONCLUSIVE" if counted == ["not_reached"] else "PASS")


def test_one_exchange_in_which_it_is_armed_is_enough() -> None:
    made = behind(product(part()))
    made.note(1.0, "not_armed", "the framing is chunked")
    made.note(2.0, "armed", "exchange 2", x=2)
    made.note(3.0, "not_reached", "22 s of 60 s", x=2)
    (end,) = judged(made, Says()).faults
    assert end.reason == "22 s of 60 s"


def test_one_that_is_armed_only_where_the_client_is_told_to_stop_does_not_count() -> None:
    made = Stage(chain=[product(part())])
    made.note(0.0, "not_armed", "the response has X-Accel-Buffering: no")
    made.connect(0.0).end(5.0)
    made.note(6.0, "armed", "exchange 2", x=2)
    made.connect(6.0, status=204).end(6.0)
    assert judged(made, Says()).faults == ()


def test_a_fault_of_a_scenario_counts_even_where_it_is_never_armed() -> None:
    made = Stage(hops=1)
    made.connect(0.0).events(1, 50)
    made.note(1.0, "not_armed", "the framing is chunked")
    (end,) = judged(made, Says()).faults
    assert (end.end, end.reason) == ("not_reached", "the framing is chunked")


def test_the_fault_of_a_product_is_told_with_its_directive_and_how_it_is_known() -> None:
    made = behind(product(part()))
    made.note(1.0, "fired", "silence")
    (end,) = judged(made, Says()).faults
    assert (end.product, end.setting, end.evidence) == ("nginx@1.22", "limit 60s", "measured")


def test_where_a_scenario_writes_the_fault_there_is_nothing_to_tell() -> None:
    (end,) = judged(stage(), Says()).faults
    assert (end.product, end.setting, end.evidence) == ("", "", None)


def test_a_twin_behind_a_product_of_which_nothing_acted_is_not_caught() -> None:
    made = behind(product(part("acting")), twin=TWIN)
    verdict = judged(made, Says(outcomes=("FAIL",)))
    assert told(verdict, "twin")[0].observed == "no fault fired"


# -- limits that others overtake ---------------------------------------------------------------


def overtaking(*lives: tuple[float, bool], parts: tuple[FaultSpec, ...] = ()) -> Stage:
    """Attempts with these lives at a product's two limits, each cut by the first one or not."""
    limits = parts or (part(is_limit=True), part(is_limit=True))
    made = Stage(chain=[product(*limits)])
    t_s = 0.0
    for x, (life_s, is_cut) in enumerate(lives, 1):
        link = made.connect(t_s, last_id=None)
        made.note(t_s, "armed", "exchange", fault=0, x=x)
        made.note(t_s, "armed", "exchange", fault=1, x=x)
        t_s += life_s
        made.note(t_s, "fired" if is_cut else "not_reached", "why", fault=0, x=x)
        made.note(t_s, "not_reached", f"{life_s} s of 300 s", fault=1, x=x)
        if is_cut:
            link.cut(t_s, hop=1)
        else:
            link.end(t_s)
        t_s += 1.0
    return made


@pytest.mark.parametrize(
    ("lives", "counted"),
    [
        ([(15.0, True)], ["fired"]),
        ([(15.0, True), (15.0, True), (4.0, False)], ["fired"]),
        ([(15.0, True), (40.0, False)], ["fired", "not_reached"]),
        ([(15.0, False)], ["not_reached", "not_reached"]),
    ],
)
def test_a_limit_that_another_one_always_comes_before_does_not_count(
    lives: list[tuple[float, bool]], counted: list[str]
) -> None:
    verdict = judged(overtaking(*lives), Says())
    assert [it.end for it in verdict.faults] == counted
    assert (verdict.outcome == "PASS") is ("not_reached" not in counted)


def test_a_limit_that_the_client_left_before_as_it_was_told_to_does_not_count() -> None:
    made = Stage(chain=[product(part(is_limit=True))])
    made.note(0.0, "armed", "exchange 1")
    made.connect(0.0).leave(33.0)
    made.note(33.0, "not_reached", "33 s of 60 s")
    assert judged(made, Says()).faults == ()


def test_only_a_limit_is_overtaken() -> None:
    parts = (part(is_limit=True), part())
    verdict = judged(overtaking((15.0, True), parts=parts), Says())
    assert [it.end for it in verdict.faults] == ["fired", "not_reached"]


def test_a_limit_that_a_scenario_writes_is_never_overtaken() -> None:
    made = overtaking((15.0, True))
    (hop,) = made.case.scenario.through
    through = (hop.model_copy(update={"product": None}),)
    scenario = made.case.scenario.model_copy(update={"through": through})
    made.case = made.case.model_copy(update={"scenario": scenario})
    assert [it.end for it in judged(made, Says()).faults] == ["fired", "not_reached"]


def test_a_limit_of_another_hop_overtakes_it_too() -> None:
    made = Stage(chain=[product(part(is_limit=True)), Hop(faults=(FaultSpec(name="fault"),))])
    link = made.connect(0.0)
    made.note(0.0, "armed", "exchange 1")
    made.note(5.0, "fired", "silence", hop=2)
    link.cut(5.0, hop=2)
    made.note(5.0, "not_reached", "5 s of 60 s")
    assert [(it.hop, it.end) for it in judged(made, Says()).faults] == [(2, "fired")]


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

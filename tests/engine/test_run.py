"""Many cases: in this process or shared out, in order, up to the first failures or an interrupt."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.engine.run import Job, Ran, default_workers, run, run_job
from harness.engine.stage import Props
from harness.errors import LocalEnvironmentError, StageError
from harness.model.scenario import Case, Target
from harness.model.verdict import (
    EXIT_ERROR,
    EXIT_FAIL,
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_PASS,
    CaseVerdict,
    Verdict,
)
from tests.engine.performing import case_of

FLAWED = Target(flaws=("no-ids",))
SHORT = {"every": "100ms", "end_after": "250ms"}


def job(case: Case, directory: Path) -> Job:
    folder = directory / case.id.replace("/", "~")
    return Job(
        case=case,
        props=Props(base=directory, settle_s=0.0),
        path=folder / "journal.jsonl",
        shown_path=f"{folder.name}/journal.jsonl",
        through=(),
        again="",
    )


def passing(name: str, **scenario: Any) -> Case:
    return case_of(id=f"test/{name}", **scenario)


def failing(name: str) -> Case:
    return case_of(id=f"test/{name}", target=FLAWED, expect={"ids_advance": True})


def scripted(name: str, directory: Path, text: str) -> Case:
    (directory / f"{name}.py").write_text(textwrap.dedent(text))
    return case_of(id=f"test/{name}", through=[{"script": f"{name}.py"}])


@dataclass
class Watcher:
    """Notes what it is told, and may do something about it."""

    told: list[str] = field(default_factory=list)
    on_began: Callable[[str], None] = lambda _: None

    def began(self, case_id: str) -> None:
        self.told.append(f"{case_id} began")
        self.on_began(case_id)

    def finished(self, case: CaseVerdict) -> None:
        self.told.append(f"{case.id} {case.outcome}")


def run_all(
    cases: Sequence[Case],
    directory: Path,
    watcher: Watcher | None = None,
    *,
    workers: int = 1,
    max_failures: int | None = None,
) -> Verdict:
    ran = ran_all(cases, directory, watcher, workers=workers, max_failures=max_failures)
    assert ran.problem is None
    return ran.verdict


def ran_all(
    cases: Sequence[Case],
    directory: Path,
    watcher: Watcher | None = None,
    *,
    workers: int = 1,
    max_failures: int | None = None,
) -> Ran:
    return run(
        [job(case, directory) for case in cases],
        watcher or Watcher(),
        workers=workers,
        target="the target",
        seed=7,
        max_failures=max_failures,
    )


def ids(verdict: Verdict) -> list[str]:
    return [case.id for case in verdict.cases]


# -- one case --------------------------------------------------------------------------------------


def test_a_job_is_performed_and_judged(tmp_path: Path) -> None:
    verdict = run_job(job(failing("a"), tmp_path))
    assert (verdict.id, verdict.outcome) == ("test/a", "FAIL")
    assert verdict.journal == "test~a/journal.jsonl"
    assert (tmp_path / verdict.journal).is_file()
    assert verdict.wall_s > 0.0


# -- one after the other ---------------------------------------------------------------------------


def test_cases_are_run_in_turn_and_each_is_told_of(tmp_path: Path) -> None:
    watcher = Watcher()
    verdict = run_all([passing("b"), failing("a")], tmp_path, watcher)
    assert watcher.told == ["test/b began", "test/b PASS", "test/a began", "test/a FAIL"]
    assert ids(verdict) == ["test/b", "test/a"]
    assert (verdict.outcome, verdict.exit_code) == ("FAIL", EXIT_FAIL)
    assert (verdict.target, verdict.seed, verdict.clock) == ("the target", 7, "virtual")
    assert verdict.simulated_s == pytest.approx(sum(it.simulated_s for it in verdict.cases))
    assert verdict.counts["PASS"] == verdict.counts["FAIL"] == 1


def test_no_case_is_no_verdict(tmp_path: Path) -> None:
    verdict = run_all([], tmp_path)
    assert (verdict.outcome, verdict.exit_code) == ("SKIP", EXIT_NOTHING)


@pytest.mark.parametrize(("limit", "count"), [(1, 2), (2, 4), (3, 5), (None, 5)])
def test_after_so_many_failures_nothing_more_begins(
    limit: int | None, count: int, tmp_path: Path
) -> None:
    cases = [passing("1"), failing("2"), passing("3"), failing("4"), passing("5")]
    watcher = Watcher()
    verdict = run_all(cases, tmp_path, watcher, max_failures=limit)
    assert len(verdict.cases) == count
    assert len(watcher.told) == 2 * count
    assert verdict.exit_code == EXIT_FAIL


def test_a_case_that_breaks_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = scripted("broken", tmp_path, "def requestheaders(flow): raise ValueError('no')")
    verdict = run_all([broken, passing("whole")], tmp_path, max_failures=1)
    assert [case.outcome for case in verdict.cases] == ["ERROR", "PASS"]
    assert (verdict.outcome, verdict.exit_code) == ("ERROR", EXIT_ERROR)
    (finding,) = verdict.cases[0].findings
    assert (finding.check, finding.outcome, finding.hop) == ("hop", "ERROR", 1)
    assert finding.observed == "script broken.py:1: ValueError: no"


def test_an_interrupt_ends_the_run_with_what_there_is(tmp_path: Path) -> None:
    def interrupt(case_id: str) -> None:
        if case_id == "test/3":
            raise KeyboardInterrupt

    cases = [passing(str(number)) for number in range(1, 5)]
    verdict = run_all(cases, tmp_path, Watcher(on_began=interrupt))
    assert ids(verdict) == ["test/1", "test/2"]
    assert verdict.exit_code == EXIT_INTERRUPTED


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "test~b").touch()
    ran = ran_all([passing("a"), passing("b"), passing("c")], tmp_path)
    assert isinstance(ran.problem, LocalEnvironmentError)
    assert "test~b: file exists" in str(ran.problem)
    # What was judged before it is not lost.
    assert ids(ran.verdict) == ["test/a"]
    assert ran.verdict.exit_code == EXIT_ERROR


def test_a_run_with_both_clocks_says_mixed(tmp_path: Path) -> None:
    real = passing("real", clock="real", traffic=SHORT, server={"retry": "10ms"})
    verdict = run_all([passing("virtual"), real], tmp_path)
    assert verdict.clock == "mixed"
    assert verdict.exit_code == EXIT_PASS


# -- shared out ------------------------------------------------------------------------------------


def test_there_are_as_many_workers_as_cores_this_process_may_use() -> None:
    assert default_workers() >= 1


def test_cases_that_are_shared_out_keep_their_order(tmp_path: Path) -> None:
    slow = passing("slow", traffic={"every": "100ms", "end_after": "60s"})
    cases = [slow, *(passing(str(number)) for number in range(5)), failing("last")]
    watcher = Watcher()
    verdict = run_all(cases, tmp_path, watcher, workers=2)
    assert ids(verdict) == [case.id for case in cases]
    assert watcher.told[-1] != "test/last began"
    assert [it for it in watcher.told if "began" in it] == [f"{case.id} began" for case in cases]
    # No more at once than there are workers, so that stopping is quick.
    at_once = most = 0
    for told in watcher.told:
        at_once += 1 if told.endswith("began") else -1
        most = max(most, at_once)
    assert most == 2
    alone = run_all(cases, tmp_path / "alone")
    assert [it.journal_sha256 for it in verdict.cases] == [it.journal_sha256 for it in alone.cases]


def test_a_worker_that_dies_ends_the_run(tmp_path: Path) -> None:
    deadly = scripted("deadly", tmp_path, "import os\ndef requestheaders(flow): os._exit(1)")
    ran = ran_all([deadly, *(passing(str(number)) for number in range(3))], tmp_path, workers=2)
    assert isinstance(ran.problem, StageError)
    assert str(ran.problem).startswith("a worker process died during one of test/")
    assert "test/deadly" in str(ran.problem)
    assert ran.verdict.exit_code == EXIT_ERROR


def test_an_interrupt_ends_a_shared_run_with_what_there_is(tmp_path: Path) -> None:
    def interrupt(case_id: str) -> None:
        if case_id == "test/4":
            raise KeyboardInterrupt

    cases = [passing(str(number)) for number in range(6)]
    verdict = run_all(cases, tmp_path, Watcher(on_began=interrupt), workers=2)
    assert verdict.exit_code == EXIT_INTERRUPTED
    assert set(ids(verdict)) <= {f"test/{number}" for number in range(4)}
    assert len(ids(verdict)) >= 3

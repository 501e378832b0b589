"""Verdicts written by hand, for the reports to draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from harness.model.verdict import (
    CaseVerdict,
    FaultEnd,
    Finding,
    Outcome,
    Verdict,
    case_counts,
    exit_code,
    run_outcome,
)
from harness.report import jsonfile

FIRED = FaultEnd(
    hop=1, fault="idle_timeout", end="fired", reason="closed after 60.0 s of silence (limit 60 s)"
)
CUT = Finding(
    check="stays_open",
    outcome="FAIL",
    expected="open for 200 s",
    observed="cut at 70.0 s",
    margin=-130.0,
    hop=1,
    fix="send a comment at least every 30 s",
    confirm="upstream timed out in the proxy's error log",
    evidence=(14, 15, 16, 17),
    source="WHATWG HTML, section 9.2.7",
)
_PLAIN = CaseVerdict(
    id="idle/quiet",
    why="a quiet feed dies behind an idle timeout",
    outcome="PASS",
    through=("idle_timeout 60s",),
    simulated_s=200.0,
    wall_s=0.125,
    faults=(),
    findings=(),
    journal="idle~quiet/journal.jsonl",
    journal_sha256="",
    place="scenarios/idle/quiet.yaml:7:19",
    again="sse-harness run idle/quiet --seed 7",
)


def case(case_id: str = "idle/quiet", outcome: Outcome = "PASS", **fields: Any) -> CaseVerdict:
    return msgspec.structs.replace(_PLAIN, id=case_id, outcome=outcome, **fields)


def failed(case_id: str = "idle/quiet[60s]", **fields: Any) -> CaseVerdict:
    return case(case_id, "FAIL", **{"faults": (FIRED,), "findings": (CUT,), **fields})


def finding(outcome: Outcome, **fields: Any) -> Finding:
    plain = Finding(check="ordered", outcome=outcome, expected="in order", observed="7 before 6")
    return msgspec.structs.replace(plain, **fields)


def verdict(cases: Iterable[CaseVerdict], **fields: Any) -> Verdict:
    cases = tuple(cases)
    outcomes = [one.outcome for one in cases]
    plain = Verdict(
        schema=jsonfile.SCHEMA,
        version="0.1.0",
        seed=7,
        clock="virtual",
        target="the built-in reference server",
        wall_s=9.84,
        simulated_s=12_345.0,
        outcome=run_outcome(outcomes),
        exit_code=exit_code(outcomes),
        counts=case_counts(cases),
        cases=cases,
    )
    return msgspec.structs.replace(plain, **fields)

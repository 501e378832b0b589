"""Judge a case: run its checks, tell how its faults ended, and merge it all into one outcome.

The rules, first match first:

    the case broke (StageProblem)              ERROR, and nothing else is said of the target
    the journal is not whole                   INCONCLUSIVE
    nobody got an event stream (no twin)       FAIL: the one cause; every check is SKIP
    another target's stream is not the one     SKIP, with what is missing
      the scenario is about
    a twin                                     PASS when the named check fails and a fault fired
    everything else                            the worst of PASS < WARN < INCONCLUSIVE < FAIL

SKIP never merges, but a case of which every MUST check is SKIP has shown nothing: INCONCLUSIVE.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from harness.checks.advice import seconds
from harness.checks.base import CheckConfig
from harness.checks.evidence import Evidence
from harness.checks.fault_ends import fault_ends, standing_in
from harness.checks.no_stream import no_stream
from harness.checks.overtaken import overtaken
from harness.checks.precondition import unmet
from harness.checks.recycled import recycled
from harness.checks.registry import build_all
from harness.model.journal import Journal
from harness.model.scenario import Case, Twin
from harness.model.verdict import CaseVerdict, FaultEnd, Finding, Outcome, deciding, worst

# The deepest lines of a crash: enough to find it, short enough for a report.
_TRACEBACK_LINES = 12
_UNREACHED_FIX = "let the traffic reach the fault, or set the fault to what the traffic reaches"


class Judged(NamedTuple):
    """What a journal comes to."""

    outcome: Outcome
    faults: tuple[FaultEnd, ...]
    findings: tuple[Finding, ...]


def judge_case(
    journal: Journal,
    *,
    checks: Sequence[CheckConfig] | None = None,
    through: Sequence[str] | None = None,
    wall_s: float = 0.0,
    journal_path: str = "",
    journal_sha256: str = "",
    place: str = "",
    again: str = "",
) -> CaseVerdict:
    """Judge one case from its journal.

    Args:
        journal: The journal; its entry 0 is the case.
        checks: What to judge by; None: what the case expects.
        through: The chain as the user wrote it, client first; None: made from the faults' names.
        wall_s: How long the case took, in seconds of this machine.
        journal_path: Where the journal is, for the report.
        journal_sha256: Its hash.
        place: `file:line:col` of the scenario; "": as the case says.
        again: The command that runs this case again.
    """
    try:
        evidence = Evidence.of(journal)
        case = evidence.case
    except Exception:  # noqa: BLE001 - a case that cannot be read must not take the others with it
        return CaseVerdict(
            id=str(journal.case.case.get("id", "")),
            why="",
            outcome="INCONCLUSIVE",
            through=tuple(through or ()),
            simulated_s=journal[-1].t_s,
            wall_s=wall_s,
            faults=(),
            findings=(_crashed("journal"),),
            journal=journal_path,
            journal_sha256=journal_sha256,
            is_twin=journal.case.case.get("twin") is not None,
            place=place,
            again=again,
        )
    judged = judge(evidence, checks=checks)
    return CaseVerdict(
        id=case.id,
        why=case.scenario.why,
        outcome=judged.outcome,
        through=tuple(_through(case) if through is None else through),
        simulated_s=evidence.over_s,
        wall_s=wall_s,
        faults=judged.faults,
        findings=judged.findings,
        journal=journal_path,
        journal_sha256=journal_sha256,
        is_twin=case.twin is not None,
        place=place or case.place,
        again=again,
    )


def judge(
    evidence: Evidence,
    *,
    checks: Sequence[CheckConfig] | None = None,
) -> Judged:
    """Judge the evidence of one case; see `judge_case`.

    When judging itself crashes, that is the one finding.
    """
    try:
        return _judge(evidence, checks)
    except Exception:  # noqa: BLE001 - a bug in judging must not take the other cases with it
        return Judged("INCONCLUSIVE", (), (_crashed("judging"),))


def _judge(evidence: Evidence, checks: Sequence[CheckConfig] | None) -> Judged:
    case = evidence.case
    standing = standing_in(case)
    ends = fault_ends(
        evidence.notes,
        standing,
        overtaken(evidence, standing),
        recycled(evidence, standing),
        _stopped(evidence),
    )
    reported = _reported(ends)
    if evidence.problems:
        return Judged("ERROR", ends, tuple(_problems(evidence)))
    if not evidence.journal.is_whole:
        broken_off = _finding("journal", "INCONCLUSIVE", "a whole case", "it was interrupted")
        return Judged("INCONCLUSIVE", ends, (broken_off,))
    asked = build_all(case.scenario.expect) if checks is None else checks
    cause = None if case.twin else no_stream(evidence, [check.name for check in asked])
    if cause is not None:
        cause = _capped(cause, reported)
        return Judged(cause.outcome, ends, (cause, *_spoilt(cause, asked, ends)))
    missing = unmet(evidence)
    if missing is not None:
        unlike = _finding(
            "traffic", "SKIP", missing.expected, missing.observed, margin=missing.margin_s
        )
        return Judged("SKIP", ends, (unlike,))
    by_check = [(check, run(check, evidence)) for check in asked]
    exact = [it for _, findings in by_check for it in findings]
    own = [_lagging(evidence, it) for it in exact]
    if case.twin is not None:
        verdict = _twin(case.twin, exact, own, ends, has_faults=bool(standing))
        return Judged(verdict.outcome, ends, (verdict, *own))
    capped = [_capped(it, reported) for it in own]
    findings = [*capped, *_fault_findings(ends, is_reference=evidence.is_reference)]
    musts = [_is_skipped(found) for check, found in by_check if check.level == "MUST"]
    if not by_check or (musts and all(musts)):
        nothing = "every MUST check was skipped" if by_check else "nothing was expected"
        findings.append(_finding("expect", "INCONCLUSIVE", "a check that applies", nothing))
    outcome = worst(it.outcome for it in findings)
    return Judged(outcome or "INCONCLUSIVE", ends, tuple(findings))


def run(check: CheckConfig, evidence: Evidence) -> list[Finding]:
    """Run one check; when it crashes, that is what it found."""
    try:
        findings = list(check.judge(evidence))
        assert findings, f"{check.name} found nothing at all"
    except Exception:  # noqa: BLE001 - a bug in a check must not take the other verdicts with it
        return [_crashed(check.name)]
    return findings


def _crashed(what: str) -> Finding:
    """The exception being handled, as a finding."""
    lines = traceback.format_exc().rstrip().splitlines()[-_TRACEBACK_LINES:]
    return _finding(what, "INCONCLUSIVE", "a verdict", "\n".join(["crashed:", *lines]))


def _is_skipped(findings: Iterable[Finding]) -> bool:
    return all(it.outcome == "SKIP" for it in findings)


def _problems(evidence: Evidence) -> Iterable[Finding]:
    for it in evidence.problems:
        expected = "a target that can be reached" if it.source == "target" else "a case that runs"
        yield _finding(it.source, "ERROR", expected, it.message, hop=it.hop, n=it.n)


def _lagging(evidence: Evidence, finding: Finding) -> Finding:
    """A verdict closer to its bound than this machine was late is none."""
    lag_s = evidence.lag_s
    if finding.margin is None or finding.outcome not in {"PASS", "WARN", "FAIL"}:
        return finding
    if abs(finding.margin) >= lag_s:
        return finding
    late = f"{finding.observed}; this machine was late by up to {seconds(lag_s)}"
    return msgspec.structs.replace(finding, outcome="INCONCLUSIVE", observed=late)


def _reported(ends: Sequence[FaultEnd]) -> dict[int, str]:
    """The hops of which what decided is known by report only, with their products."""
    by_hop = {it.hop: deciding(ends, it.hop) for it in ends}
    return {
        hop: did[0].product
        for hop, did in by_hop.items()
        if did and all(it.evidence == "reported" for it in did)
    }


def _stopped(evidence: Evidence) -> frozenset[tuple[int, int]]:
    """The hops' exchanges in which clients were told that there is nothing more."""
    told = (attempt for attempt in evidence.attempts if attempt.status == 204)
    return frozenset((it.hop, it.x) for attempt in told for it in evidence.route(attempt).hops)


def _capped(finding: Finding, reported: Mapping[int, str]) -> Finding:
    """A verdict that rests on hearsay warns at most."""
    product = None if finding.hop is None else reported.get(finding.hop)
    if finding.outcome != "FAIL" or product is None:
        return finding
    said = f"{finding.observed}; {product} is known by report only"
    return msgspec.structs.replace(finding, outcome="WARN", observed=said)


def _spoilt(
    cause: Finding, asked: Sequence[CheckConfig], ends: Sequence[FaultEnd]
) -> Iterable[Finding]:
    """What cannot be judged, for one cause that is told already."""
    why = f"no event stream came: {cause.observed}"
    for check in asked:
        if check.name != cause.check:
            yield check.skipped("", why)
    yield from _fault_findings(ends, is_reference=False)


def _fault_findings(ends: Iterable[FaultEnd], *, is_reference: bool) -> Iterable[Finding]:
    """A case of which a fault had no chance proves nothing about that fault."""
    for it in ends:
        if it.end == "not_reached":
            outcome: Outcome = "INCONCLUSIVE" if is_reference else "SKIP"
            said = f"{it.fault} of hop {it.hop} was not reached: {it.reason}"
            expected = "every fault to act, or to be kept from it"
            yield _finding("faults", outcome, expected, said, fix=_UNREACHED_FIX)


def _twin(
    twin: Twin,
    exact: Sequence[Finding],
    own: Sequence[Finding],
    ends: Sequence[FaultEnd],
    *,
    has_faults: bool,
) -> Finding:
    """Whether the flaw was caught by the check that has to catch it, and the fault was at work.

    Args:
        twin: What has to be caught.
        exact: What the checks found.
        own: The same, less what the machine was too late to tell.
        ends: How the faults ended.
        has_faults: Whether the chain has any; else none has to fire.
    """
    expected = f"{twin.fails} fails for the flaw {twin.flaw}"
    named = [it.outcome for it in own if it.check == twin.fails]
    if has_faults and not any(it.end == "fired" for it in ends):
        return _finding("twin", "FAIL", f"{expected}, and a fault fires", "no fault fired")
    if "FAIL" in named:
        return _finding("twin", "PASS", expected, "caught")
    if any(it.check == twin.fails and it.outcome == "FAIL" for it in exact):
        return _finding("twin", "INCONCLUSIVE", expected, "this machine was too late to tell")
    said = f"{twin.fails} is {worst(named) or 'SKIP'}" if named else f"{twin.fails} was not asked"
    return _finding("twin", "FAIL", expected, said)


def _finding(
    check: str,
    outcome: Outcome,
    expected: str,
    observed: str,
    *,
    margin: float | None = None,
    hop: int | None = None,
    n: int | None = None,
    fix: str = "",
) -> Finding:
    return Finding(
        check=check,
        outcome=outcome,
        expected=expected,
        observed=observed,
        margin=margin,
        hop=hop,
        fix=fix,
        evidence=() if n is None else (n,),
    )


def _through(case: Case) -> tuple[str, ...]:
    return tuple(
        hop.called if hop.product or hop.via else "+".join(fault.name for fault in hop.faults)
        for hop in case.scenario.through
    )

"""What stands between two places of a stream, as far as it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.scenario import Target
from harness.model.survey import Change, Remedy
from harness.model.verdict import CaseVerdict, Finding, Outcome, worst
from harness.survey.cells import all_products
from harness.survey.comparing import Difference, differences
from harness.survey.expect import Terms
from harness.survey.fingerprints import Likeness, likenesses
from harness.survey.judging import INTERRUPTED, Judge
from harness.survey.kinds import guess
from harness.survey.observation import Observation
from harness.survey.play import Observed
from harness.survey.proofs import Prover, is_curable
from harness.survey.resuming import resuming

NOT_DONE = Change("SKIP", (("SKIP", "compare", INTERRUPTED),), (), ())
"""For a reader: nothing is known, as that was interrupted."""


@dataclass(frozen=True)
class Between:
    """What changes between two places, who it looks like, and what would cure that."""

    differences: tuple[Difference, ...]
    likenesses: tuple[Likeness, ...]
    remedies: tuple[Remedy, ...]


def between(up: Observed, down: Observation, target: Target, seed: int) -> Between:
    """Compare two places.

    Args:
        up: What was said at the place nearer the target, in all ways it was asked.
        down: What was said at the place nearer the client.
        target: The first of them, without secrets.
        seed: Decides what is random.
    """
    found = differences(up.first, down)
    if not found or not up.first.is_stream:
        return Between(found, (), ())
    products = {it.name: it for it in all_products()}
    alike = likenesses(up, down, products.values(), seed)
    if not alike or all(it.is_harmless for it in found):
        return Between(found, alike, ())
    terms = Terms(guess(up.first), resuming(up.first, up.resumed))
    judge = Judge(up, target, terms, seed)
    judged = judge.staying(products[alike[0].name])
    proven = Prover(judge).prove(judged).remedies(()) if is_curable(judged) else ()
    return Between(found, alike, proven)


def case_of(it: Between, number: int, urls: Sequence[str]) -> CaseVerdict:
    """The verdict on the stretch behind a place, which is numbered from 1."""
    proven = [remedy.text for remedy in it.remedies if remedy.is_proven]
    who = f"looks like {it.likenesses[0].name}" if it.likenesses else ""
    findings = tuple(
        Finding(
            check=found.what,
            outcome=_outcome(found),
            expected=f"as at {urls[number - 1]}",
            observed=found.said,
            fix="; or ".join(proven),
            confirm=who,
        )
        for found in it.differences
    ) or (
        Finding(
            check="compare",
            outcome="PASS",
            expected=f"as at {urls[number - 1]}",
            observed="nothing changes",
        ),
    )
    return _case(number, urls, findings, worst(found.outcome for found in findings) or "PASS")


def not_done(number: int, urls: Sequence[str]) -> CaseVerdict:
    """The same where nothing is known, as that was interrupted."""
    expected = f"as at {urls[number - 1]}"
    finding = Finding(check="compare", outcome="SKIP", expected=expected, observed=INTERRUPTED)
    return _case(number, urls, (finding,), "SKIP")


def _case(
    number: int, urls: Sequence[str], findings: tuple[Finding, ...], outcome: Outcome
) -> CaseVerdict:
    return CaseVerdict(
        id=f"compare/{number}-{number + 1}",
        why=f"what becomes of the stream between {urls[number - 1]} and {urls[number]}",
        outcome=outcome,
        through=(urls[number],),
        simulated_s=0.0,
        wall_s=0.0,
        faults=(),
        findings=findings,
        journal="",
        journal_sha256="",
        clock="real",
    )


def change_of(it: Between) -> Change:
    """The same for a reader."""
    what = tuple((_outcome(found), found.what, found.said) for found in it.differences)
    return Change(
        outcome=worst(outcome for outcome, _, _ in what) or "PASS",
        what=what,
        looks_like=tuple((one.name, "; ".join(one.why)) for one in it.likenesses),
        remedies=it.remedies,
    )


def _outcome(found: Difference) -> Outcome:
    return "WARN" if found.is_harmless else "FAIL"

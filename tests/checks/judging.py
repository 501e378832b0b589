"""What the tests of all checks share: judge one journal by one check."""

from __future__ import annotations

from harness.checks.base import CheckConfig
from harness.checks.evidence import Evidence
from harness.model.journal import Journal
from harness.model.verdict import Finding


def judged(check: CheckConfig, journal: Journal) -> list[Finding]:
    """Every finding."""
    return list(check.judge(Evidence.of(journal)))


def only(check: CheckConfig, journal: Journal) -> Finding:
    """The one finding there is."""
    (finding,) = judged(check, journal)
    return finding

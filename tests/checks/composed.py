"""Checks that find what they are told to, and stages to judge with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from harness.checks.base import CheckConfig, Level
from harness.checks.compose import Judged, judge
from harness.checks.evidence import Evidence
from harness.model.scenario import Arms, FaultSpec, Hop, ProductUse, Traffic, Twin
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

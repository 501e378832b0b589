"""Judge every cell, and say how the target has to be asked for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from harness.checks.compose import judge_case
from harness.checks.no_event_duplicated import NoEventDuplicated
from harness.checks.no_event_lost import NoEventLost
from harness.checks.order_kept import OrderKept
from harness.faults.registry import FAULTS
from harness.model.journal import Journal
from harness.model.scenario import Target
from harness.model.verdict import CaseVerdict, FaultEnd, Finding, deciding, worst
from harness.scenario.chain import limit_paths, show_chain
from harness.survey import expect
from harness.survey.cells import DIRECT, Cell
from harness.survey.expect import Terms
from harness.survey.kinds import Level
from harness.survey.leaving import CHECK as LEAVING
from harness.survey.leaving import Leaving, leaving_of
from harness.survey.needs import described
from harness.survey.observation import Observation
from harness.survey.play import NotAskedError, NotOnwardError, Observed, Played, play
from harness.survey.resuming import CHECK as RESUMES
from harness.survey.returning import goes_on

TARGET = Cell(DIRECT, ())
INTERRUPTED: Final = "interrupted before it was done"
"""Why nothing is known of what Ctrl-C came before."""
# What says when a hop notices that its client has gone.
_LETS_GO = "client_gone"
_TWICE = NoEventDuplicated.name
_WHAT_CAME = frozenset({NoEventLost.name, NoEventDuplicated.name, OrderKept.name})


@dataclass(frozen=True)
class Judged:
    """A cell and what came of it.

    Attributes:
        played: Its replay; None: the target was not asked as this chain asks it.
        left: The same chain, and a client that leaves in the middle, on its own; None: not tried.
    """

    cell: Cell
    case: CaseVerdict
    played: Played | None
    left: Judged | None = None

    @property
    def entries(self) -> Journal | None:
        """The journal of its replay."""
        return None if self.played is None else self.played.entries

    @property
    def is_left_unheard(self) -> bool:
        """Whether a client left, and the target was not told, or late."""
        return any(
            it.check == LEAVING and it.outcome in {"FAIL", "WARN"} for it in self.case.findings
        )

    def acted(self, finding: Finding) -> list[FaultEnd]:
        """What the hop that a finding blames did."""
        if finding.hop is None:
            return []
        if finding.check != LEAVING or self.left is None:
            return deciding(self.case.faults, finding.hop, finding.check)
        acted = deciding(self.left.case.faults, finding.hop)
        return [it for it in acted if it.fault == _LETS_GO] or acted


@dataclass(frozen=True)
class Judge:
    """Judges what was observed, on no path and on every path.

    Attributes:
        observed: What the target said.
        target: Which it is, without secrets.
        terms: What is known beside that.
        seed: Decides what is random.
    """

    observed: Observed
    target: Target
    terms: Terms
    seed: int

    def had_it_done(self, fixes: Iterable[Callable[[Observation], Observation]]) -> Judge:
        """Who judges the same target, had it done all of this besides."""
        return replace(self, observed=self.observed.with_all(fixes))

    def on_itself(self) -> Judged:
        """What is to be said of the target, on no path at all."""
        asked = expect.of_the_target(self.observed.first, self.terms)
        judged = self._judged(TARGET, asked, None)
        if not self.observed.first.is_stream:
            return judged
        level = self.terms.kind.level
        resumes = self.terms.resuming.finding
        found = list(judged.case.findings)
        if resumes.outcome != "INCONCLUSIVE" or level(RESUMES) != "no":
            found.append(_at_most(resumes, level(RESUMES)))
        found += [_at_most(it, level(it.check)) for it in self.observed.together]
        if (leaving := self.observed.first.leaving) is not None:
            found.append(_at_most(leaving, level(leaving.check)))
        return replace(judged, case=_with(judged.case, tuple(found)))

    def expect_of(self, cell: Cell) -> dict[str, Any]:
        """What is asked of a chain, as `expect:` in a scenario."""
        is_back = self.again_of(cell) is not None
        return expect.of_a_path(cell, self.observed.first, self.terms, comes_back=is_back)

    def again_of(self, cell: Cell) -> Observation | None:
        """What the target says to a client that comes back; None: nobody knows, or comes back.

        A browser comes back once a chain has ended its response, and the target goes on.
        """
        first, kind = self.observed.first, self.terms.kind
        if self.terms.resuming.how != "goes on" or kind.level(RESUMES) == "no":
            return None
        is_asked_again = first.request.method == "GET" and self.terms.lets_go(first)
        is_ended = bool(limit_paths(cell.hops))
        return self.observed.resumed if is_asked_again and is_ended and goes_on(first) else None

    def through(self, cell: Cell) -> Judged:
        """What a chain does to the target's stream, and to what it should hear of its clients."""
        judged = self.staying(cell)
        return judged if judged.played is None else with_leaving(judged, self.leaving(cell))

    def leaving(self, cell: Cell) -> Judged | None:
        """Whether a chain tells the target of a client that leaves; None: that is not meant.

        Raises:
            NotAskedError: See `play`.
        """
        leaving = self.how_left
        if leaving is None:
            return None
        asked, gone_s = leaving.expect, leaving.at_s
        played = play(
            cell, self.observed, self.target, asked, self.seed, leaving.until_s, gone_s=gone_s
        )
        return self.of(cell, played, is_whole=played.until_s >= leaving.until_s)

    @property
    def how_left(self) -> Leaving | None:
        """How a client leaves this stream; None: nobody is meant to hear of it."""
        return None if self.terms.kind.leaving == "no" else leaving_of(self.observed.first)

    def staying(self, cell: Cell) -> Judged:
        """What a chain does to the target's stream."""
        try:
            try:
                return self._judged(cell, self.expect_of(cell), self.again_of(cell))
            except NotOnwardError:
                first, terms = self.observed.first, self.terms
                return self._judged(cell, expect.of_a_path(cell, first, terms), None)
        except NotAskedError as error:
            how = described(error.ask)
            answer, why = f"the target's answer to {how}", f"not asked for it ({how})"
            return skipped(cell, answer, why)

    def _levelled(self, finding: Finding, case: CaseVerdict) -> Finding:
        """A finding as much as it is meant for this kind of stream."""
        kind = self.terms.kind
        if finding.check == LEAVING:
            return _at_most(finding, kind.leaving)
        if finding.check == _TWICE:
            return _at_most(finding, kind.level(RESUMES))
        first = self.observed.first
        is_asked_again = not first.has_all and first.request.method == "GET"
        if is_asked_again and is_limited(finding, case):
            # A browser comes back after it: what counts is how the target resumes.
            return _at_most(finding, kind.level(RESUMES))
        return _at_most(finding, kind.level(finding.check))

    def _judged(self, cell: Cell, asked: Mapping[str, Any], again: Observation | None) -> Judged:
        played = play(cell, self.observed, self.target, asked, self.seed, again=again)
        judged = self.of(cell, played)
        return replace(judged, case=msgspec.structs.replace(judged.case, clock="replay"))

    def of(self, cell: Cell, played: Played, *, is_whole: bool = True) -> Judged:
        """What is to be said of a stream that has come through a chain.

        Args:
            cell: The chain.
            played: What came of it.
            is_whole: Whether it was watched for as long as it was meant to be.
        """
        case = judge_case(played.entries, through=show_chain(cell.hops))
        findings = [self._levelled(it, case) for it in case.findings]
        if not is_whole:
            findings = [_unseen(it) for it in findings]
        if played.has_lost_id:
            findings = [_unknown(it) for it in findings]
        case = _with(case, tuple(findings))
        note = "" if played.projected_s is None else f"projected from {played.projected_s:.0f} s"
        return Judged(cell, msgspec.structs.replace(case, clock="real", note=note), played)


def _at_most(finding: Finding, level: Level) -> Finding:
    """What only should be warns at most."""
    if finding.outcome == "FAIL" and level != "MUST":
        return msgspec.structs.replace(finding, outcome="WARN")
    return finding


def _unseen(finding: Finding) -> Finding:
    """What would have had to be watched for longer is not judged."""
    if finding.outcome == "INCONCLUSIVE":
        return msgspec.structs.replace(finding, outcome="SKIP")
    return finding


def _unknown(finding: Finding) -> Finding:
    """What depends on what a target says to a client that comes back without the id it has."""
    if finding.check not in _WHAT_CAME:
        return finding
    said = "not known: what the target says to a client that comes back without an id"
    return Finding(check=finding.check, outcome="SKIP", expected=finding.expected, observed=said)


def with_leaving(judged: Judged, left: Judged | None) -> Judged:
    """A chain, and what was seen of a client that left there."""
    if left is None:
        return judged
    is_broken = left.case.outcome == "ERROR"
    # Their entries are in another journal.
    found = [
        msgspec.structs.replace(it, evidence=())
        for it in left.case.findings
        if is_broken or it.check == LEAVING
    ]
    case = _with(judged.case, (*judged.case.findings, *found))
    if is_broken:
        case = msgspec.structs.replace(case, outcome="ERROR")
    return replace(judged, case=case, left=left)


def is_limited(finding: Finding, case: CaseVerdict) -> bool:
    """Whether a response was ended by what ends every one that lasts."""
    if finding.check != "stays_open" or finding.hop is None:
        return False
    acted = deciding(case.faults, finding.hop, finding.check)
    return bool(acted) and all(FAULTS[it.fault].always_ends for it in acted)


def _with(case: CaseVerdict, findings: tuple[Finding, ...]) -> CaseVerdict:
    """The same case with other findings, and the outcome they come to."""
    outcome = case.outcome
    if outcome in {"PASS", "WARN", "FAIL", "INCONCLUSIVE"}:
        outcome = worst(it.outcome for it in findings) or outcome
    return msgspec.structs.replace(case, findings=findings, outcome=outcome)


def skipped(cell: Cell, expected: str, observed: str, check: str = "asked") -> Judged:
    """A chain of which nothing can be said, and why."""
    why = Finding(check=check, outcome="SKIP", expected=expected, observed=observed)
    case = CaseVerdict(
        id=f"check/{cell.name}",
        why=f"the stream, through {cell.title}",
        outcome="SKIP",
        through=show_chain(cell.hops),
        simulated_s=0.0,
        wall_s=0.0,
        faults=(),
        findings=(why,),
        journal="",
        journal_sha256="",
        clock="replay",
    )
    return Judged(cell, case, None)


def is_broken_off(case: CaseVerdict) -> bool:
    """Whether Ctrl-C came before all of it was done."""
    return any(it.observed == INTERRUPTED for it in case.findings)


def survivors(cells: Sequence[Judged]) -> int:
    """How many chains the stream survives."""
    return sum(it.case.outcome == "PASS" for it in cells)

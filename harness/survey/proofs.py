"""Which remedies cure which failure: each applied to the replay, which is judged again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

import msgspec

from harness.model.survey import Remedy
from harness.survey.cells import Cell
from harness.survey.directives import Directive, directives
from harness.survey.judging import Judge, Judged, is_limited
from harness.survey.leaving import CHECK as LEAVING
from harness.survey.rows import main_finding
from harness.survey.server_fixes import (
    AT_ONCE,
    BEATING,
    BEATING_OFTEN,
    SERVER_FIXES,
    UNBUFFERED,
    UNTRANSFORMED,
    ServerFix,
)

_AND = "; and "
# What servers are told to do against what, whether it helps or not.
_FOLKLORE: Mapping[str, tuple[ServerFix, ...]] = MappingProxyType(
    {
        "buffer": (UNBUFFERED,),
        "deferred_flush": (UNBUFFERED,),
        "compress": (UNTRANSFORMED,),
        "idle_timeout": (BEATING, BEATING_OFTEN),
        "first_byte_timeout": (AT_ONCE, BEATING),
        "max_duration": (BEATING,),
        "client_gone": (BEATING, BEATING_OFTEN),
    }
)
_CURABLE = frozenset({"FAIL", "WARN"})

type Fixes = tuple[ServerFix, ...]
type _Known = dict[tuple[int, Fixes], tuple[Cell, bool]]


@dataclass(frozen=True)
class Proven:
    """What cures one chain.

    Attributes:
        cures: Sets of things the server may do each of which is enough, the smallest first.
        settings: What may be set at the hop to blame instead.
        in_vain: What a server is told to do against such a thing, and what is not enough here.
        rescue: What is known to help, and cannot be tried on a replay.
        is_for_the_server: Whether that is something to be done by the server.
    """

    cures: tuple[Fixes, ...]
    settings: tuple[str, ...]
    in_vain: tuple[ServerFix, ...]
    rescue: str = ""
    is_for_the_server: bool = False

    def remedies(self, first: Iterable[ServerFix]) -> tuple[Remedy, ...]:
        """What to tell, beginning with what is to be done anyway.

        Args:
            first: What cures the most chains.
        """
        wanted = set(first)
        best = sorted(self.cures, key=lambda it: (not set(it) <= wanted, len(it)))[:1]
        proven = [Remedy(told(it), is_proven=True, is_the_servers=True) for it in best]
        proven += [Remedy(it, is_proven=True) for it in self.settings]
        vain = (
            []
            if best
            else [Remedy(it.text, is_proven=False, is_the_servers=True) for it in self.in_vain]
        )
        is_told = self.rescue and (not proven or (self.is_for_the_server and not best))
        rescue = [Remedy(self.rescue)] if is_told else []
        return (*proven, *vain, *rescue)


def told(fixes: Fixes) -> str:
    """Several things to do, for a person."""
    return _AND.join(it.text for it in fixes)


class Prover:
    """Tries remedies on replays.

    Args:
        judge: Who judged the target as it is.

    Attributes:
        useful: What the server does not do already.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._judges: dict[Fixes, Judge] = {}
        self.useful = tuple(it for it in SERVER_FIXES if it.helps(judge.observed.first))

    def prove(self, judged: Judged) -> Proven:
        """What cures a chain that the stream does not survive."""
        main = main_finding(judged)
        is_left = main is not None and main.check == LEAVING
        known: _Known = {(id(judged.cell), ()): (judged.cell, False)}
        trial = _Trial(self, judged.cell, known, is_left=is_left)
        useful = self.useful
        cures: list[Fixes] = [(it,) for it in useful if trial.passes((it,))]
        if not cures and trial.passes(useful):
            cures = trial.smallest()
        acted = [] if main is None else judged.acted(main)
        usual = [fix for it in acted for fix in _FOLKLORE.get(it.fault, ())]
        vain = tuple(it for it in dict.fromkeys(usual) if it in useful and (it,) not in cures)
        rescue = "; ".join(dict.fromkeys(it.rescue for it in acted if it.rescue))
        is_endless = not self._judge.observed.first.has_all
        is_ended = main is not None and is_endless and is_limited(main, judged.case)
        if main is not None and is_ended:
            rescue = main.fix  # to come back, and to go on
        return Proven(tuple(cures), tuple(_settings(judged, trial, cures)), vain, rescue, is_ended)

    def judge_with(self, fixes: Fixes) -> Judge:
        """Who judges the target, had it done these."""
        if fixes not in self._judges:
            self._judges[fixes] = self._judge.had_it_done(it.apply for it in fixes)
        return self._judges[fixes]


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is tried on one chain.

    Attributes:
        known: What came of what was tried, by the chain itself, which is kept for that.
        is_left: Whether what is to be cured is that nobody tells the target of a client that
            leaves. What a stream suffers is cured or not, whatever else is told of the chain.
    """

    prover: Prover
    cell: Cell
    known: _Known
    is_left: bool

    def passes(self, fixes: Fixes) -> bool:
        """Whether the stream survives this chain if the server does all of this."""
        # A field that the chain does not heed changes nothing there.
        felt = tuple(it for it in fixes if not it.field or self.cell.heeds(it.field))
        at = id(self.cell), felt
        if at not in self.known:
            self.known[at] = self.cell, self._is_cured(felt)
        return self.known[at][1]

    def _is_cured(self, fixes: Fixes) -> bool:
        judge = self.prover.judge_with(fixes)
        if not self.is_left:
            return judge.staying(self.cell).case.outcome == "PASS"
        judged = judge.through(self.cell)
        told = {it.outcome for it in judged.case.findings if it.check == LEAVING}
        return judged.case.outcome == "PASS" and told == {"PASS"}

    def smallest(self, least: int = 2) -> list[Fixes]:
        """The smallest sets, of so many at least, that do together what none does alone."""
        useful = self.prover.useful
        for size in range(least, len(useful) + 1):
            found = [it for it in combinations(useful, size) if self.passes(it)]
            if found:
                return found
        return []

    def tried(self, some: Iterable[Directive], fixes: Fixes) -> Iterator[str]:
        """Of each setting the first value that cures, beside what the server does."""
        cured: set[str] = set()
        for it in some:
            there = replace(self, cell=it.cell)
            if it.setting not in cured and there.passes(fixes):
                cured.add(it.setting)
                needed = there.smallest(1)[0] if fixes else ()
                yield _AND.join([it.text, *(fix.text for fix in needed)])


def _settings(judged: Judged, trial: _Trial, cures: Sequence[Fixes]) -> Iterator[str]:
    """What may be set in the chain; of each setting the first value that cures.

    What is blamed comes first, then what else that hop does. Where the server cannot cure it
    either, what both have to do: a setting of any hop and all that the server may do.
    """
    finding = main_finding(judged)
    if finding is None or finding.hop is None:
        return
    blamed = {it.setting for it in judged.acted(finding)}
    specs = [it for it in judged.cell.hops[finding.hop - 1].faults if it.setting]
    own = dict.fromkeys(it.setting for it in specs if it.directive in blamed)
    others = dict.fromkeys(it.setting for it in specs if it.directive not in blamed)
    for names in (tuple(own), tuple(others)):
        found = list(trial.tried(directives(judged.cell, finding.hop, names), ()))
        if found:
            yield from found
            return
    if cures:
        return
    ends = judged.left.case.faults if trial.is_left and judged.left else judged.case.faults
    fired = {(it.hop, it.setting) for it in ends if it.end == "fired"}
    for number, hop in enumerate(judged.cell.hops, 1):
        at_work = (it for it in hop.faults if (number, it.directive) in fired)
        names = tuple(dict.fromkeys(it.setting for it in at_work if it.setting))
        some = directives(judged.cell, number, names, raises_limits=False)
        yield from trial.tried(some, trial.prover.useful)


def first_to_do(proven: Mapping[str, Proven]) -> tuple[Fixes, int]:
    """The smallest set of things to do that cures most chains, and how many.

    What cures most alone comes first in it.

    Args:
        proven: By the name of the chain.
    """
    known = {fix for it in proven.values() for cure in it.cures for fix in cure}
    usable = [it for it in SERVER_FIXES if it in known]
    best: Fixes = ()
    most = 0
    for size in range(1, len(usable) + 1):
        for some in combinations(usable, size):
            count = _cured(proven.values(), some)
            if count > most:
                best, most = some, count
    return tuple(sorted(best, key=lambda it: -_cured(proven.values(), (it,)))), most


def _cured(proven: Iterable[Proven], fixes: Sequence[ServerFix]) -> int:
    done = set(fixes)
    return sum(any(set(cure) <= done for cure in it.cures) for it in proven)


def is_curable(judged: Judged) -> bool:
    """Whether a cell failed, so that there is something to cure."""
    return judged.case.outcome in _CURABLE and judged.played is not None


def with_fix(judged: Judged, remedies: Sequence[Remedy]) -> Judged:
    """The same with the remedies that are proven in place of what its findings advise."""
    proven = [it.text for it in remedies if it.is_proven]
    finding = main_finding(judged)
    if finding is None or not proven:
        return judged
    fix = f"{'; or '.join(proven)} (PROVEN: replayed)"
    findings = tuple(
        msgspec.structs.replace(it, fix=fix) if it is finding else it for it in judged.case.findings
    )
    return replace(judged, case=msgspec.structs.replace(judged.case, findings=findings))

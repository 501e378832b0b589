"""One chain on the wire, in real time, in place of its replay."""

from __future__ import annotations

from pathlib import Path

from harness.engine.case import perform
from harness.engine.real_hop import identified
from harness.engine.stage import Props, is_simulated
from harness.errors import HopError, TargetError
from harness.hops.mitm import need_mitmproxy
from harness.model.journal import StageProblem
from harness.model.scenario import Case, EventSource, Target
from harness.survey.cells import Cell
from harness.survey.judging import Judge, Judged
from harness.survey.observation import Observation
from harness.survey.play import Played, scenario_of

# Past the limit that is waited for: time for the client to see what comes of it.
_AFTER_S = 5.0
_LEAST_S = 10.0
# What a hop holds to the end comes after it, and the machine may be late.
_LONGER = 1.5


def wait_s(cell: Cell, seen: Observation) -> float:
    """How long a chain takes on the wire at most, in seconds: a stream, or its slowest limit."""
    if seen.has_all:
        return _LONGER * seen.long_s + _AFTER_S
    return max(_LEAST_S, seen.watched_s, cell.longest_limit_s + _AFTER_S)


def on_the_wire(cell: Cell, judge: Judge, target: Target, folder: Path) -> Judged:
    """Ask through a chain, and judge what comes of it.

    Args:
        cell: The chain.
        judge: Who knows what to expect of it.
        target: Whom to ask, secrets and all.
        folder: Where the journal is kept, and what programs leave.

    Raises:
        TargetError: The target cannot be reached.
        HopError: A hop broke.
        LocalEnvironmentError: A program is not installed, or nothing can be written.
    """
    seen = judge.observed.first
    scenario = scenario_of(cell, judge.expect_of(cell), wait_s(cell, seen)).model_copy(
        update={"client": (EventSource(reconnect=False),)}
    )
    case = identified(
        Case(id=scenario.id, scenario=scenario, target=target, clock="real", seed=judge.seed)
    )
    if is_simulated(case):
        need_mitmproxy("--exact")
    entries, _ = perform(case, Props(programs=folder), folder / "journal.jsonl")
    for entry in entries:
        if isinstance(entry, StageProblem) and entry.source == "hop":
            raise HopError(entry.message, entry.hop or 0)
        if isinstance(entry, StageProblem):
            raise TargetError(entry.message, entry.source)
    played = Played(entries, entries[len(entries) - 1].t_s, None, ())
    return judge.of(Cell(cell.name, case.scenario.through), played)

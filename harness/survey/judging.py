"""Judge every cell, and say how the target has to be asked for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.checks.compose import judge_case
from harness.hops.observed import Asked
from harness.model.ask import Ask
from harness.model.journal import Journal
from harness.model.scenario import Target
from harness.model.verdict import CaseVerdict, Finding
from harness.scenario.chain import show_chain
from harness.survey import expect
from harness.survey.cells import DIRECT, Cell
from harness.survey.play import NotAskedError, Observed, Played, asks_of, play

TARGET = Cell(DIRECT, ())


@dataclass(frozen=True)
class Judged:
    """A cell and what came of it.

    Attributes:
        played: Its replay; None: the target was not asked as this chain asks it.
    """

    cell: Cell
    case: CaseVerdict
    played: Played | None

    @property
    def entries(self) -> Journal | None:
        """The journal of its replay."""
        return None if self.played is None else self.played.entries


def versions_wanted(cells: Iterable[Cell], request: Asked, seed: int) -> list[Ask]:
    """How the target is going to be asked, as far as that is known before it is.

    A client's own request comes first. Which content codings make a difference is known only once
    the target has answered.
    """
    own = Ask.of(request.version, request.headers)
    found = {own.version: own}
    for cell in cells:
        for ask in asks_of(cell.hops, request, seed):
            found.setdefault(ask.version, ask)
    return list(found.values())


def unasked(cells: Iterable[Cell], observed: Observed, seed: int) -> dict[Ask, list[Cell]]:
    """The ways of asking that some chains need and that are not known yet, and which chains."""
    out: dict[Ask, list[Cell]] = {}
    for cell in cells:
        try:
            play(cell, observed, Target(url=""), {}, seed)
        except NotAskedError as error:
            out.setdefault(error.ask, []).append(cell)
    return out


def judge_target(observed: Observed, target: Target, seed: int) -> Judged:
    """What is to be said of the target itself, on no path at all."""
    return _judged(TARGET, observed, target, expect.of_the_target(observed.first), seed)


def judge_cell(cell: Cell, observed: Observed, target: Target, seed: int) -> Judged:
    """What a chain does to the target's stream."""
    asked = expect.of_a_path(cell, observed.first)
    try:
        return _judged(cell, observed, target, asked, seed)
    except NotAskedError as error:
        return Judged(cell, _skipped(cell, error.ask), None)


def _judged(
    cell: Cell, observed: Observed, target: Target, asked: Mapping[str, Any], seed: int
) -> Judged:
    played = play(cell, observed, target, asked, seed)
    case = judge_case(played.entries, through=show_chain(cell.hops))
    note = "" if played.projected_s is None else f"projected from {played.projected_s:.0f} s"
    return Judged(cell, msgspec.structs.replace(case, clock="replay", note=note), played)


def _skipped(cell: Cell, ask: Ask) -> CaseVerdict:
    why = Finding(
        check="asked",
        outcome="SKIP",
        expected=f"the target's answer to {described(ask)}",
        observed=f"it was not asked for it: {described(ask)}",
    )
    return CaseVerdict(
        id=f"check/{cell.name}",
        why=f"the stream, replayed through {cell.title}",
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


def described(ask: Ask) -> str:
    """A way of asking, for a person: `HTTP/1.0`, `Accept-Encoding: gzip`."""
    words = [ask.version] if ask.version != "HTTP/1.1" else []
    if ask.last_event_id is not None:
        words.append("Last-Event-ID")
    if not words:
        words.append(f"Accept-Encoding: {ask.accept_encoding or 'none'}")
    return ", ".join(words)


def survivors(cells: Sequence[Judged]) -> int:
    """How many chains the stream survives."""
    return sum(it.case.outcome == "PASS" for it in cells)

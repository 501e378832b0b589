"""In which order `check --exact` asks, and what it leaves out when it may not ask any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.cli import checking
from harness.cli.checking import Wanted
from harness.engine import exact
from harness.engine.asking import Limits
from harness.model.journal import Journal, StageProblem
from harness.model.scenario import Target
from harness.report import terminal
from harness.report.directory import RunDirectory
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell
from harness.survey.judging import Judge, Judged
from tests.survey.seen import URL, every, judge, saw
from tests.testkit.journals import Stage

CHECK = "disconnect_noticed"
LIVELY = saw(*every(1.0, 10), watched_s=10.5)
CELLS = [Cell(name, parse_chain(name)) for name in ("caddy", "nghttpx")]


class Wire:
    """Plays what it is asked to put on the wire, and notes it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_interrupted = False

    def stays(self, cell: Cell, judge: Judge, *_: object) -> Judged:
        self.asked.append(cell.name)
        return judge.staying(cell)

    def leaves(self, cell: Cell, judge: Judge, *_: object) -> Judged:
        self.asked.append(f"{cell.name} leaves")
        if self.is_interrupted:
            raise KeyboardInterrupt
        left = judge.leaving(cell)
        assert left is not None
        return left


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(checking, "on_the_wire", made.stays)
    monkeypatch.setattr(checking, "left_on_the_wire", made.leaves)
    return made


def breaks(*_: object) -> tuple[Journal, float]:
    """A case of which a hop ended."""
    stage = Stage(hops=1, is_reference=False, clock="real")
    stage.put(0.5, StageProblem(source="hop", message="it ended with 1", hop=1))
    return stage.journal(over_s=0.5), 0.5


def exactly(left: int, folder: Path, **limits: Any) -> list[Judged]:
    wanted = Wanted(
        target=Target(url=URL),
        from_dir=None,
        through=None,
        settings=(),
        limits=Limits(left + 1, **limits),
        seed=1,
        kinds=(),
        reports=folder,
        is_full=False,
        is_exact=True,
    )
    console = terminal.make_console(no_color=True)
    directory = RunDirectory.create(folder)
    work = checking._exactly(CELLS, judge(LIVELY), wanted, directory, left, console)
    return checking._until_interrupted(work)[0]


def outcomes(it: Judged) -> list[tuple[str, str]]:
    return [(found.outcome, found.observed) for found in it.case.findings if found.check == CHECK]


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (0, []),
        (1, ["caddy"]),
        (2, ["caddy", "nghttpx"]),
        (3, ["caddy", "caddy leaves", "nghttpx"]),
        (4, ["caddy", "caddy leaves", "nghttpx", "nghttpx leaves"]),
        (9, ["caddy", "caddy leaves", "nghttpx", "nghttpx leaves"]),
    ],
)
def test_no_client_leaves_for_which_another_chain_would_go_short(
    wire: Wire, tmp_path: Path, left: int, asked: list[str]
) -> None:
    judged = exactly(left, tmp_path)

    assert wire.asked == asked
    assert [it.cell for it in judged] == CELLS
    for it in judged:
        if it.cell.name not in asked:
            assert it.case.outcome == "SKIP"
        elif f"{it.cell.name} leaves" not in asked:
            assert outcomes(it) == [("SKIP", f"asked {left + 1} times (--max-requests)")]
        else:
            assert outcomes(it) == [("PASS", "the target was told after 0.0 s")]


def test_what_takes_too_long_is_not_asked_for(wire: Wire, tmp_path: Path) -> None:
    judged = exactly(4, tmp_path, time_s=5.0)

    assert wire.asked == []
    assert {it.case.outcome for it in judged} == {"SKIP"}
    assert "(--max-time)" in judged[0].case.findings[0].observed


def test_an_interrupt_while_a_client_leaves_keeps_what_was_seen_before(
    wire: Wire, tmp_path: Path
) -> None:
    wire.is_interrupted = True
    (judged,) = exactly(4, tmp_path)

    assert wire.asked == ["caddy", "caddy leaves"]
    assert judged.case.outcome == "PASS"
    assert outcomes(judged) == [("SKIP", "interrupted before it was done")]


def test_a_chain_that_breaks_leaves_the_others_what_they_are(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays(cell: Cell, judge: Judge, *more: Any) -> Judged:
        if cell.name == "caddy":
            return exact.on_the_wire(cell, judge, *more)
        return wire.stays(cell, judge, *more)

    monkeypatch.setattr(exact, "perform", breaks)
    monkeypatch.setattr(checking, "on_the_wire", stays)
    broken, whole = exactly(4, tmp_path)

    (why,) = broken.case.findings
    assert (broken.case.outcome, why.outcome, why.hop) == ("ERROR", "ERROR", 1)
    assert why.observed == "it ended with 1"
    assert whole.case.outcome == "PASS"
    assert wire.asked == ["nghttpx", "nghttpx leaves"]


def test_one_that_breaks_when_its_client_leaves_is_an_error(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "perform", breaks)
    monkeypatch.setattr(checking, "left_on_the_wire", exact.left_on_the_wire)
    judged = exactly(4, tmp_path)

    assert wire.asked == ["caddy", "nghttpx"]
    assert [it.case.outcome for it in judged] == ["ERROR", "ERROR"]
    assert judged[0].case.findings[-1].observed == "it ended with 1"

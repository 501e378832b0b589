"""Ctrl-C ends a check or a comparison with a report of what was done by then."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.model.verdict import CaseVerdict
from tests.real.programs import PATIENCE_S, Finished, Program, started
from tests.real.test_command_target import STUBBORN

pytestmark = pytest.mark.real

_POLL_S = 0.05
NOT_DONE = "interrupted before it was done"
SERVER = shlex.join([sys.executable, "-I", "-S", str(STUBBORN), "{port}"])
URL = "http://127.0.0.1:{port}/events"


def until(holds: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(_POLL_S)


def interrupted(program: Program) -> Finished:
    program.interrupt()
    ended = program.end()
    until(lambda: program.members() == [])
    assert (ended.code, ended.err) == (130, ""), ended
    assert ended.verdict.exit_code == 130
    cases = ET.parse(ended.reports / "latest" / "junit.xml").findall(".//testcase")
    assert sorted(it.get("name") or "" for it in cases) == sorted(
        it.id for it in ended.verdict.cases
    )
    return ended


def not_done(ended: Finished) -> list[str]:
    return [it.id for it in ended.verdict.cases if is_not_done(it)]


def is_not_done(case: CaseVerdict) -> bool:
    said = [it.observed for it in case.findings]
    assert case.outcome == "SKIP" or NOT_DONE not in said
    return NOT_DONE in said


def test_a_chain_on_the_wire_ends_with_what_was_done_and_its_programs(tmp_path: Path) -> None:
    words = ["--command", SERVER, "--exact", "--through", "[{idle_timeout: {after: 40s}}]"]
    with started("check", URL, *words, cwd=tmp_path) as program:
        program.wait_for("idle_timeout 40s: up to 45")
        until(lambda: len(list(tmp_path.glob("reports/latest/*/journal.jsonl"))) == 2)
        ended = interrupted(program)

    direct, chain = ended.verdict.cases
    assert (direct.id, direct.outcome != "SKIP") == ("check/direct", True)
    assert not_done(ended) == [chain.id]
    assert "interrupted: 0 of 1 chains are done" in ended.out
    assert "observed" in ended.out
    assert f"SKIP   {NOT_DONE}" in ended.out


def test_replays_end_with_those_that_were_done(starlette: str, tmp_path: Path) -> None:
    words = ["--max-requests", "1", "--max-time", "2s", "-v"]
    with started("check", f"{starlette}/events", *words, cwd=tmp_path) as program:
        program.wait_for("replaying through ")
        time.sleep(0.5)  # a fraction of what a hundred replays take
        ended = interrupted(program)

    told = re.search(r"interrupted: (\d+) of (\d+) chains are done", ended.out)
    assert told is not None, ended
    done, of = map(int, told.groups())
    assert len(not_done(ended)) == of - done > 0
    assert len(ended.verdict.cases) == of + 1
    assert f"of {of}" in ended.out
    assert NOT_DONE in ended.out


def test_before_anything_is_heard_every_chain_is_named(tmp_path: Path) -> None:
    words = ["--command", SERVER, "--through", "nginx"]
    with started("check", URL, *words, cwd=tmp_path) as program:
        until(lambda: list(tmp_path.glob("reports/latest/observed-1/journal.jsonl")) != [])
        ended = interrupted(program)

    assert not_done(ended) == ["check/nginx"]
    assert "interrupted: nothing was heard to its end, so nothing is known" in ended.out


def test_a_comparison_ends_with_the_places_that_were_heard(starlette: str, tmp_path: Path) -> None:
    places = [f"{starlette}/finite?count=3", f"{starlette}/finite?count=3", f"{starlette}/events"]
    with started("compare", *places, cwd=tmp_path) as program:
        program.wait_for(f"asking {starlette}/events")
        until(lambda: list(tmp_path.glob("reports/latest/place-3/*/journal.jsonl")) != [])
        ended = interrupted(program)

    assert "interrupted: 2 of 3 places were heard" in ended.out
    assert not_done(ended) == ["compare/1-2", "compare/2-3"]
    assert "3 events" in ended.out
    assert "not heard to the end" in ended.out
    assert f"SKIP 2 → 3   compare   {NOT_DONE}" in ended.out

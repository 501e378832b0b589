"""A journal in, a verdict out: the same one whenever it is asked for."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import msgspec

from harness.engine.case import perform
from harness.engine.judge import digest, judge, judge_again
from harness.engine.stage import Props
from harness.model.journal import Journal, encode
from harness.model.verdict import CaseVerdict
from tests.engine.performing import case_of


@cache
def performed() -> Journal:
    case = case_of(id="test/judged", through=[{"max_duration": {"after": "5s"}}])
    entries, _ = perform(case, Props(), None)
    return entries


def verdict() -> CaseVerdict:
    return judge(
        performed(),
        wall_s=0.123456,
        shown_path="folder/journal.jsonl",
        through=("max_duration 5s",),
        again="sse-harness run test/judged",
    )


def test_a_verdict_says_what_was_judged_and_how_to_run_it_again() -> None:
    judged = verdict()
    assert (judged.id, judged.why, judged.outcome) == ("test/judged", "a test", "PASS")
    assert judged.through == ("max_duration 5s",)
    assert judged.again == "sse-harness run test/judged"
    assert judged.journal == "folder/journal.jsonl"
    assert judged.wall_s == 0.123
    assert judged.simulated_s == performed()[len(performed()) - 1].t_s
    assert [(it.hop, it.fault, it.end) for it in judged.faults] == [(1, "max_duration", "fired")]
    assert [(it.check, it.outcome) for it in judged.findings] == [("no_event_lost", "PASS")]


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(encode(entry) + b"\n" for entry in performed()))
    assert digest(performed()) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert verdict().journal_sha256 == digest(performed())


def test_any_entry_changes_the_digest() -> None:
    *most, last = performed()
    later = msgspec.structs.replace(last, t_s=last.t_s + 1e-6)
    assert digest(Journal([*most, later])) != digest(performed())


def test_a_case_is_judged_again_from_its_journal_alone() -> None:
    lines = [encode(entry) for entry in performed()]
    assert judge_again(verdict(), Journal.read(lines)) == verdict()


def test_a_case_that_is_judged_again_keeps_what_no_journal_knows() -> None:
    before = msgspec.structs.replace(verdict(), outcome="FAIL", findings=(), wall_s=7.0)
    after = judge_again(before, performed())
    assert (after.outcome, after.findings) == ("PASS", verdict().findings)
    assert (after.wall_s, after.again, after.through) == (7.0, before.again, before.through)

"""Have a case judged: its journal in, its verdict out."""

from __future__ import annotations

import hashlib

import msgspec

from harness.checks.compose import judge_case
from harness.model.journal import Journal, StageMoved, StageRemark, encode
from harness.model.verdict import CaseVerdict


def judge(
    entries: Journal,
    *,
    wall_s: float,
    shown_path: str,
    through: tuple[str, ...],
    again: str,
) -> CaseVerdict:
    """Judge a case that has just run.

    Args:
        entries: Its journal.
        wall_s: How long it took, in seconds of this machine.
        shown_path: Where the journal is, as the verdict names it.
        through: The chain as it is written, one string a hop.
        again: The command that runs it again.
    """
    case = judge_case(
        entries,
        through=through,
        wall_s=round(wall_s, 3),
        journal_path=shown_path,
        journal_sha256=digest(entries),
        again=again,
    )
    notes = [f"moved to the real clock: {it.why}" for it in entries if isinstance(it, StageMoved)]
    notes += [entry.what for entry in entries if isinstance(entry, StageRemark)]
    note = "; ".join(notes)
    return msgspec.structs.replace(case, clock=entries.case.clock, note=note)


def judge_again(case: CaseVerdict, entries: Journal) -> CaseVerdict:
    """Judge a case of a finished run anew, from its journal alone."""
    return judge(
        entries,
        wall_s=case.wall_s,
        shown_path=case.journal,
        through=case.through,
        again=case.again,
    )


def digest(entries: Journal) -> str:
    """SHA-256 of the journal's lines: of the file, had it been written."""
    running = hashlib.sha256()
    for entry in entries:
        running.update(encode(entry) + b"\n")
    return running.hexdigest()

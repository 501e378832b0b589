"""What a finished check observed, read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.asking import JOURNAL, OBSERVED, TOGETHER, heard_before
from harness.errors import UsageError
from harness.model import journal
from harness.model.journal import Journal
from harness.model.promises import Promises
from tests.testkit.journals import Stage


def _kept(run: Path, name: str, entries: Journal) -> Path:
    folder = run / name
    folder.mkdir(parents=True)
    lines = [journal.encode(it) + b"\n" for it in entries]
    (folder / JOURNAL).write_bytes(b"".join(lines))
    return folder / JOURNAL


def _stage(clients: int) -> Stage:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    for client in range(1, clients + 1):
        stage.connect(0.0, client=client).events(1, 9)
    return stage


def test_what_was_observed_is_there_again(tmp_path: Path) -> None:
    _kept(tmp_path, f"{OBSERVED}-1", _stage(1).journal(over_s=10.0))
    _kept(tmp_path, TOGETHER, _stage(2).journal(over_s=10.0))
    target, observed = heard_before(tmp_path)
    assert target.promises.broadcast
    assert observed.first.events == 9
    assert [it.outcome for it in observed.together] == ["PASS", "PASS"]


def test_nothing_is_said_of_several_streams_that_were_interrupted(tmp_path: Path) -> None:
    _kept(tmp_path, f"{OBSERVED}-1", _stage(1).journal(over_s=10.0))
    _kept(tmp_path, TOGETHER, _stage(2).journal(is_whole=False))
    assert heard_before(tmp_path)[1].together == ()


def test_a_directory_in_which_nothing_was_observed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds nothing that a check observed"):
        heard_before(tmp_path)

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalEnvironmentError, UsageError
from harness.model.journal import CaseEntry, Entry, StageOver, encode
from harness.report import jsonfile
from harness.report.directory import RunDirectory, folder_of, read_run, write_atomically
from tests.report.samples import case, verdict

NOON = datetime(2026, 11, 19, 12, 0, 0, tzinfo=UTC)
ENTRIES: tuple[Entry, ...] = (
    CaseEntry(
        n=0,
        schema="sse-harness/journal",
        version=1,
        tool="0.1.0",
        case={},
        clock="virtual",
        seed=7,
        target="",
        is_reference=True,
    ),
    StageOver(n=1, reason="done"),
)
JOURNAL = b"".join(encode(entry) + b"\n" for entry in ENTRIES)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def a_run(reports: Path, *, sha256: str = "") -> RunDirectory:
    """A run of one case, judged."""
    run = RunDirectory.create(reports, NOON)
    (run.case("idle/quiet") / "journal.jsonl").write_bytes(JOURNAL)
    judged = case("idle/quiet", journal=run.journal("idle/quiet"), journal_sha256=sha256)
    run.write("verdict.json", jsonfile.render(verdict([judged])))
    return run


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case_id", "folder"),
    [
        ("idle/quiet", "idle~quiet"),
        ("a/b/c.d_e-f", "a~b~c.d_e-f"),
        ("idle/quiet+no-heartbeat", "idle~quiet+no-heartbeat"),
        ("idle/quiet[60s]", "idle~quiet-60s-e04f2f84"),
        ("nul", "case-99e62427"),
        ("con.txt", "case-d3bde286"),
        ("a.", "a-5ab640fa"),
        ("~", "case-7ace431c"),
    ],
)
def test_folders_resemble_the_ids(case_id: str, folder: str) -> None:
    assert folder_of(case_id) == folder


@given(st.text(st.characters(codec=None), min_size=1, max_size=200))
def test_any_id_has_a_folder_that_every_file_system_takes(case_id: str) -> None:
    folder = folder_of(case_id)
    assert 0 < len(folder) <= 100
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789._+~-")
    assert folder[0] not in ".-~"
    assert folder[-1] not in ".-~"


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/b", "a~b"), ("a[b]", "a[b"), ("a[B]", "a[b]"), ("x" * 90, "x" * 91), ("a/b", "a/b/")],
)
def test_two_ids_never_share_a_folder(one: str, other: str) -> None:
    assert folder_of(one) != folder_of(other)


# -- a new run -------------------------------------------------------------------------------------


def test_a_run_is_named_by_its_time_and_latest_leads_to_it(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "deep" / "reports", NOON)
    assert run.path == tmp_path / "deep" / "reports" / "20261119T120000Z-1"
    assert names(run.path.parent) == ["20261119T120000Z-1", "latest"]
    assert (run.path.parent / "latest").readlink() == Path("20261119T120000Z-1")


def test_runs_are_named_in_utc(tmp_path: Path) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert RunDirectory.create(tmp_path, there).path.name == "20261119T120000Z-1"


def test_runs_of_one_second_are_numbered_and_the_last_is_latest(tmp_path: Path) -> None:
    made = [RunDirectory.create(tmp_path, NOON).path.name for _ in range(3)]
    assert made == [f"20261119T120000Z-{n}" for n in (1, 2, 3)]
    assert (tmp_path / "latest").readlink() == Path(made[-1])


def test_latest_is_a_file_where_links_are_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EPERM, "a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = a_run(tmp_path)
    assert (tmp_path / "latest").read_text() == "20261119T120000Z-1\n"
    assert read_run(tmp_path / "latest").path == run.path
    assert read_run(tmp_path).path == run.path


def test_an_unwritable_directory_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file is in the way")
    with pytest.raises(LocalEnvironmentError, match="reports cannot be written: file exists") as at:
        RunDirectory.create(tmp_path / "reports", NOON)
    assert at.value.exit_code == 4


def test_a_directory_named_latest_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "latest" / "mine").mkdir(parents=True)
    with pytest.raises(LocalEnvironmentError, match="cannot be written"):
        RunDirectory.create(tmp_path, NOON)
    assert names(tmp_path / "latest") == ["mine"]


def test_a_case_has_its_folder_and_its_journal_a_name_in_the_run(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, NOON)
    folder = run.case("idle/quiet")
    assert folder.is_dir()
    assert run.case("idle/quiet") == folder
    assert run.path / run.journal("idle/quiet") == folder / "journal.jsonl"


# -- writing ---------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_bytes(b"the old one, which was longer")
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert names(tmp_path) == ["junit.xml"]
    assert file.stat().st_mode & 0o444 == 0o444


def test_a_full_disk_leaves_the_old_file_and_says_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = a_run(tmp_path)
    before = (run.path / "verdict.json").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LocalEnvironmentError) as caught:
        run.write("verdict.json", b"{}")
    assert str(caught.value) == (
        f"cannot write verdict.json: the disk is full; kept in {run.path}: 1 journal, verdict.json"
    )
    assert (run.path / "verdict.json").read_bytes() == before
    assert names(run.path) == ["idle~quiet", "verdict.json"]


def test_a_failed_journal_says_so_in_the_same_words(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, NOON)
    with (
        pytest.raises(LocalEnvironmentError, match=r"idle/quiet: the disk is full; .*: nothing"),
        run.writing("the journal of idle/quiet"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "junit.xml", b"x")
    assert names(tmp_path) == []


# -- reading back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["reports", "reports/latest", "the run", "verdict.json"])
def test_a_run_is_read_back_from_wherever_it_is_named(tmp_path: Path, given: str) -> None:
    run = a_run(tmp_path / "reports")
    paths = {"the run": run.path, "verdict.json": run.path / "verdict.json"}
    found = read_run(paths.get(given, tmp_path / given))
    assert found.path == run.path
    assert found.verdict is not None
    assert found.journals == (run.path / "idle~quiet" / "journal.jsonl",)
    assert found.journal(found.verdict.cases[0]).entries == ENTRIES


def test_an_interrupted_run_has_journals_and_no_verdict(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, NOON)
    (run.case("a") / "journal.jsonl").write_bytes(JOURNAL + b'{"kind": "tap.re')
    found = read_run(tmp_path)
    assert found.verdict is None
    assert [journal.entries for journal in found.unjudged()] == [ENTRIES]


def test_a_journal_is_checked_against_the_hash_it_was_judged_by(tmp_path: Path) -> None:
    run = a_run(tmp_path, sha256=hashlib.sha256(JOURNAL).hexdigest())
    found = read_run(run.path)
    assert found.verdict is not None
    judged = found.verdict.cases[0]
    assert len(found.journal(judged)) == 2
    found.journals[0].write_bytes(JOURNAL.replace(b"done", b"dont"))
    with pytest.raises(UsageError, match="its hash differs"):
        found.journal(judged)


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        ("../../secret.jsonl", "is outside of"),
        ("/etc/hostname", "is outside of"),
        ("missing/journal.jsonl", "cannot be read: no such file"),
        ("verdict.json", "is not a journal"),
    ],
)
def test_a_verdict_cannot_name_just_any_file(tmp_path: Path, journal: str, message: str) -> None:
    found = read_run(a_run(tmp_path).path)
    with pytest.raises(UsageError, match=message):
        found.journal(case("idle/quiet", journal=journal))


def test_where_there_is_no_run_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone: expected the directory of a run, got nothing"):
        read_run(tmp_path / "gone")
    with pytest.raises(UsageError, match="holds no run"):
        read_run(tmp_path)
    (tmp_path / "latest").write_text("../elsewhere\n")
    with pytest.raises(UsageError, match="latest names no run"):
        read_run(tmp_path / "latest")

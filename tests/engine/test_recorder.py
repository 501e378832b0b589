"""The recorder numbers, stamps, clips and writes what happens in a case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine.recorder import Recorder
from harness.errors import LocalEnvironmentError
from harness.model import journal
from harness.model.journal import Entry, Journal, Payload

LIMIT_BYTES = journal.PAYLOAD_LIMIT_BYTES


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def first() -> journal.CaseEntry:
    return journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool="test",
        case={},
        clock="virtual",
        seed=1,
        target="",
        is_reference=True,
    )


def read(data: bytes, *, offset: int = 0) -> journal.ClientRead:
    return journal.ClientRead(
        client=1, x=1, offset=offset, size=len(data), payload=Payload.of(data)
    )


def tapped(data: bytes) -> journal.TapRead:
    return journal.TapRead(x=1, offset=0, size=len(data), payload=Payload.of(data))


def up_to_the_limit() -> journal.TapRead:
    """One read that takes all there is."""
    return journal.TapRead(
        x=1, offset=0, size=LIMIT_BYTES, payload=Payload(data=bytes(LIMIT_BYTES))
    )


def kinds(entries: Journal) -> list[str]:
    return [type(it).__name__ for it in entries]


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def recorder(clock: Clock) -> Iterator[Recorder]:
    with Recorder(None, clock) as it:
        it.record(first())
        yield it


# -- numbers and times -----------------------------------------------------------------------------


def test_entries_are_numbered_from_0(recorder: Recorder) -> None:
    recorder.record(journal.StageReady())
    recorder.record(journal.StageOver(reason="done"))
    assert [it.n for it in recorder.journal()] == [0, 1, 2]


def test_times_count_from_the_beginning_of_the_case_to_the_microsecond(
    recorder: Recorder, clock: Clock
) -> None:
    recorder.begin()
    clock.now_s += 1.2345678
    recorder.record(journal.StageReady())
    assert recorder.journal()[1].t_s == 1.234568


def test_what_happens_while_the_stage_is_set_happens_at_0(clock: Clock) -> None:
    clock.now_s = 0.5
    with Recorder(None, clock) as recorder:
        recorder.record(first())
        clock.now_s = 2.0
        recorder.begin()
        clock.now_s = 1.0  # as an entry of a clock that is behind
        recorder.record(journal.StageReady())
    assert [it.t_s for it in recorder.journal()] == [0.0, 0.0]


def test_the_case_itself_has_no_time(clock: Clock) -> None:
    with Recorder(None, clock) as recorder:
        recorder.record(first())
    assert recorder.journal()[0].t_s == 0.0


def test_nothing_is_recorded_once_it_is_stopped(recorder: Recorder) -> None:
    recorder.stop()
    recorder.record(journal.StageReady())
    assert kinds(recorder.journal()) == ["CaseEntry"]


def test_whoever_watches_is_told_of_every_entry_as_it_stands(clock: Clock) -> None:
    seen: list[tuple[int, float, str]] = []

    def watch(entry: Entry) -> None:
        seen.append((entry.n, entry.t_s, type(entry).__name__))

    with Recorder(None, clock, watch) as recorder:
        recorder.record(first())
        recorder.begin()
        clock.now_s += 3.0
        recorder.record(journal.StageReady())
        recorder.fail(journal.StageProblem(source="stage", message="boom"))
    assert seen == [
        (0, 0.0, "CaseEntry"),
        (1, 3.0, "StageReady"),
        (2, 3.0, "StageProblem"),
        (3, 3.0, "StageOver"),
    ]


# -- the payload limit -----------------------------------------------------------------------------


def test_payloads_up_to_the_limit_are_kept(recorder: Recorder) -> None:
    recorder.record(up_to_the_limit())
    assert kinds(recorder.journal()) == ["CaseEntry", "TapRead"]
    kept = recorder.journal()[1]
    assert isinstance(kept, journal.TapRead)
    assert kept.payload.content() == bytes(LIMIT_BYTES)


def test_beyond_the_limit_a_hash_stands_for_the_bytes_and_that_is_said_once(
    recorder: Recorder,
) -> None:
    recorder.record(up_to_the_limit())
    recorder.record(read(b"one byte too many"))
    recorder.record(tapped(b"and more"))
    entries = recorder.journal()
    assert kinds(entries) == ["CaseEntry", "TapRead", "StageClipped", "ClientRead", "TapRead"]
    assert [it.n for it in entries] == [0, 1, 2, 3, 4]
    clipped = entries[3]
    assert isinstance(clipped, journal.ClientRead)
    assert clipped.payload == Payload.clipped(b"one byte too many")
    assert clipped.payload.content() is None
    assert (clipped.client, clipped.x, clipped.size) == (1, 1, 17)


def test_what_is_packed_counts_as_what_it_takes(recorder: Recorder) -> None:
    content = bytes(1024 * 1024)
    for _ in range(1 + LIMIT_BYTES // len(content)):
        recorder.record(read(content))
    assert "StageClipped" not in kinds(recorder.journal())


def test_the_hash_is_of_the_bytes_and_not_of_how_they_were_packed(recorder: Recorder) -> None:
    recorder.record(up_to_the_limit())
    recorder.record(read(b"x" * 4096))
    clipped = recorder.journal()[3]
    assert isinstance(clipped, journal.ClientRead)
    assert clipped.payload == Payload.clipped(b"x" * 4096)


# -- a case that cannot be carried through ---------------------------------------------------------


def test_a_problem_ends_the_journal_at_the_time_of_its_last_entry(clock: Clock) -> None:
    with Recorder(None, clock) as recorder:
        recorder.record(first())
        recorder.begin()
        clock.now_s += 7.0
        recorder.record(journal.StageReady())
        clock.now_s = math.nan  # as good as trio's clock when the run is over
        recorder.fail(journal.StageProblem(source="stage", message="boom"))
        recorder.record(journal.StageReady())
    entries = recorder.journal()
    assert kinds(entries)[-2:] == ["StageProblem", "StageOver"]
    assert [it.t_s for it in entries] == [0.0, 7.0, 7.0, 7.0]
    assert entries.is_whole


def test_what_broke_first_is_what_is_told(recorder: Recorder) -> None:
    recorder.record(journal.StageProblem(source="hop", message="first", hop=1))
    recorder.stop()
    recorder.fail(journal.StageProblem(source="stage", message="what followed from it"))
    assert kinds(recorder.journal()) == ["CaseEntry", "StageProblem"]


# -- the file --------------------------------------------------------------------------------------


def record_many(recorder: Recorder, count: int) -> None:
    recorder.record(first())
    for _ in range(count - 1):
        recorder.record(journal.StageReady())


def break_off(path: Path, clock: Clock, error: BaseException) -> None:
    """A case of three entries that ends with an error."""
    with Recorder(path, clock) as recorder:
        record_many(recorder, 3)
        raise error


def test_the_file_is_complete_once_the_recorder_is_left(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "new" / "folder" / "journal.jsonl"
    with Recorder(path, clock) as recorder:
        record_many(recorder, 1500)
    assert Journal.read(path.read_bytes().splitlines()).entries == recorder.journal().entries
    assert path.read_bytes().endswith(b"\n")


def test_the_file_grows_while_the_case_runs(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "journal.jsonl"
    with Recorder(path, clock) as recorder:
        record_many(recorder, 2_000)
        written = path.read_bytes()
        assert 0 < written.count(b"\n") <= 2_000


def test_the_file_is_complete_also_when_the_case_breaks(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "journal.jsonl"
    with pytest.raises(ZeroDivisionError):
        break_off(path, clock, ZeroDivisionError())
    assert path.read_bytes().count(b"\n") == 3


def under_a_file(tmp_path: Path) -> Path:
    (tmp_path / "taken").touch()
    return tmp_path / "taken" / "journal.jsonl"


def where_a_folder_is(tmp_path: Path) -> Path:
    (tmp_path / "taken").mkdir()
    return tmp_path / "taken"


@pytest.mark.parametrize(
    ("place", "why"), [(under_a_file, "file exists"), (where_a_folder_is, "is a directory")]
)
def test_a_file_that_cannot_be_made_is_the_machines_doing(
    place: Callable[[Path], Path], why: str, tmp_path: Path, clock: Clock
) -> None:
    with pytest.raises(LocalEnvironmentError) as caught, Recorder(place(tmp_path), clock):
        pass
    assert str(caught.value) == f"{tmp_path / 'taken'}: {why}"


FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.is_char_device(), reason="no /dev/full here")


@needs_a_full_disk
def test_a_full_disk_is_told_when_the_case_is_over_and_what_was_kept(clock: Clock) -> None:
    recorder = Recorder(FULL, clock)
    recorder.__enter__()
    record_many(recorder, 2_000)  # and no place of the case is told
    assert len(recorder.journal()) == 2_000
    told = "^/dev/full: no space left on device; kept 0 entries$"
    with pytest.raises(LocalEnvironmentError, match=told):
        recorder.__exit__(None, None, None)


@needs_a_full_disk
def test_a_full_disk_does_not_hide_what_ended_the_case(clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(FULL, clock, KeyboardInterrupt())

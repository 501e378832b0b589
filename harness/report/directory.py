"""Where a run leaves what it found.

    reports/
      20261119T120000Z-1/        one run; the number tells runs of one second apart
        verdict.json
        idle~quiet/              one case
          journal.jsonl
      latest                     a link to the newest run, or a file with its name in it

Each file but a journal appears whole or not at all. A journal grows line by line while its case
runs, so that an interrupted case leaves what it saw.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import LocalEnvironmentError, UsageError
from harness.model.journal import Journal
from harness.model.verdict import CaseVerdict, Verdict
from harness.report import jsonfile

JOURNAL = "journal.jsonl"
LATEST = "latest"
VERDICT = "verdict.json"

_FOLDER_CHARS = 80  # of 255 on most file systems; Windows allows 260 for the whole path
# Windows takes these for devices, whatever follows the first dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")


def folder_of(case_id: str) -> str:
    """Name the folder of a case: one name, allowed by every file system, never two cases' own.

    `idle/quiet` is `idle~quiet`. Where more than the slash had to change, because of brackets, a
    capital letter, a reserved name or the length, eight digits of the id's hash follow.
    """
    name = re.sub(r"[^a-z0-9._+~-]+", "-", case_id.lower().replace("/", "~"))
    name = name[:_FOLDER_CHARS].strip("-.~")
    if name.replace("~", "/") == case_id and not _DEVICE.match(name):
        return name
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name}-{digest}" if name and not _DEVICE.match(name) else f"case-{digest}"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of one run, while it is being written.

    Args:
        path: As the user named the reports' directory, with the run's own name added.
    """

    path: Path

    @classmethod
    def create(cls, reports: Path, now: datetime | None = None) -> RunDirectory:
        """Make a new run's directory, point `latest` at it, and see that files can be written.

        Args:
            reports: Where runs are kept; made when it is missing.
            now: When the run began; None: at this moment.

        Raises:
            LocalEnvironmentError: Nothing can be written there. Nothing has run yet.
        """
        stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            reports.mkdir(parents=True, exist_ok=True)
            path = _new_directory(reports, stamp)
            with tempfile.TemporaryFile(dir=path) as probe:
                probe.write(b"x")
            _point_latest(reports, path.name)
        except OSError as error:
            raise LocalEnvironmentError(
                f"the report directory {reports} cannot be written: {_reason(error)}"
            ) from error
        return cls(path)

    def case(self, case_id: str) -> Path:
        """Make the folder of a case, unless it is there, and return it.

        Raises:
            LocalEnvironmentError: It cannot be made.
        """
        path = self.path / folder_of(case_id)
        with self.writing(f"{path.name}/"):
            path.mkdir(exist_ok=True)
        return path

    def journal(self, case_id: str) -> str:
        """Name the journal of a case, relative to the run: what `CaseVerdict.journal` holds."""
        return f"{folder_of(case_id)}/{JOURNAL}"

    def write(self, name: str, data: bytes) -> Path:
        """Write a file of the run, whole or not at all.

        Args:
            name: Relative to the run, such as `junit.xml`.
            data: What it holds.

        Raises:
            LocalEnvironmentError: The disk is full, or the like; says what was kept.
        """
        path = self.path / name
        with self.writing(name):
            write_atomically(path, data)
        return path

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Turn an OSError of the block, which writes `name`, into one that says what was kept.

        Raises:
            LocalEnvironmentError: In place of the OSError.
        """
        try:
            yield
        except OSError as error:
            raise LocalEnvironmentError(
                f"cannot write {name}: {_reason(error)}; kept in {self.path}: {self._kept()}"
            ) from error

    def _kept(self) -> str:
        journals = len(list(self.path.glob(f"*/{JOURNAL}")))
        files = sorted(file.name for file in self.path.iterdir() if file.is_file())
        counted = f"{journals} journal{'' if journals == 1 else 's'}"
        return ", ".join([counted, *files]) if journals or files else "nothing"


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back.

    Args:
        path: Its directory, with `latest` followed.
        verdict: What it ended with; None when it was interrupted before it had one.
        journals: Every journal of the run, sorted.
    """

    path: Path
    verdict: Verdict | None
    journals: tuple[Path, ...]

    def journal(self, case: CaseVerdict) -> Journal:
        """Read the journal that a case of the verdict was judged by.

        Raises:
            UsageError: It is missing, not a journal, or not the one that was judged.
        """
        file = self.path / case.journal
        if not file.resolve().is_relative_to(self.path.resolve()):
            raise UsageError(f"{case.id}: the journal {case.journal} is outside of {self.path}")
        data = _read(file)
        if case.journal_sha256 and hashlib.sha256(data).hexdigest() != case.journal_sha256:
            raise UsageError(f"{file} is not the journal that was judged: its hash differs")
        return _journal(file, data)

    def unjudged(self) -> Iterator[Journal]:
        """Read every journal of the run, to judge it again.

        Raises:
            UsageError: One of them is not a journal.
        """
        for file in self.journals:
            data = _read(file)
            if data:  # a worker that was killed before its first entry leaves nothing
                yield _journal(file, data)


def read_run(path: Path) -> Run:
    """Read a run's directory, the reports' directory (its `latest` run), or a verdict.json.

    Raises:
        UsageError: There is no run.
    """
    directory = _run_at(path)
    verdict_file = directory / VERDICT
    verdict = None
    if verdict_file.is_file():
        verdict = jsonfile.read(_read(verdict_file), str(verdict_file))
    journals = tuple(sorted(directory.glob(f"*/{JOURNAL}")))
    if verdict is None and not journals:
        raise UsageError(f"{path} holds no run: neither {VERDICT} nor */{JOURNAL}")
    return Run(directory, verdict, journals)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a full disk may not be noticed before
        Path(temporary).chmod(0o644)  # mkstemp's 0600 would keep CI from uploading it
        Path(temporary).replace(path)
    except BaseException:  # an interrupt must not leave the temporary file behind either
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _new_directory(reports: Path, stamp: str) -> Path:
    n = 1
    while True:
        path = reports / f"{stamp}-{n}"
        try:
            path.mkdir()
        except FileExistsError:
            n += 1
        else:
            return path


def _point_latest(reports: Path, name: str) -> None:
    latest = reports / LATEST
    link = reports / f".{LATEST}.{name}"
    try:
        link.symlink_to(name, target_is_directory=True)
    except (OSError, NotImplementedError):  # Windows without the privilege; FAT
        write_atomically(latest, f"{name}\n".encode())
    else:
        try:
            link.replace(latest)
        except OSError:
            link.unlink()
            raise


def _run_at(path: Path) -> Path:
    if path.name == VERDICT and path.is_file():
        return path.parent
    if path.is_file() and path.name == LATEST:
        return _named_by(path)
    if not path.is_dir():
        raise UsageError(f"{path}: expected the directory of a run, got {_what(path)}")
    latest = path / LATEST
    if not (path / VERDICT).exists() and latest.exists():
        path = latest if latest.is_dir() else _named_by(latest)
    return path.parent / path.readlink() if path.is_symlink() else path


def _named_by(file: Path) -> Path:
    name = _read(file)[:300].decode("utf-8", "replace").strip()
    directory = file.parent / name
    if Path(name).name != name or not directory.is_dir():
        raise UsageError(f"{file} names no run")
    return directory


def _what(path: Path) -> str:
    return "a file" if path.exists() else "nothing there"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {_reason(error)}") from error


def _journal(file: Path, data: bytes) -> Journal:
    lines = data.splitlines()
    if lines and not data.endswith(b"\n"):
        lines.pop()  # the run was killed in the middle of this one
    try:
        return Journal.read(lines)
    except ValueError as error:
        raise UsageError(f"{file} is not a journal: {error}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return (error.strerror or str(error)).lower()

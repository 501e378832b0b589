"""The one writer of a case's journal."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from harness.errors import LocalEnvironmentError
from harness.model import journal
from harness.model.journal import CaseEntry, ClientRead, Entry, Journal, Payload, TapRead
from harness.model.secret_values import Secrets

# What is kept has to be read again by whoever judges it, and a stream that deflates to nothing may
# hold more than memory does. So what it unfolds to is limited too: at both ends of the chain the
# longest line a client takes, or 200,000 events of two lines, which take about 250 MB to judge.
_UNFOLDED_BYTES = 6 * journal.PAYLOAD_LIMIT_BYTES
_LINE_BYTES = 64
# Entries are written to the file in batches: one system call for many lines.
_BATCH = 512
# On the real clock at least this often: a run that is killed leaves what it saw.
FLUSH_S = 1.0


class Recorder:
    """Numbers entries, stamps them, and writes them to a file.

    Used as a context manager; the file is complete once it is left. When it cannot be written any
    more, which every place of the case could meet, the case goes on and leaving tells.

    Args:
        path: The journal's file; None keeps it in memory only.
        clock: The run's clock, in seconds.
        secrets: Values that are in no entry, whatever it repeats.
        watch: Told of every entry once it is numbered and stamped; None: nobody watches.
        flush_s: Seconds of the run's clock after which entries are written at the latest.

    Raises:
        LocalEnvironmentError: When it is entered or left: the file cannot be written.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float],
        watch: Callable[[Entry], None] | None = None,
        flush_s: float = math.inf,
        secrets: Secrets | None = None,
    ) -> None:
        self._secrets = secrets or Secrets()
        self._watch = watch
        self._flush_s = flush_s
        self._flushed_s = 0.0
        self._kinds: tuple[type[Entry], ...] = ()
        self._path = path
        self._clock = clock
        self._zero_s = 0.0
        self._entries: list[Entry] = []
        self._written = 0
        self._kept_bytes = 0
        self._unfolded_bytes = 0
        self._is_clipped = False
        self._is_stopped = False
        self._file: BinaryIO | None = None
        self._failure: OSError | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb")
            except OSError as error:
                # Which may be a folder on the way to it.
                where = error.filename or self._path
                raise LocalEnvironmentError(f"{where}: {_reason(error)}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        if self._file is not None:
            try:
                self._file.close()
            except OSError as problem:
                self._failure = self._failure or problem
        if self._failure is not None and error is None:
            raise LocalEnvironmentError(
                f"{self._path}: {_reason(self._failure)}; kept {self._written} entries"
            ) from self._failure

    def now_s(self) -> float:
        """Seconds since the case began; 0 before it has."""
        return max(0.0, self._clock() - self._zero_s)

    def begin(self) -> None:
        """The case begins now."""
        self._zero_s = self._clock()

    def record(self, entry: Entry) -> None:
        """Write an entry: it gets its number and time here."""
        if self._is_stopped or (self._kinds and not isinstance(entry, self._kinds)):
            return
        if self._secrets:
            entry = without(self._secrets, entry)
        if isinstance(entry, ClientRead | TapRead):
            entry = self._within_limit(entry)
        # The entry was made for this call alone: nobody else holds it.
        msgspec.structs.force_setattr(entry, "n", len(self._entries))
        time_s = 0.0 if isinstance(entry, CaseEntry) else round(self.now_s(), 6)
        msgspec.structs.force_setattr(entry, "t_s", time_s)
        self._entries.append(entry)
        if self._watch is not None:
            self._watch(entry)
        is_due = entry.n == 0 or entry.t_s - self._flushed_s >= self._flush_s
        if is_due or len(self._entries) - self._written >= _BATCH:
            self._flushed_s = entry.t_s
            self._flush()

    def only(self, *kinds: type[Entry]) -> None:
        """The watch is over: from now on nothing but these kinds of entries is part of the case."""
        self._kinds = kinds

    def stop(self) -> None:
        """The case is over: what tearing down the stage causes is not part of it."""
        self._is_stopped = True

    def fail(self, problem: journal.StageProblem) -> None:
        """The case could not be carried through; its clock may have stopped by now."""
        last_s = self._entries[-1].t_s
        self._clock = lambda: self._zero_s + last_s
        self._is_stopped = False
        self._kinds = ()
        if not any(isinstance(entry, journal.StageProblem) for entry in self._entries):
            self.record(problem)
            self.record(journal.StageOver(reason="the case could not be carried through"))
        self._is_stopped = True

    def remark(self, what: str) -> None:
        """Add a remark to a case that is over."""
        self._is_stopped = False
        self._kinds = ()
        self.record(journal.StageRemark(what=what))
        self._is_stopped = True

    def journal(self) -> Journal:
        """Everything so far."""
        return Journal(self._entries)

    def _within_limit(self, entry: ClientRead | TapRead) -> ClientRead | TapRead:
        self._kept_bytes += entry.payload.stored_bytes
        content = entry.payload.content() or b""
        lines = max(content.count(b"\n"), content.count(b"\r"))
        self._unfolded_bytes += len(content) + lines * _LINE_BYTES
        is_small = self._kept_bytes <= journal.PAYLOAD_LIMIT_BYTES
        if is_small and self._unfolded_bytes <= _UNFOLDED_BYTES:
            return entry
        if not self._is_clipped:
            self._is_clipped = True
            self.record(journal.StageClipped(limit_bytes=journal.PAYLOAD_LIMIT_BYTES))
        return msgspec.structs.replace(entry, payload=Payload.clipped(content))

    def _flush(self) -> None:
        if self._file is None or self._failure is not None:
            return
        lines = [journal.encode(entry) for entry in self._entries[self._written :]]
        if not lines:
            return
        try:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()
        except OSError as error:
            # Lines may be missing: whatever came after them would be worth nothing.
            self._failure = error
        else:
            self._written = len(self._entries)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def without(secrets: Secrets, entry: Entry) -> Entry:
    """The entry without secrets; itself, where it has none."""
    if isinstance(entry, ClientRead | TapRead):
        content = entry.payload.content() or b""
        cleaned = secrets.body(content)
        return (
            entry
            if cleaned == content
            else msgspec.structs.replace(entry, payload=Payload.of(cleaned))
        )
    line = journal.encode(entry)
    struck = secrets.json(line)
    if struck == line:
        return entry
    try:
        return journal.decode(struck)
    except ValueError:
        return entry  # "truncation" may be somebody's password, and is a word of ours too

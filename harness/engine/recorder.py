"""The one writer of a case's journal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, get_origin

import msgspec

from harness.errors import LocalEnvironmentError
from harness.model import journal
from harness.model.journal import CaseEntry, ClientRead, Entry, Journal, Payload, TapRead
from harness.model.secret_bodies import Bodies
from harness.model.secret_values import Secrets

# What is kept has to be read again by whoever judges it, and a stream that deflates to nothing may
# hold more than memory does. So what it unfolds to is limited too: at both ends of the chain the
# longest line a client takes, or 200,000 events of two lines, which take about 250 MB to judge.
_UNFOLDED_BYTES = 6 * journal.PAYLOAD_LIMIT_BYTES
_LINE_BYTES = 64
# Entries are written to the file in batches: one system call for many lines.
_BATCH = 512
_RECODED = "a secret was masked in a compressed body, which is kept compressed anew"
# On the real clock at least this often: a run that is killed leaves what it saw.
FLUSH_S = 1.0
# So much longer a read may wait that ends in what may be the beginning of a secret.
_HELD_S = 5.0


class Recorder:
    """Numbers entries, stamps them, and writes them to a file.

    Used as a context manager; the file is complete once it is left. When it cannot be written any
    more, which every place of the case could meet, the case goes on and leaving tells.

    What may be the first piece of a secret is not written, nor what comes after it, until what
    follows in its body tells, or some seconds of the run's clock have gone by. Of a secret that
    comes in two pieces and more slowly than that, the first is in the file until the second comes.

    Args:
        path: The journal's file; None keeps it in memory only.
        clock: The run's clock, in seconds.
        secrets: Values that are in no entry, whatever it repeats; of payloads see `Bodies`.
        watch: Told of every entry once it is numbered and stamped; None: nobody watches. Payloads
            are told as they came, since a secret in one may come to light with the next: whoever
            shows them masks them.
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
        self._bodies = Bodies(self._secrets, self._entries) if self._secrets else None
        self._written = 0
        self._flushed = 0
        self._kept_bytes = 0
        self._unfolded_bytes = 0
        self._is_clipped = False
        self._is_stopped = False
        self._is_rewriting = False
        self._has_told = False
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
        self._settle()
        self._flush(len(self._entries))
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
        if isinstance(entry, ClientRead | TapRead):
            entry = self._within_limit(entry)
        elif self._secrets:
            entry = without(self._secrets, entry)
        self._append(entry)

    def _append(self, entry: Entry) -> None:
        time_s = 0.0 if isinstance(entry, CaseEntry) else round(self.now_s(), 6)
        kept = self._masked(entry)
        # The entry was made for this call alone: nobody else holds it.
        for it in (entry, kept):
            msgspec.structs.force_setattr(it, "n", len(self._entries))
            msgspec.structs.force_setattr(it, "t_s", time_s)
        self._entries.append(kept)
        if self._watch is not None:
            self._watch(entry)
        is_due = kept.n == 0 or kept.t_s - self._flushed_s >= self._flush_s
        if is_due or len(self._entries) - self._flushed >= _BATCH:
            self._flushed_s = kept.t_s
            self._flushed = len(self._entries)
            self._flush(self._ready())
        if self._bodies is not None and self._bodies.has_recoded and not self._has_told:
            self._has_told = True
            self._append(journal.StageRemark(what=_RECODED))

    def _masked(self, entry: Entry) -> Entry:
        """The entry as it is kept; those before it may change with it."""
        if self._bodies is None or self._is_clipped:
            return entry
        changes = self._bodies.take(entry)
        own = changes.pop(len(self._entries), None)
        self._change(changes)
        return entry if own is None else msgspec.structs.replace(entry, payload=Payload.of(own))

    def _change(self, changes: dict[int, bytes]) -> None:
        """Give entries other payloads, in the file as well."""
        for n, data in changes.items():
            payload = Payload.of(data)
            self._entries[n] = msgspec.structs.replace(self._entries[n], payload=payload)
        if self._file is not None and min(changes, default=self._written) < self._written:
            written, self._written = self._written, 0
            self._is_rewriting = True
            self._flush(written)

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
        self._settle()
        return Journal(self._entries)

    def _settle(self) -> None:
        """Nothing follows, as far as is known."""
        if self._bodies is not None:
            self._change(self._bodies.rest())

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

    def _ready(self) -> int:
        """How many entries may be written."""
        entries = self._entries
        if self._bodies is None:
            return len(entries)
        since_s = entries[-1].t_s - _HELD_S
        young = (it for it in self._bodies.unsettled() if entries[it].t_s > since_s)
        return min(young, default=len(entries))

    def _flush(self, end: int) -> None:
        """Write entries, up to the one of this number."""
        if self._file is None or self._failure is not None:
            return
        lines = [journal.encode(entry) for entry in self._entries[self._written : end]]
        if not lines:
            return
        try:
            if self._is_rewriting:
                self._file.seek(0)
            self._file.write(b"\n".join(lines) + b"\n")
            if self._is_rewriting:
                self._file.truncate()
                self._is_rewriting = False
            self._file.flush()
        except OSError as error:
            # Lines may be missing: whatever came after them would be worth nothing.
            self._failure = error
        else:
            self._written = end


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def without(secrets: Secrets, entry: Entry) -> Entry:
    """The entry without secrets in its texts; itself, where it has none."""
    line = journal.encode(entry)
    if not any(it in line for it in secrets.in_json):
        return entry
    plain = msgspec.to_builtins(entry)
    struck = {name: secrets.plain(plain[name]) for name in _texts(type(entry)) if name in plain}
    return journal.decode(msgspec.json.encode(plain | struck))


@cache
def _texts(kind: type[Entry]) -> tuple[str, ...]:
    """The fields of an entry that may say anything; the others are words of ours."""
    return tuple(
        it.name for it in msgspec.structs.fields(kind) if get_origin(it.type) is not Literal
    )


def masked(entries: Iterable[Entry], secrets: Secrets) -> Journal:
    """The journal of entries as whoever watched was told them."""
    at_s = 0.0
    with Recorder(None, lambda: at_s, secrets=secrets) as recorder:
        for entry in entries:
            at_s = entry.t_s
            recorder.record(entry)
        return recorder.journal()

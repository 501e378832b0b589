"""What a target of ours prints: kept without secrets, within limits, and listened to."""

from __future__ import annotations

import codecs
import re
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import trio

LOG = "log.txt"
OLDER = "log.1.txt"
# A server that prints without end fills no disk: two files of this size, the older one dropped.
LIMIT_BYTES = 4 * 1024 * 1024
_READ_BYTES = 64 * 1024
_LAST_LINES = 30
_LINE_CHARS = 300
# Where a program says why it ends, and goes on with a stack or with its version.
_REASON = re.compile(r"(?i)^[\w.]*(?:error|exception|panic|fatal)\b[^\n]*")
_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Output:
    """Takes the output of a program until it ends.

    Args:
        folder: Where it is kept; None: nowhere.
        redact: Strikes secrets out of a text.
        longest_secret: Characters of the longest text that `redact` looks for.
        awaited: A text to listen for; "": none.

    Attributes:
        has_said: Set once the awaited text came.
    """

    def __init__(
        self,
        folder: Path | None,
        redact: Callable[[str], str],
        longest_secret: int = 0,
        awaited: str = "",
    ) -> None:
        self.has_said = trio.Event()
        self._folder = folder
        self._redact = redact
        self._overlap = max(longest_secret, len(awaited))
        self._awaited = awaited
        self._waiting = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._written = 0
        # An application in this process prints in threads of its own.
        self._lock = threading.RLock()

    async def read(self, stream: trio.abc.ReceiveStream) -> None:
        """Read to the end."""
        while data := await stream.receive_some(_READ_BYTES):
            self.take(self._decoder.decode(data))
        self.end()

    def end(self) -> None:
        """Nothing follows."""
        with self._lock:
            waiting, self._waiting = self._waiting, ""
            self._keep(self._redact(waiting))

    def take(self, text: str) -> None:
        """Take what comes next."""
        with self._lock:
            self._take(text)

    def _take(self, text: str) -> None:
        text = self._waiting + text
        if self._awaited and not self.has_said.is_set() and self._awaited in text:
            self.has_said.set()
        # A secret, or what is awaited, may come in two parts: the last line is not over yet.
        over, end, rest = text.rpartition("\n")
        if len(rest) > _READ_BYTES:
            text = self._redact(text)
            cut = len(text) - self._overlap
            self._keep(text[:cut])
            self._waiting = text[cut:]
            return
        self._keep(self._redact(over + end))
        self._waiting = rest

    def _keep(self, text: str) -> None:
        lines = text[-_LAST_LINES * _LINE_CHARS :].splitlines()
        self._lines += [line[:_LINE_CHARS] for line in map(_plain, lines) if line]
        if self._folder is not None and text:
            try:
                self._write(self._folder, text.encode(errors="replace"))
            except OSError:
                self._folder = None  # a full disk ends the log, and not the case

    def _write(self, folder: Path, data: bytes) -> None:
        log = folder / LOG
        folder.mkdir(parents=True, exist_ok=True)
        if self._written + len(data) > LIMIT_BYTES:
            log.replace(folder / OLDER)
            self._written = 0
        with log.open("ab" if self._written else "wb") as file:
            file.write(data)
        self._written += len(data)

    def last_words(self) -> str:
        """The line that says best why it ended; "": it said nothing."""
        lines = [*self._lines, _plain(self._redact(self._waiting))[:_LINE_CHARS]]
        said = [line for line in lines if line]
        reasons = [line for line in said if _REASON.match(line)]
        return reasons[-1] if reasons else said[-1] if said else ""


def _plain(line: str) -> str:
    # Without what Python draws beside the members of an exception group.
    return _CODES.sub("", line).strip().lstrip("| ")

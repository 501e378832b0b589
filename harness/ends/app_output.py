"""What an application in this process prints: kept apart from what this program prints.

While it is imported and served, `sys.stdout` and `sys.stderr` are streams that hand on what is
written, by `print` or by a logging handler, in whatever thread. They are the same ones each time,
since a handler that is made at import keeps what it finds. Our own consoles hold the streams that
were there before, and go on writing to those. What goes past Python's streams, as from a program
that the application starts, is not seen.
"""

from __future__ import annotations

import codecs
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# What it prints when it is imported waits for who wants to know.
_MOST_WAITING_CHARS = 64 * 1024


@dataclass(slots=True)
class _Listening:
    """Who is told; the same for both streams, and for all threads."""

    # Of a kind that one who is told may enter again, by what it prints itself.
    lock: threading.RLock = field(default_factory=threading.RLock)
    said: Callable[[str], None] | None = None
    waiting: str = ""
    # Not between two cases, of what an application has left running: the next case is not its own.
    keeps: bool = False

    def take(self, text: str) -> None:
        with self.lock:
            if self.said is not None:
                self.said(text)
            elif self.keeps:
                self.waiting = (self.waiting + text)[-_MOST_WAITING_CHARS:]


class _Written(io.BufferedIOBase):
    """The bytes of one stream."""

    def __init__(self, listening: _Listening, number: int) -> None:
        self._listening = listening
        self._number = number
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        """As of any stream that is written to."""
        return True

    def write(self, data: object) -> int:
        """Take bytes."""
        taken = bytes(data)  # type: ignore[call-overload]  # whatever has a buffer
        self._listening.take(self._decoder.decode(taken))
        return len(taken)

    def close(self) -> None:
        """Nothing: the next case needs it."""

    def fileno(self) -> int:
        """The one below: there are libraries that cannot do without, as faulthandler."""
        return self._number


_listening = _Listening()
_streams: list[io.TextIOWrapper] = []


@contextmanager
def apart(said: Callable[[str], None] | None = None) -> Iterator[None]:
    """Take for the application's what anybody prints meanwhile.

    Args:
        said: Told what it is, and what was printed since an import when nobody was told; None, for
            an import: whoever is told already, else who is told next.
    """
    if not _streams:
        _streams.extend(_stream(number) for number in (1, 2))
    before = sys.stdout, sys.stderr, _listening.said
    with _listening.lock:
        _listening.keeps = True
        if said is not None:
            _listening.said = said
            waiting, _listening.waiting = _listening.waiting, ""
            _listening.take(waiting)
    sys.stdout, sys.stderr = _streams
    try:
        yield
    finally:
        with _listening.lock:
            sys.stdout, sys.stderr, _listening.said = before
            if said is not None:
                _listening.keeps = False


def _stream(number: int) -> io.TextIOWrapper:
    written = _Written(_listening, number)
    return io.TextIOWrapper(
        written,  # type: ignore[arg-type]  # mypy wants the attributes of a file
        encoding="utf-8",
        errors="backslashreplace",
        newline="",
        write_through=True,
    )

"""The turns of a traced stream, told as they happen: a response ended, the client came back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from harness.checks.evidence import Evidence
from harness.checks.places import Attempt, last_event_id
from harness.model import journal
from harness.model.journal import Entry
from harness.report.terminal import show_line
from harness.report.trace import end_of
from harness.report.trace_text import TIME_CHARS, author, manner
from harness.report.wording import directive, visible, with_directive, wrapped
from harness.units import show_seconds

_DASHES = "-- "
_LEAST_CHARS = 16


class Turn(NamedTuple):
    """A line between the events: a response ended, or the client came back.

    Attributes:
        is_bad: Whether it is an end that is no clean one.
    """

    said: str
    is_bad: bool = False


class Turns:
    """What became of each response, told when it is over, and of each reconnect."""

    def __init__(self) -> None:
        self._case: list[Entry] = []
        self._attempt: list[Entry] = []  # what happened since its request
        self._request: journal.ClientRequest | None = None
        self._ended_s: float | None = None  # when the attempt before ended, if this is another one
        self._waits = False

    def of(self, entry: Entry) -> Iterator[Turn]:
        """The turns that one entry makes."""
        match entry:
            case journal.CaseEntry():
                self._case = [entry]
            case journal.ClientRequest():
                self._attempt, self._request = [entry], entry
                self._ended_s, self._waits = (self._ended_s if self._waits else None), False
            case journal.ClientHead():
                self._attempt.append(entry)
                yield from self._reconnected("reconnected")
            case journal.ClientEnd():
                self._attempt.append(entry)
                yield from self._reconnected("tried again")
                yield from self._ended()
                self._ended_s = entry.t_s
            case journal.ClientWait():
                self._waits = True
            case _:
                self._attempt.append(entry)

    def _reconnected(self, what: str) -> Iterator[Turn]:
        request, ended_s, self._ended_s = self._request, self._ended_s, None
        if request is not None and ended_s is not None:
            yield _reconnected(what, request.t_s - ended_s, last_event_id(request.headers))

    def _ended(self) -> Iterator[Turn]:
        evidence = Evidence.of(journal.Journal([*self._case, *self._attempt]))
        for attempt in evidence.attempts:
            yield from _ended(evidence, attempt)


def show(t_s: float, turn: Turn, console: Console) -> None:
    """Print an end or a reconnect between the events."""
    head = f"{show_seconds(t_s):>{TIME_CHARS}}  {'':>{TIME_CHARS}}  "
    style = "bold red" if turn.is_bad else "yellow"
    indent = " " * (len(head) + len(_DASHES))
    said = f"{_DASHES}{visible(turn.said)}"
    # On one line for programs, and where there is no room beside the times.
    is_wide = console.is_terminal and console.width > len(indent) + _LEAST_CHARS
    width = console.width if is_wide else len(head + said)
    first, *rest = wrapped(head + said, width, indent)
    show_line(Text.assemble(head, (first.removeprefix(head), style)), console)
    for line in rest:
        show_line(Text(line, style), console)


def _ended(evidence: Evidence, attempt: Attempt) -> Iterator[Turn]:
    """How a response ended, by whose hand and why; nothing while it is open."""
    end = end_of(evidence, attempt, attempt.ended_s)
    is_answer = attempt.head is not None and not attempt.is_stream
    if end.how == "open" and not is_answer:
        return
    if attempt.status == 204:
        yield Turn(f"answered 204 by {author(end)}: there is nothing more to come")
        return
    said = f"answered {attempt.status} by {author(end)}" if is_answer else manner(end)
    fired = [it for it in evidence.notes if it.what == "fired" and it.hop == end.by]
    why = ""
    if fired:
        last = fired[-1]
        reason = with_directive(last.reason, directive(last, evidence.case))
        why = f", {last.name}: {reason}"
    yield Turn(f"{said}{why}", is_bad=is_answer or end.how != "end")


def _reconnected(what: str, after_s: float, last_id: str | None) -> Turn:
    id_sent = "without an id" if last_id is None else f"with Last-Event-ID {last_id}"
    return Turn(f"{what} after {show_seconds(after_s)} {id_sent}")

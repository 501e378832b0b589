"""Let a fault stand in some exchanges only: what `when:` comes to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.faults.actions import (
    Action,
    CaseOver,
    Event,
    Fault,
    Note,
    RequestHead,
    ResponseHead,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.when import When


@dataclass(slots=True)
class _Undecided:
    """What `Conditional` knows of an exchange whose response head has not come."""

    request: RequestHead
    notes: list[Note] = field(default_factory=list)


class Conditional:
    """Let a fault stand in some exchanges only; the others pass it as if it were not there.

    While it is undecided whether it stands, its notes wait; one that acts before the response head
    has decided it.

    Args:
        when: The condition.
        fault: The fault.
    """

    def __init__(self, when: When, fault: Fault) -> None:
        self._when = when
        self._fault = fault
        self._passing: set[int] = set()
        self._undecided: dict[int, _Undecided] = {}
        self._waking: set[int] = set()

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        """See `Fault.step`."""
        if x not in self._passing:
            return self._standing(now_s, x, event)
        if isinstance(event, CaseOver):
            self._passing.discard(x)
            return ()
        return () if isinstance(event, Wake) else ((x, passed(event)),)

    def _standing(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        """A step in an exchange in which the fault stands, as far as is known."""
        undecided = self._undecided.get(x)
        match event:
            case RequestHead():
                unmet = self._when.unmet_by(event, None)
                if unmet is not None:
                    self._passing.add(x)
                    yield x, Note("not_armed", unmet)
                    yield x, passed(event)
                    return
                if self._when.awaits_response():
                    self._undecided[x] = _Undecided(event)
            case ResponseHead() if undecided is not None:
                unmet = self._when.unmet_by(undecided.request, event)
                if unmet is not None:
                    yield from self._withdraw(now_s, x, unmet)
                    yield x, passed(event)
                    return
                yield from self._decide(x)
            case _:
                pass
        for y, action in self._fault.step(now_s, x, event):
            yield from self._say(y, action)
        if isinstance(event, CaseOver):
            self._waking.discard(x)
            if self._undecided.pop(x, None) is not None:
                yield x, Note("not_armed", "no response head came")

    def _withdraw(self, now_s: float, x: int, unmet: str) -> Iterable[tuple[int, Action]]:
        del self._undecided[x]
        self._passing.add(x)
        for _ in self._fault.step(now_s, x, CaseOver()):
            pass  # how it stood in an exchange it does not stand in is of no interest
        if x in self._waking:
            self._waking.discard(x)
            yield x, WakeAt(math.inf)
        yield x, Note("not_armed", unmet)

    def _decide(self, x: int) -> Iterable[tuple[int, Action]]:
        undecided = self._undecided.pop(x, None)
        if undecided is not None:
            yield from ((x, note) for note in undecided.notes)

    def _say(self, x: int, action: Action) -> Iterable[tuple[int, Action]]:
        undecided = self._undecided.get(x)
        match action:
            case Note(what="armed" | "not_reached") if undecided is not None:
                undecided.notes.append(action)
                return
            case Note() if undecided is not None:
                yield from self._decide(x)
            case WakeAt(at_s):
                (self._waking.discard if math.isinf(at_s) else self._waking.add)(x)
            case _:
                pass
        yield x, action

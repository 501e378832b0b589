"""How every fault of the chain ended a case, from what the faults noted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.model.journal import FaultNote
from harness.model.scenario import Case
from harness.model.verdict import FaultEnd

UNREACHED = "no request reached it"


class Armed(NamedTuple):
    """A fault that is armed whatever happens.

    Attributes:
        hop: 1 is nearest the client.
        fault: Its position in the hop, from 0, as in `FaultNote`.
        name: Its name in YAML.
    """

    hop: int
    fault: int
    name: str


def armed_in(case: Case) -> tuple[Armed, ...]:
    """The faults a case writes, which are armed whatever happens."""
    return tuple(
        Armed(number, at, fault.name)
        for number, hop in enumerate(case.scenario.through, 1)
        for at, fault in enumerate(hop.faults)
        # A user's script is no fault of ours: it does not say how it stands.
        if fault.name != "script"
    )


def fault_ends(notes: Iterable[FaultNote], armed: Iterable[Armed]) -> tuple[FaultEnd, ...]:
    """How each fault ended, over all its exchanges: the first of fired, defeated, not reached.

    Of several exchanges in which it did not act, the one that came closest gives the reason.

    Args:
        notes: Every note of the journal, in order.
        armed: Faults to be told even when they noted nothing.
    """
    names = {(it.hop, it.fault): it.name for it in armed}
    by_fault: dict[tuple[int, int], list[FaultNote]] = {key: [] for key in names}
    for note in notes:
        by_fault.setdefault((note.hop, note.fault), []).append(note)
        names.setdefault((note.hop, note.fault), note.name)
    return tuple(_end(key[0], names[key], by_fault[key]) for key in sorted(by_fault))


def _end(hop: int, name: str, notes: list[FaultNote]) -> FaultEnd:
    fired = [it for it in notes if it.what == "fired"]
    defeated = [it for it in notes if it.what == "defeated"]
    if fired:
        times = f" ({len(fired)} times)" if len(fired) > 1 else ""
        return FaultEnd(hop=hop, fault=name, end="fired", reason=fired[0].reason + times)
    if defeated:
        return FaultEnd(hop=hop, fault=name, end="defeated", reason=_closest(defeated))
    missed = [it for it in notes if it.what == "not_reached"] or notes
    return FaultEnd(hop=hop, fault=name, end="not_reached", reason=_closest(missed))


def _closest(notes: list[FaultNote]) -> str:
    """The reason of the exchange in which a fault came closest to acting, and of how many."""
    if not notes:
        return UNREACHED
    best = max(reversed(notes), key=lambda it: it.share)  # of equals the last one
    exchanges = len({it.x for it in notes})
    if exchanges == 1:
        return best.reason
    which = "closest" if best.share else "last"
    return f"{best.reason} ({which} of {exchanges} exchanges)"

"""How every fault of the chain ended a case, from what the faults noted.

A fault that a scenario writes always counts. One of a product counts where the case gave it
something to do: one that arms `always` once it was armed in some exchange in which the client was
not told to stop, one that arms by `acting` once it fired or was defeated; and never one that was
overtaken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from harness.model.journal import FaultNote
from harness.model.scenario import Case, FaultSpec, ProductUse
from harness.model.verdict import EndHow, FaultEnd

UNREACHED = "no request reached it"

type Position = tuple[int, int]
"""Hop, 1 nearest the client, and place in the hop, from 0, as in `FaultNote`."""


class Standing(NamedTuple):
    """A fault, and where it stands.

    Attributes:
        hop: 1 is nearest the client.
        fault: Its position in the hop, from 0, as in `FaultNote`.
        spec: What the case says of it.
        product: The product it is a part of; None: the scenario writes it.
    """

    hop: int
    fault: int
    spec: FaultSpec
    product: ProductUse | None = None

    @property
    def at(self) -> Position:
        """Where it stands."""
        return self.hop, self.fault


def standing_in(case: Case) -> tuple[Standing, ...]:
    """Every fault of a case's chain that says how it stands."""
    return tuple(
        Standing(number, at, spec, hop.product)
        for number, hop in enumerate(case.scenario.through, 1)
        for at, spec in enumerate(hop.faults)
        # A user's script is no fault of ours: it does not say how it stands. Nor does a real hop.
        if spec.name != "script" and not hop.is_real
    )


def by_position(notes: Iterable[FaultNote]) -> dict[Position, list[FaultNote]]:
    """The notes of each fault, in order."""
    out: defaultdict[Position, list[FaultNote]] = defaultdict(list)
    for note in notes:
        out[note.hop, note.fault].append(note)
    return dict(out)


def exchanges_armed(notes: Iterable[FaultNote]) -> set[int]:
    """The exchanges in which a fault was armed: its `when` held."""
    notes = list(notes)
    return {it.x for it in notes} - {it.x for it in notes if it.what == "not_armed"}


def fault_ends(
    notes: Iterable[FaultNote],
    standing: Sequence[Standing],
    overtaken: Collection[Position] = frozenset(),
    recycled: Mapping[Position, str] = MappingProxyType({}),
    stopped: Collection[tuple[int, int]] = frozenset(),
) -> tuple[FaultEnd, ...]:
    """How each fault that counts ended, over all its exchanges.

    The first of fired, defeated, not reached. Of several exchanges in which it did not act, the
    one that came closest gives the reason.

    Args:
        notes: Every note of the journal, in order.
        standing: The faults of the chain.
        overtaken: Those that do not count if they were not reached.
        recycled: Those that are defeated if they were not reached, and how.
        stopped: (hop, its exchange), where clients were told to stop: a 204 has nothing to act on.
    """
    noted = by_position(notes)
    ends = []
    for it in sorted(standing, key=lambda it: it.at):
        own = noted.get(it.at, [])
        end = _end(it, own, recycled.get(it.at))
        armed = {x for x in exchanges_armed(own) if (it.hop, x) not in stopped}
        if end.end != "not_reached" or _counts(it, is_armed=bool(armed), overtaken=overtaken):
            ends.append(end)
    return tuple(ends)


def _counts(it: Standing, *, is_armed: bool, overtaken: Collection[Position]) -> bool:
    """Whether a fault counts that was not reached."""
    if it.product is None:
        return True
    return it.spec.arms == "always" and is_armed and it.at not in overtaken


def _end(it: Standing, notes: list[FaultNote], recycled: str | None) -> FaultEnd:
    def ended(how: EndHow, reason: str) -> FaultEnd:
        return FaultEnd(
            hop=it.hop,
            fault=it.spec.name,
            end=how,
            reason=reason,
            product="" if it.product is None else str(it.product),
            setting=it.spec.directive,
            evidence=it.spec.evidence,
            is_limit=it.spec.is_limit,
            is_aside=it.spec.is_aside,
            rescue=it.spec.rescue,
        )

    fired = [note for note in notes if note.what == "fired"]
    if fired:
        times = f" ({len(fired)} times)" if len(fired) > 1 else ""
        return ended("fired", fired[0].reason + times)
    defeated = [note for note in notes if note.what == "defeated"]
    if defeated:
        return ended("defeated", _closest(defeated))
    if recycled is not None:
        return ended("defeated", recycled)
    missed = [note for note in notes if note.what == "not_reached"]
    barred = [note for note in notes if note.what == "not_armed"]
    return ended("not_reached", _closest(missed or barred or notes))


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

"""Limits of products that had no chance because something else in the chain always came first.

Behind a limit of 15 s one of 300 s never acts, however long the case. A limit is overtaken when a
hop ended an exchange before it, or a client left as it was told to, and no exchange lasted longer
than the longest of those that were ended so: then a longer case would not have shown it either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.checks.blame import SAME_INSTANT_S
from harness.checks.evidence import Evidence
from harness.checks.fault_ends import Position, Standing, by_position, exchanges_armed


def overtaken(evidence: Evidence, standing: Iterable[Standing]) -> frozenset[Position]:
    """The limits of products that something else in the chain overtook."""
    noted = by_position(evidence.notes)
    return frozenset(
        it.at
        for it in standing
        if it.product is not None
        and it.spec.is_limit
        and _is_overtaken(list(_lives(evidence, it.hop, exchanges_armed(noted.get(it.at, [])))))
    )


def _is_overtaken(lives: list[tuple[float, bool]]) -> bool:
    ended_s = max((life_s for life_s, is_ended in lives if is_ended), default=None)
    return ended_s is not None and all(it <= ended_s + SAME_INSTANT_S for it, _ in lives)


def _lives(evidence: Evidence, hop: int, armed: set[int]) -> Iterator[tuple[float, bool]]:
    """Of each attempt that came by a fault: its life in seconds, and whether it was ended so."""
    for attempt in evidence.attempts:
        if any(it.hop == hop and it.x in armed for it in evidence.route(attempt).hops):
            ending = evidence.ending(attempt)
            by_hop = ending is not None and ending.by == "hop"
            yield attempt.life_s, by_hop or attempt.left is not None

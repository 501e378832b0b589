"""Limits of products that a server comes before: it ends its streams itself, to be resumed.

Nothing else rescues a stream behind a hop that ends, or holds, every response. So a limit that no
exchange reached has been defeated where the reference server recycled every stream, as its script
says: a longer case would not have shown it either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.checks.advice import seconds
from harness.checks.evidence import Evidence
from harness.checks.fault_ends import Position, Standing, by_position, exchanges_armed
from harness.checks.places import Attempt
from harness.checks.stays_open import is_on_script


def recycled(evidence: Evidence, standing: Iterable[Standing]) -> Mapping[Position, str]:
    """The limits of products that recycling kept from every exchange, and how; see above."""
    traffic = evidence.case.scenario.traffic
    if traffic is None or traffic.recycle_after_s is None:
        return {}
    noted = by_position(evidence.notes)
    found = {}
    for it in standing:
        if it.product is None or not it.spec.is_limit:
            continue
        armed = exchanges_armed(noted.get(it.at, []))
        came_by = [
            attempt
            for attempt in evidence.attempts
            if any(hop.hop == it.hop and hop.x in armed for hop in evidence.route(attempt).hops)
        ]
        streams = [attempt for attempt in came_by if attempt.is_stream]
        if streams and all(_is_ended_on_script(evidence, attempt) for attempt in came_by):
            longest_s = max(attempt.life_s for attempt in streams)
            found[it.at] = f"the server ended every stream itself, after {seconds(longest_s)}"
    return found


def _is_ended_on_script(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether the server ended a response as its script says, or told the client to stop."""
    ending = evidence.ending(attempt)
    if ending is None or ending.by != "target":
        return False
    return attempt.status == 204 or is_on_script(evidence, ending)

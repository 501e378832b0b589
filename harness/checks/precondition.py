"""Whether another target's stream is what a scenario is about.

`traffic:` is a script for the reference server. Any other target says what it says; a scenario
about a silence of two minutes has nothing to tell of a server that speaks each second.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import NamedTuple

from harness.checks.advice import seconds
from harness.checks.evidence import Evidence

# A target need not keep time to the scenario's beat, but has to be no slower than half of it.
_SLOWER = 2.0
_ROUNDING_S = 0.05


class Unmet(NamedTuple):
    """What a scenario needs and the target's stream is not.

    Attributes:
        margin_s: What is missing, in seconds, negative.
    """

    expected: str
    observed: str
    margin_s: float


def unmet(evidence: Evidence) -> Unmet | None:
    """What of the scenario's `traffic:` the tap did not see; None: it saw all of it."""
    traffic = evidence.case.scenario.traffic
    if evidence.is_reference or traffic is None:
        return None
    times = sorted(it.t_s for exchange in evidence.exchanges for it in exchange.stream.events)
    asked_s = max((it.to_s - it.from_s for it in traffic.silence), default=0.0)
    if asked_s:
        points = [evidence.ready_s, *times, evidence.over_s]
        longest_s = max(b - a for a, b in pairwise(points))
        if longest_s < asked_s - _ROUNDING_S:
            return Unmet(
                f"a silence of {seconds(asked_s)}",
                f"longest silence {seconds(longest_s)} of {seconds(asked_s)}",
                longest_s - asked_s,
            )
    every_s = traffic.every_s
    gaps_s = [b - a for a, b in pairwise(times)]
    beat_s = median(gaps_s) if gaps_s else evidence.over_s - evidence.ready_s
    if beat_s > _SLOWER * every_s + _ROUNDING_S:
        return Unmet(
            f"an event about every {seconds(every_s)}",
            f"{len(times)} events, {seconds(beat_s)} apart",
            _SLOWER * every_s - beat_s,
        )
    return None

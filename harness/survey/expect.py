"""What a replayed stream is judged by: what the path does to it, given what the target said."""

from __future__ import annotations

from typing import Any

from harness.scenario.chain import limit_paths
from harness.survey.cadence import longest_silence_s
from harness.survey.cells import Cell
from harness.survey.observation import Observation
from harness.units import format_duration

# Below the commonest beat of all, a second: what waits for the next event is late.
_DELIVERED_S = 0.5
_FIRST_BYTE_S = 5.0
_SILENCE_S = 30.0
# How much longer than at the target itself a silence may be behind a path.
_SLACK_S = 5.0


def of_the_target(seen: Observation) -> dict[str, Any]:
    """What is asked of the target itself, on no path at all."""
    asked: dict[str, Any] = {"headers_fit": True, "events_parse": True, "ids_advance": True}
    asked["first_byte_within"] = _duration(_FIRST_BYTE_S)
    if not seen.is_over:
        asked["heartbeat_within"] = _duration(_SILENCE_S)
    return asked


def of_a_path(cell: Cell, seen: Observation) -> dict[str, Any]:
    """What is asked of a path that the target's stream takes.

    The target's own slowness is no fault of the path, so that bounds begin at what it does itself.
    """
    silence_s = longest_silence_s(seen)
    asked: dict[str, Any] = {
        "delivered_within": _duration(_DELIVERED_S),
        "stays_open": {"until": list(limit_paths(cell.hops))} if not seen.is_over else True,
        "no_event_lost": True,
        "order_kept": True,
    }
    if not seen.is_over:
        asked["heartbeat_within"] = _duration(max(_SILENCE_S, silence_s + _SLACK_S))
    return asked


def _duration(seconds: float) -> str:
    return format_duration(round(seconds, 3))

"""What a stream is judged by: of the target what it says, of a path what that does to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.scenario.chain import limit_paths
from harness.survey.cadence import longest_silence_s
from harness.survey.cells import Cell
from harness.survey.kinds import Kind
from harness.survey.observation import Observation
from harness.survey.resuming import Resuming
from harness.units import format_duration

# Below the commonest beat of all, a second: what waits for the next event is late.
_DELIVERED_S = 0.5
_FIRST_BYTE_S = 5.0
_SILENCE_S = 30.0
# How much longer than at the target itself a silence may be behind a path.
_SLACK_S = 5.0


@dataclass(frozen=True)
class Terms:
    """What is known beside the stream.

    Attributes:
        kind: What it is for.
        resuming: How the target answers a client that comes back.
    """

    kind: Kind
    resuming: Resuming

    def lets_go(self, seen: Observation) -> bool:
        """Whether a client survives that a path ends its stream after a while.

        It comes back; and the target goes on where it was, or it does not matter.
        """
        if seen.has_all:
            return False
        is_asked_again = seen.request.method == "GET"
        is_indifferent = self.kind.level("resumes") == "no"
        return self.resuming.how == "goes on" or (is_asked_again and is_indifferent)


def of_the_target(seen: Observation, terms: Terms) -> dict[str, Any]:
    """What is asked of the target itself, on no path at all."""
    asked: dict[str, Any] = {"headers_fit": True, "events_parse": True, "ids_advance": True}
    asked["first_byte_within"] = _duration(_FIRST_BYTE_S)
    if seen.has_all and seen.promises.end_marker is not None:
        asked["stays_open"] = True
    if seen.promises.sequence is not None:
        asked |= {"no_event_lost": True, "order_kept": True}
    if not seen.has_all:
        asked["heartbeat_within"] = _duration(_SILENCE_S)
    return _meant(asked, terms)


def of_a_path(
    cell: Cell, seen: Observation, terms: Terms, *, comes_back: bool = False
) -> dict[str, Any]:
    """What is asked of a path that the target's stream takes.

    The target's own slowness is no fault of the path, so that bounds begin at what it does itself.

    Args:
        cell: The path.
        seen: What the target said.
        terms: What is known beside that.
        comes_back: Whether a client whose stream is ended comes back to go on.
    """
    limits = list(limit_paths(cell.hops)) if terms.lets_go(seen) else []
    asked: dict[str, Any] = {
        "delivered_within": _duration(_DELIVERED_S),
        "stays_open": {"until": limits} if limits else True,
        "order_kept": True,
    }
    if comes_back:
        asked |= {"no_event_lost": True, "no_event_duplicated": True, "resumes": True}
    elif not limits:
        # What such an end catches on its way comes after it: how the target resumes is told apart.
        asked["no_event_lost"] = True
    if not seen.has_all:
        silence_s = longest_silence_s(seen)
        asked["heartbeat_within"] = _duration(max(_SILENCE_S, silence_s + _SLACK_S))
    return _meant(asked, terms)


def _meant(asked: dict[str, Any], terms: Terms) -> dict[str, Any]:
    return {name: it for name, it in asked.items() if terms.kind.level(name) != "no"}


def _duration(seconds: float) -> str:
    return format_duration(round(seconds, 3))

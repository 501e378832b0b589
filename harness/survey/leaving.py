"""A client that leaves in the middle of a stream: when, and how soon its server has to hear of it.

Whether a target notices is seen once, with nothing in between. What stands in between has to tell
it: at once, with one of the next writes, which a quiet target makes late or never, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from harness.checks.disconnect_noticed import DisconnectNoticed
from harness.survey.cadence import beat_of
from harness.survey.observation import Observation
from harness.units import format_duration

CHECK: Final = DisconnectNoticed.name

# After the first bytes: they have come through by then, where anything does.
_AFTER_S = 0.5
# With the heartbeat that the standard advises, every 15 s or so, three writes have been made by
# then, which is what most who notice by writing need.
_TOLD_S = 60.0
# Who has not noticed with so many writes does not.
_MOST_WRITES = 200
# Less than this is no time to notice anything.
_LEAST_S = 5.0
# So much longer is watched, if there is anything to be watched: what a machine was late by does not
# matter then.
_MORE_S = 2.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """A client that leaves.

    Attributes:
        at_s: When, in seconds since its request.
        within_s: How soon after it the target has to be told.
    """

    at_s: float
    within_s: float

    @property
    def until_s(self) -> float:
        """How long has to be watched."""
        return self.at_s + self.within_s + _MORE_S

    @property
    def expect(self) -> dict[str, Any]:
        """What is asked of a path, as `expect:` in a scenario."""
        within = format_duration(round(self.within_s, 3))
        return {CHECK: {"within": within, "by": "path"}}


def leaving_of(seen: Observation) -> Leaving | None:
    """How a client leaves such a response; None: it is over too soon for that."""
    first_s = seen.said.reads[0][0] if seen.said.reads else seen.said.head_s
    at_s = first_s + _AFTER_S
    within_s = _TOLD_S
    if seen.has_all:
        # Told when it is nearly done, a target has worked for nobody.
        within_s = min(within_s, (seen.long_s - at_s) / 2)
    elif (beat := beat_of(seen)) is not None:
        usual_s = sum(pause_s for pause_s, _ in beat.steps) / len(beat.steps)
        within_s = min(within_s, max(_LEAST_S, _MOST_WRITES * usual_s))
    return None if within_s < _LEAST_S else Leaving(at_s, within_s)

"""What chains did to one target's stream, so that none is replayed twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from harness.model.ask import Ask
from harness.model.journal import Entry
from harness.survey.observation import Observation


class Conditions(NamedTuple):
    """What a replay depends on, beside what the target says."""

    behaviour: str
    seed: int
    reach_s: float
    gone_s: float | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a chain did.

    Attributes:
        entries: All but the first of a journal, which is about the case.
        answers: How the target was asked, and what it said.
    """

    entries: tuple[Entry, ...]
    answers: tuple[tuple[Ask, Observation], ...]


class Replays:
    """Those of one target's stream.

    Args:
        played: Those that were played before; None: none were.
        keeps: Whether those to come are remembered, which takes a lot of memory.
    """

    def __init__(
        self, played: dict[Conditions, Replayed] | None = None, *, keeps: bool = True
    ) -> None:
        self._played = {} if played is None else played
        self._keeps = keeps

    def unchanged(self) -> Replays:
        """The same, where those to come are not remembered."""
        return Replays(self._played, keeps=False)

    def find(self, conditions: Conditions, said: Callable[[Ask], Observation]) -> Replayed | None:
        """What a chain did under these conditions; None: it was not replayed.

        Args:
            conditions: Under which.
            said: What the target says by now; a replay in which it said something else is another.
        """
        found = self._played.get(conditions)
        if found is None or any(said(ask) is not seen for ask, seen in found.answers):
            return None
        return found

    def add(self, conditions: Conditions, replayed: Replayed) -> None:
        """Remember a replay, if that is meant."""
        if self._keeps:
            self._played[conditions] = replayed

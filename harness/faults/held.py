"""How much a fault may hold back of one exchange, and what it does about more."""

from __future__ import annotations

from collections.abc import Iterator

from harness.faults.base import Action, PauseUpstream, ResumeUpstream


class Gate:
    """Stop reading from upstream while too much is held.

    One read can be under way when it closes, so a holder has at most its limit and that read.

    Args:
        limit_bytes: Most body bytes to hold; above them the gate closes, and below half of them
            it opens again.
    """

    __slots__ = ("_attempt", "_is_closed", "_limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._is_closed = False
        self._attempt = 0

    def filled(self, held_bytes: int, attempt: int) -> Iterator[Action]:
        """So much is held now that a read from `attempt` was added."""
        if held_bytes > self._limit_bytes and not self._is_closed:
            self._is_closed, self._attempt = True, attempt
            yield PauseUpstream(attempt)

    def drained(self, held_bytes: int) -> Iterator[Action]:
        """So much is held now that some went out."""
        if self._is_closed and held_bytes < self._limit_bytes / 2:
            self._is_closed = False
            yield ResumeUpstream(self._attempt)

"""How a fault stands in one exchange: what came from upstream so far, and one outcome at most."""

from __future__ import annotations

from collections.abc import Iterator

from harness.faults.base import Data, Event, Note


class Standing:
    """Write the notes of one exchange: the first outcome counts, later ones are silent.

    Attributes:
        offset: Body bytes that came from upstream, those of the event at hand included.
        is_settled: Whether the outcome is told.
    """

    __slots__ = ("is_settled", "offset")

    def __init__(self) -> None:
        self.offset = 0
        self.is_settled = False

    def see(self, event: Event) -> None:
        """Count the body bytes of `event`."""
        if isinstance(event, Data):
            self.offset += len(event.data)

    def fired(self, reason: str) -> Iterator[Note]:
        """The fault acted."""
        if not self.is_settled:
            self.is_settled = True
            yield Note("fired", reason, self.offset)

    def defeated(self, reason: str, share: float = 0.0) -> Iterator[Note]:
        """`reason` names what disarmed the fault; `share` is as `Note` has it."""
        if not self.is_settled:
            self.is_settled = True
            yield Note("defeated", reason, self.offset, share=share)

    def not_reached(self, reason: str, share: float = 0.0) -> Iterator[Note]:
        """The exchange is over and the fault did not act; `reason` carries the margin."""
        if not self.is_settled:
            self.is_settled = True
            yield Note("not_reached", reason, self.offset, share=share)

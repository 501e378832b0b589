"""Who watches a replay: told what crosses every border, at the time the replay ticks."""

from __future__ import annotations

from harness.faults.base import ClientGone, Data, Event, RequestHead, ResponseHead
from harness.hops.observed import Asked


class Witness:
    """Sees nothing; a subclass looks at what it wants to.

    Requests of clients, exchanges at a hop and exchanges at the target's border are numbered each
    for themselves: the first from 0, the others from 1.
    """

    def asked(self, number: int, request: Asked) -> None:
        """A client sends its request."""

    def answered(self, number: int, head: ResponseHead) -> None:
        """A client gets the head of the response."""

    def arrived(self, number: int, data: bytes) -> None:
        """A client gets body bytes."""

    def ended(self, number: int, how: str) -> None:
        """The response ends at a client: end, truncation, reset or refused."""

    def went(self, number: int, request: Asked) -> None:
        """A client leaves the response to its request, as that says."""

    def read(self, hop: int, x: int, data: Data) -> None:
        """A hop reads body bytes from upstream."""

    def wrote(self, hop: int, x: int, body_bytes: int) -> None:
        """A hop writes body bytes downstream; `body_bytes` counts all of them up to now."""

    def reached(self, number: int, head: RequestHead) -> None:
        """A request reaches the target's border."""

    def said(self, number: int, event: Event) -> None:
        """The target says something: a head, body bytes, or its end."""

    def left(self, number: int, gone: ClientGone) -> None:
        """Downstream closes an exchange at the target's border, or aborts it."""

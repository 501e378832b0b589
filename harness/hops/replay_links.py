"""Between two hops of a replay: attempts, and what was sent, as it stands on a wire."""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults.base import EndHow, Framing, ResponseHead, UpstreamEndHow
from harness.hops.observed import Said
from harness.wire.headers import Headers

END: dict[str, UpstreamEndHow] = {
    "end": "end",
    "truncation": "truncation",
    "reset": "reset",
    "refused": "refused",
    "malformed": "truncation",
}
FRAMING: dict[str, Framing] = {
    "chunked": "chunked",
    "length": "length",
    "close": "close",
    "none": "none",
}


@dataclass(frozen=True, slots=True)
class Link:
    """An attempt of a hop (or of a client, hop 0) and the exchange it became further upstream."""

    hop: int
    x: int
    attempt: int = 0


@dataclass(slots=True)
class Target:
    """One exchange at the target's border, being told again; `number` counts them from 1."""

    link: Link
    said: Said
    number: int
    is_closed: bool = False


@dataclass(slots=True)
class Sent:
    """What a hop has sent downstream in one exchange, as it stands on a wire."""

    framing: Framing | None = None
    declared: int = 0
    size: int = 0
    is_over: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its receiver knows, without being told, that nothing more comes."""
        is_full = self.framing == "length" and self.size >= self.declared
        return self.framing == "none" or is_full

    def seen(self, how: EndHow) -> EndHow:
        """How its receiver sees an end."""
        if how == "end" and self.framing == "length" and not self.is_whole:
            return "truncation"
        # A body delimited by the close looks whole whenever it is closed.
        return "end" if how == "truncation" and self.framing == "close" else how


def declared(head: ResponseHead) -> int:
    """The body bytes a head promises, 0 when it promises none."""
    lengths = [val for name, val in head.headers if name.lower() == "content-length"]
    return int(lengths[0]) if head.framing == "length" and lengths[0].isdigit() else 0


def framed(head: ResponseHead) -> Headers:
    """The head's fields as the next hop reads them off the wire."""
    if head.framing == "chunked":
        return (*head.headers, ("Transfer-Encoding", "chunked"))
    return head.headers

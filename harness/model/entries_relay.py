"""Entries of the relays between neighbouring hops that keep no record, such as programs."""

from __future__ import annotations

from typing import Literal

from harness.model.entry import Base
from harness.wire.headers import Headers


class RelayRequest(Base, frozen=True, tag="relay.request"):
    """A request passed the relay before a hop, on its way to it."""

    hop: int
    x: int
    method: str
    target: str
    version: str
    headers: Headers


class RelayHead(Base, frozen=True, tag="relay.head"):
    """The hop sent a response head; 1xx ones have `is_interim`."""

    hop: int
    x: int
    status: int
    version: str
    framing: str
    headers: Headers
    is_interim: bool = False


class RelayRead(Base, frozen=True, tag="relay.read"):
    """The hop sent body bytes: after transfer coding, before content coding.

    Args:
        digest: Running hash of the body up to and including these bytes, 16 hex digits.
    """

    hop: int
    x: int
    offset: int
    size: int
    digest: str


class RelayEnd(Base, frozen=True, tag="relay.end"):
    """An exchange ended before the hop; the hop's own end may follow a FIN from downstream.

    Args:
        by: Whose doing: that of the hop, or of the one before it, which left.
        how: end, truncation, reset, refused, malformed; for downstream fin or rst.
    """

    hop: int
    x: int
    by: Literal["upstream", "downstream"]
    how: Literal["end", "truncation", "reset", "refused", "malformed", "fin", "rst"]
    detail: str = ""

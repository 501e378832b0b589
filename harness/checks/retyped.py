"""Which hop changed the content type of a response: what a client goes by, and hops may spoil."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from harness.checks.hop_exchange import HopExchange
from harness.checks.places import Attempt
from harness.checks.routes import Route
from harness.wire.headers import Headers, media_type, value


class Retyped(NamedTuple):
    """A content type that is not the target's any more.

    Attributes:
        hop: Who changed it; None: somebody on a stretch of the path without a record.
        said: What the target said; None: nothing.
        got: What the client got; None: nothing.
        entries: The entries that show it.
    """

    hop: int | None
    said: str | None
    got: str | None
    entries: tuple[int, ...]

    @property
    def who(self) -> str:
        """Who changed it, in words."""
        return "the path" if self.hop is None else f"hop {self.hop}"

    @property
    def observed(self) -> str:
        """The change in words."""
        said, got = self.said or "nothing", self.got or "nothing"
        return f"{self.who} changed Content-Type from {said} to {got}"

    @property
    def fix(self) -> str:
        """What cures it."""
        return f"let {self.who} pass on Content-Type as it came"


def retyped(attempt: Attempt, route: Route, chain: Sequence[int]) -> Retyped | None:
    """How the content type changed between the target and the client; None: it did not.

    What a hop sends is judged by what arrives below it: a user's script may change a head after
    the hop has noted it.

    Args:
        attempt: The attempt.
        route: Its way to the target.
        chain: Every hop of the case by number, those without a record (real ones) included.
    """
    tap = None if route.exchange is None else route.exchange.head
    if tap is None or attempt.head is None:
        return None
    said, got = _written(tap.headers), _written(attempt.head.headers)
    if said == got:
        return None
    # A parameter is a trifle beside another type.
    is_other = media_type(tap.headers) != media_type(attempt.head.headers)
    look = media_type if is_other else _written
    arrived = [
        _Arrival(len(chain), tap.headers, tap.n),
        *(_Arrival(it.hop, it.heads[-1].headers, it.heads[-1].n) for it in _with_heads(route)),
        _Arrival(0, attempt.head.headers, attempt.head.n),
    ]
    steps = [
        (above, below)
        for above, below in pairwise(arrived)
        if look(above.headers) != look(below.headers)
    ]
    above, below = steps[-1]  # what it was made before was made anew here
    able = [hop for hop in chain if below.hop < hop <= above.hop]
    return Retyped(able[0] if len(able) == 1 else None, said, got, (above.n, below.n))


class _Arrival(NamedTuple):
    """A head as it arrived at a hop, or at the client (0)."""

    hop: int
    headers: Headers
    n: int


def _written(headers: Headers) -> str | None:
    return value(headers, "content-type")


def _with_heads(route: Route) -> Iterator[HopExchange]:
    return (it for it in reversed(route.hops) if it.heads)

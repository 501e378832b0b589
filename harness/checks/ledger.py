"""What a client was owed and what it got, event by event.

The truth is the best record there is. For the reference server it is the feed: what a perfect
client would get (`feed_ledger`). For any other target it is what the target said, as the tap heard
it, with the numbers in its ids or data for what it said while the client was away (`tap_ledger`).

A client is owed what came after its first response began (or after the id it began with), up to
the end of its watch. What was on its way at that end is left out: nobody can say it was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from harness.checks.deliveries import Said
from harness.checks.places import Attempt, Client
from harness.checks.streams import Seen
from harness.wire.sse import Event

type Key = int | str
type Basis = Literal["feed", "ids", "numbers", "contents", "places"]
"""How events are told apart: by the feed's sequence, by id, by a number in the data, by all they
say, or only by their place in what the target said, so that the same event said twice is two."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An event a client should have.

    Attributes:
        key: Which one.
        name: The same for a person.
        n: The entry that shows it existed; -1 when only its number is known.
    """

    key: Key
    name: str
    n: int


@dataclass(frozen=True, slots=True)
class Got:
    """An event a client got.

    Attributes:
        key: Which one it is; None: one that nobody is known to have said.
        said_n: The entry at the tap; -1 when it was never said there so.
        is_altered: Whether it has another content than it was given.
    """

    key: Key | None
    seen: Seen[Event]
    attempt: Attempt
    said_n: int = -1
    is_altered: bool = False


class Unheard(NamedTuple):
    """An event the target said in one attempt, and the client did not get in it."""

    attempt: Attempt
    said: Said


@dataclass(frozen=True)
class Ledger:
    """One client's account.

    Attributes:
        order: Where each key stands in the order it was said.
        names: What to call each key.
        unheard: What the target said in one of the client's attempts and did not arrive in it.
        is_whole: Whether what was said while the client was away is known too.
        due: When the feed produced what concerns this client, whether or not it was still watched;
            nothing is known of that for a foreign target.
    """

    client: Client
    basis: Basis
    owed: tuple[Owed, ...]
    got: tuple[Got, ...]
    order: dict[Key, int]
    names: dict[Key, str]
    unheard: dict[Key, Unheard]
    is_whole: bool
    due: tuple[tuple[float, Key], ...] = ()

    @property
    def lost(self) -> list[Owed]:
        """What it never got, or got altered only."""
        have = {it.key for it in self.got if not it.is_altered}
        return [it for it in self.owed if it.key not in have]

    @cached_property
    def first_attempt(self) -> dict[Key, int]:
        """The number of the attempt in which the client first got each event."""
        first: dict[Key, int] = {}
        for it in self.got:
            if it.key is not None:
                first.setdefault(it.key, it.attempt.x)
        return first

    @property
    def first_got(self) -> list[Got]:
        """Each known event the first time the client got it, in order of arrival."""
        seen: set[Key] = set()
        out = []
        for it in self.got:
            if it.key is not None and it.key not in seen:
                seen.add(it.key)
                out.append(it)
        return out


def watched_until_s(client: Client, over_s: float, in_flight_s: float) -> float | None:
    """Until when a client is owed what is said; None: only up to the last event it got.

    A client that left, or that was told that all is over, is owed nothing more; one that was driven
    away (`is_fatal`) is owed everything. One that was between two responses when the case was over
    would have been sent the rest.
    """
    last = client.attempts[-1]
    left = [it.left.t_s for it in client.attempts if it.left is not None]
    if left:
        return left[0] - in_flight_s
    if client.done is not None and client.done.is_fatal:
        return over_s - in_flight_s
    if client.done is not None:
        return client.done.t_s - (in_flight_s if last.is_stream else 0.0)
    if last.is_open and over_s - last.began_s >= in_flight_s:
        return over_s - in_flight_s
    return None


def first_stream(client: Client) -> Attempt | None:
    """The first response the client read events from; None: there was none."""
    return next((it for it in client.attempts if it.is_stream), None)

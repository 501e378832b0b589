"""Who did it: which hop ended a response, and at which hop bytes waited.

A response ends at the hop nearest the target that ended it although its own upstream had not: every
hop further down only passed that on. Bytes waited at the hop with the longest time between their
leaving the place above it and their leaving the hop itself; a hop that did not read in time is as
much to blame as one that held what it had read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from harness.checks.hop_exchange import HopExchange
from harness.checks.places import Attempt, Exchange
from harness.checks.routes import Route
from harness.wire.headers import value

type By = Literal["client", "hop", "target", "unknown"]

# Twice the journal's resolution: what is less apart happened at one instant.
SAME_INSTANT_S = 2e-6
# Shorter waits are the work of moving bytes, not of a hop that holds them.
_NOTICEABLE_S = 0.001


@dataclass(frozen=True, slots=True)
class Ending:
    """How one attempt ended, and the facts about the time before.

    Args:
        attempt: The attempt.
        by: Whose doing it was.
        hop: The hop, when it was one's doing.
        how: As the client saw it: end, truncation, reset, refused, malformed, left.
        t_s: When, in seconds since the case began.
        life_s: How long the attempt had lasted, from its request.
        silence_s: How long no byte had come from the target's side to where it was ended.
        unheard_s: How long the client had not been sent a byte.
        body_bytes: Body bytes the client had got.
        events: Events the client had got.
        entries: The entries that show it.
    """

    attempt: Attempt
    by: By
    hop: int | None
    how: str
    t_s: float
    life_s: float
    silence_s: float
    unheard_s: float
    body_bytes: int
    events: int
    entries: tuple[int, ...]

    @property
    def is_before_head(self) -> bool:
        """Whether the client never saw a head of the response it asked for."""
        return self.attempt.head is None or self.attempt.status != 200

    @property
    def is_after_silence(self) -> bool:
        """Whether it came in a silence without equal before, rather than amid the traffic."""
        if self.is_before_head or not self.body_bytes:
            return True
        reads = self.attempt.stream.reads
        before_s = max((b.t_s - a.t_s for a, b in pairwise(reads)), default=0.0)
        return self.silence_s >= 1.0 and self.silence_s > 1.5 * before_s


class Wait(NamedTuple):
    """How long bytes waited at one hop; None: nowhere that can be told."""

    hop: int | None
    wait_s: float


def ending_of(attempt: Attempt, route: Route, chain: Sequence[int]) -> Ending | None:
    """How an attempt ended; None while it was open.

    Args:
        attempt: The attempt.
        route: Its way to the target.
        chain: Every hop of the case by number.
    """
    end = attempt.end
    if end is None or end.how == "open":
        return None
    by, hop, shown = _ended_by(attempt, route, chain)
    return Ending(
        attempt=attempt,
        by=by,
        hop=hop,
        how=end.how,
        t_s=end.t_s,
        life_s=attempt.life_s,
        silence_s=_silence_s(attempt, route, hop),
        unheard_s=_unheard_s(attempt),
        body_bytes=attempt.stream.body_bytes,
        events=len(attempt.stream.events),
        entries=tuple(sorted({*_last_bytes(attempt, route, hop), *shown, end.n})),
    )


def _ended_by(
    attempt: Attempt, route: Route, chain: Sequence[int]
) -> tuple[By, int | None, tuple[int, ...]]:
    if attempt.has_left:
        return "client", None, ()
    if _is_whole_by_length(attempt, route.exchange):
        return "target", None, ()
    for it in reversed(route.hops):
        if it.ended is not None and not _had_ended_above(it, it.ended.n):
            return "hop", it.hop, (it.ended.n,)
    tap = None if route.exchange is None else route.exchange.end
    if tap is not None and tap.by == "target" and tap.t_s <= attempt.ended_s + SAME_INSTANT_S:
        return "target", None, (tap.n,)
    if not chain:
        return "target", None, () if tap is None else (tap.n,)
    if route.exchange is None:
        # It got no further: the place that should have taken it did not.
        reached = route.hops[-1].hop if route.hops else 0
        above = next((hop for hop in chain if hop > reached), None)
        if route.hops and above is None:
            return "target", None, ()
        return ("hop", above, ()) if route.hops or attempt.head is None else _alone(chain)
    if _is_answer_of_target(attempt, route.exchange):
        return "target", None, ()
    # Of a hop behind the tap nothing is seen: alone, it is known by what the others did not do.
    return _alone([hop for hop in chain if hop not in {it.hop for it in route.hops}])


def _is_whole_by_length(attempt: Attempt, exchange: Exchange | None) -> bool:
    """Whether the client has had all that the target said its response would be.

    It is done then, whenever those above it notice the end.
    """
    if attempt.end is None or attempt.end.how != "end":
        return False
    if attempt.head is None or exchange is None or exchange.head is None:
        return False
    length = value(exchange.head.headers, "content-length")
    return length is not None and length == value(attempt.head.headers, "content-length")


def _alone(hops: Sequence[int]) -> tuple[By, int | None, tuple[int, ...]]:
    return ("hop", hops[0], ()) if len(hops) == 1 else ("unknown", None, ())


def _is_answer_of_target(attempt: Attempt, exchange: Exchange) -> bool:
    """Whether the client got the target's own answer, and that is no event stream."""
    return (
        exchange.head is not None
        and not attempt.is_stream
        and exchange.head.status == attempt.status
    )


def _had_ended_above(it: HopExchange, down_n: int) -> bool:
    """Whether the response had come to its end above this hop before it ended below."""
    tries = [try_ for try_ in it.attempts if try_.n < down_n]
    if not tries:
        return False
    ended = [end.n for end in it.upstream_ends if end.attempt == tries[-1].attempt]
    closed = [close.n for close in it.closed if close.attempt == tries[-1].attempt]
    return bool(ended) and ended[0] < down_n and not (closed and closed[0] < ended[0])


def _silence_s(attempt: Attempt, route: Route, hop: int | None) -> float:
    """How long no byte had come when it was ended: at the hop that did it, else at the client."""
    at_hop = next((it for it in route.hops if it.hop == hop), None)
    if at_hop is not None:
        ended, last = at_hop.ended, at_hop.last_read
        heads_s = [it.t_s for it in at_hop.heads]
        since_s = max([at_hop.request.t_s, *heads_s, *([last.t_s] if last else [])])
        if ended is not None:
            return max(0.0, min(ended.t_s, _given_up_s(at_hop)) - since_s)
    return _unheard_s(attempt)


def _given_up_s(it: HopExchange) -> float:
    """When a hop let go of its upstream: it may close its client's connection later than that."""
    own = None if it.attempt is None else it.attempt.attempt
    return min((close.t_s for close in it.closed if close.attempt == own), default=math.inf)


def _unheard_s(attempt: Attempt) -> float:
    """How long the client had got no byte; what a hop lets out in the end does not count."""
    if attempt.head is None or not attempt.is_stream:
        return attempt.life_s
    before_s = attempt.ended_s - SAME_INSTANT_S
    heard_s = [it.t_s for it in attempt.stream.reads if it.t_s < before_s]
    return attempt.ended_s - (heard_s[-1] if heard_s else attempt.head.t_s)


def _last_bytes(attempt: Attempt, route: Route, hop: int | None) -> Iterator[int]:
    """The entries of the last bytes before the end: at the hop that ended it, else the client."""
    at_hop = next((it for it in route.hops if it.hop == hop), None)
    last = None if at_hop is None else at_hop.last_read
    if last is not None:
        yield last.n
    elif attempt.stream.reads:
        yield attempt.stream.reads[-1].n
    else:
        yield attempt.request.n


def waits_of(
    route: Route, said_end: int, got_end: int | None, said_s: float, got_s: float
) -> list[Wait]:
    """How long the bytes up to one event waited at each hop, and below the last one (hop None).

    Where a hop changes the content coding, bytes above it are counted by the tap's offsets and
    bytes below it by the client's; between two such hops they cannot be counted, and the one
    nearer the client is given the whole wait.

    Args:
        route: The way of the attempt.
        said_end: Body bytes at the tap, before content decoding, up to the end of the event.
        got_end: The same at the client; None: the event never arrived.
        said_s: When it entered at the tap.
        got_s: When it arrived at the client, or the watching ended.
    """
    recoded = [at for at, it in enumerate(route.hops) if it.is_recoded]
    waits = []
    since_s = said_s
    for at, it in reversed(list(enumerate(route.hops))):
        if not recoded or at > recoded[-1]:
            end: int | None = said_end
        elif at <= recoded[0]:
            end = got_end
        else:
            continue
        left = None if end is None else it.wrote_down.when(end)
        if left is None and got_end is not None:
            continue  # it kept no count of its bytes: the next one down that did answers for both
        if left is None:
            waits.append(Wait(it.hop, got_s - since_s))
            return waits
        left_s = min(left.t_s, got_s)
        waits.append(Wait(it.hop, max(0.0, left_s - since_s)))
        since_s = max(since_s, left_s)
    waits.append(Wait(None, max(0.0, got_s - since_s)))
    return waits


def longest_wait(
    route: Route,
    chain: Sequence[int],
    said_end: int,
    got_end: int | None,
    said_s: float,
    got_s: float,
) -> Wait:
    """The longest of `waits_of`; when no hop counted bytes, the only hop there is."""
    waits = waits_of(route, said_end, got_end, said_s, got_s)
    longest = max(waits, key=lambda it: it.wait_s, default=Wait(None, 0.0))
    is_counted = any(it.wrote_down.last is not None for it in route.hops)
    if longest.hop is None and not is_counted and longest.wait_s > _NOTICEABLE_S:
        return Wait(chain[0] if len(chain) == 1 else None, longest.wait_s)
    return longest


def first_byte_wait(attempt: Attempt, route: Route, chain: Sequence[int], until_s: float) -> Wait:
    """Where the way to the first body byte took longest: up with the request, or down again.

    Args:
        attempt: The attempt.
        route: Its way.
        chain: Every hop of the case.
        until_s: When the first byte arrived, or was waited for no longer.
    """
    waits = [
        Wait(it.hop, (it.attempt.t_s if it.attempt else until_s) - it.request.t_s)
        for it in route.hops
    ]
    exchange = route.exchange
    if exchange is None:
        return max(waits, key=lambda it: it.wait_s, default=Wait(None, 0.0))
    reads = exchange.stream.reads
    spoke_s = reads[0].t_s if reads else until_s
    waits.append(Wait(None, spoke_s - exchange.request.t_s))
    if reads:
        # The body of an answer in its place is nothing of what the target said.
        got_end = 1 if attempt.is_stream and attempt.stream.reads else None
        waits.append(longest_wait(route, chain, 1, got_end, spoke_s, until_s))
    return max(waits, key=lambda it: it.wait_s)


def changed_at(route: Route, chain: Sequence[int]) -> int | None:
    """The hop that did not pass on a body as it came; None: that cannot be told.

    That is the one nearest the target that wrote another number of bytes than it had read. A hop
    that recodes does so anyway, and is not told from one that loses something.
    """
    for it in reversed(route.hops):
        read, wrote = it.read_up.last, it.wrote_down.last
        if read is not None and read.end != (0 if wrote is None else wrote.end):
            return it.hop
    return chain[0] if len(chain) == 1 else None

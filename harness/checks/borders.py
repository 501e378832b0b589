"""What a hop without a record did, as it was seen on both of its sides.

A program writes no journal. What came to it and what left it was noted there: by the client, by a
hop that keeps a record, by the relay between two that do not, or by the tap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.checks.hop_exchange import Crossing, HopExchange
from harness.checks.places import Attempt, Exchange, Sorted
from harness.checks.streams import Read
from harness.model.journal import (
    ClientHead,
    ClientRequest,
    HopAttempt,
    HopClientGone,
    HopClosedUpstream,
    HopEnd,
    HopForwardedHead,
    HopHead,
    HopRequest,
    HopUpstreamEnd,
    RelayEnd,
    RelayHead,
    RelayRead,
    RelayRequest,
    TapEnd,
    TapHead,
    TapRequest,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was seen: the entry, its time in seconds, and how it was."""

    n: int
    t_s: float
    how: str


@dataclass(frozen=True, eq=False, slots=True)
class Border:
    """One request at one border between two neighbours, and what came of it there.

    Attributes:
        end: The response's end, by upstream's doing; None: there was none.
        left: The end of the request's side, by downstream's doing; None: there was none.
    """

    request: ClientRequest | HopRequest | HopAttempt | RelayRequest | TapRequest
    head: ClientHead | HopHead | HopForwardedHead | RelayHead | TapHead | None
    body: Crossing
    end: Mark | None
    left: Mark | None


@dataclass(frozen=True, eq=False)
class RelayExchange:
    """One request at the relay before a hop, and all that came of it there."""

    request: RelayRequest
    head: RelayHead | None
    reads: tuple[RelayRead, ...]
    ends: tuple[RelayEnd, ...]


def relay_exchanges(entries: Sorted) -> tuple[RelayExchange, ...]:
    """Every exchange of every relay, in order of their requests."""
    heads = {(it.hop, it.x): it for it in entries.of(RelayHead) if not it.is_interim}
    reads: defaultdict[tuple[int, int], list[RelayRead]] = defaultdict(list)
    for read in entries.of(RelayRead):
        reads[read.hop, read.x].append(read)
    ends: defaultdict[tuple[int, int], list[RelayEnd]] = defaultdict(list)
    for end in entries.of(RelayEnd):
        ends[end.hop, end.x].append(end)
    return tuple(
        RelayExchange(
            request,
            heads.get((request.hop, request.x)),
            tuple(reads[request.hop, request.x]),
            tuple(ends[request.hop, request.x]),
        )
        for request in entries.of(RelayRequest)
    )


# -- the same border, by whoever noted it ------------------------------------------------------


def at_client(attempt: Attempt) -> Border:
    """The border between a client and the first hop."""
    end = left = None
    if attempt.end is not None and attempt.end.how not in {"left", "open"}:
        end = Mark(attempt.end.n, attempt.end.t_s, attempt.end.how)
    if attempt.left is not None:
        how = "rst" if attempt.left.by == "rst" else "fin"
        left = Mark(attempt.left.n, attempt.left.t_s, how)
    elif attempt.end is not None and attempt.end.how == "left":
        left = Mark(attempt.end.n, attempt.end.t_s, "fin")
    return Border(attempt.request, attempt.head, Crossing(attempt.stream.reads), end, left)


def below_hop(it: HopExchange) -> Border:
    """The border downstream of a hop that keeps a record."""
    return Border(it.request, it.forwarded, it.wrote_down, _mark(it.end), _mark(it.gone))


def above_hop(it: HopExchange) -> Border | None:
    """The border upstream of a hop that keeps a record; None: it asked nobody."""
    if it.attempt is None:
        return None
    own = it.attempt.attempt
    heads = [head for head in it.heads if head.attempt == own]
    ends = [end for end in it.upstream_ends if end.attempt == own]
    closed = [close for close in it.closed if close.attempt == own and close.how != "leave_open"]
    return Border(
        it.attempt,
        heads[-1] if heads else None,
        it.read_up,
        _mark(ends[0] if ends else None),
        _mark(closed[0] if closed else None),
    )


def at_relay(it: RelayExchange) -> Border:
    """The border between two hops that keep no record."""
    end = next((end for end in it.ends if end.by == "upstream"), None)
    left = next((end for end in it.ends if end.by == "downstream"), None)
    body = Crossing(Read(read.t_s, read.n, read.offset + read.size) for read in it.reads)
    return Border(it.request, it.head, body, _mark(end), _mark(left))


def at_tap(it: Exchange) -> Border:
    """The border between the last hop and the target."""
    body = Crossing(it.stream.reads)
    return Border(it.request, it.head, body, _mark(it.target_end), _mark(it.left))


def _mark(
    it: HopEnd | HopClientGone | HopUpstreamEnd | HopClosedUpstream | RelayEnd | TapEnd | None,
) -> Mark | None:
    return None if it is None else Mark(it.n, it.t_s, it.how)


# -- the hop between two of them ---------------------------------------------------------------


def between(hop: int, x: int, below: Border, above: Border | None) -> HopExchange:
    """What a hop made of a request.

    Args:
        hop: Its number.
        x: A number for the exchange.
        below: Its border downstream.
        above: That upstream; None: the request did not get there.
    """
    attempts, heads, ends, closed = _above(hop, x, above)
    request, head = below.request, below.head
    forwarded = None
    if head is not None:
        is_answer = not heads or heads[0].n > head.n or heads[0].status != head.status
        forwarded = HopForwardedHead(
            hop=hop,
            x=x,
            status=head.status,
            headers=head.headers,
            is_answer=is_answer,
            n=head.n,
            t_s=head.t_s,
        )
    end, left = below.end, below.left
    return HopExchange(
        request=HopRequest(
            hop=hop,
            x=x,
            method="",
            target="",
            version="",
            headers=request.headers,
            n=request.n,
            t_s=request.t_s,
        ),
        attempts=attempts,
        heads=heads,
        upstream_ends=ends,
        closed=closed,
        forwarded=forwarded,
        end=None if end is None else HopEnd(hop=hop, x=x, how=end.how, n=end.n, t_s=end.t_s),
        stall=None,
        gone=None
        if left is None
        else HopClientGone(hop=hop, x=x, how=left.how, n=left.n, t_s=left.t_s),
        read_up=Crossing() if above is None else above.body,
        wrote_down=below.body,
    )


type _Above = tuple[
    tuple[HopAttempt, ...],
    tuple[HopHead, ...],
    tuple[HopUpstreamEnd, ...],
    tuple[HopClosedUpstream, ...],
]


def _above(hop: int, x: int, above: Border | None) -> _Above:
    """What the hop did upstream, in its only attempt that is known."""
    if above is None:
        return (), (), (), ()
    request, head, end, left = above.request, above.head, above.end, above.left
    attempt = HopAttempt(
        hop=hop,
        x=x,
        attempt=0,
        version="",
        headers=request.headers,
        n=request.n,
        t_s=request.t_s,
    )
    heads = (
        ()
        if head is None
        else (
            HopHead(
                hop=hop,
                x=x,
                attempt=0,
                status=head.status,
                version="",
                framing="",
                headers=head.headers,
                n=head.n,
                t_s=head.t_s,
            ),
        )
    )
    ends = (
        ()
        if end is None
        else (HopUpstreamEnd(hop=hop, x=x, attempt=0, how=end.how, n=end.n, t_s=end.t_s),)
    )
    closed = (
        ()
        if left is None
        else (HopClosedUpstream(hop=hop, x=x, attempt=0, how=left.how, n=left.n, t_s=left.t_s),)
    )
    return (attempt,), heads, ends, closed

"""What happened at a hop: one request, its attempts upstream, and when its body crossed."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from harness.checks.places import Sorted
from harness.checks.streams import Read
from harness.model.journal import (
    HopAttempt,
    HopBytes,
    HopClientGone,
    HopClosedUpstream,
    HopEnd,
    HopForwardedHead,
    HopHead,
    HopRequest,
    HopUpstreamEnd,
)
from harness.wire.headers import tokens


class Crossing:
    """When the body of one exchange crossed one border of a hop."""

    def __init__(self, reads: Iterable[Read] = ()) -> None:
        self._reads = list(reads)

    def add(self, entry: HopBytes) -> None:
        """Take the next read or write of this border."""
        if self._reads and entry.body < self._reads[-1].end:
            # A new attempt of the same exchange: its body is counted from 0 again.
            self._reads.clear()
        self._reads.append(Read(entry.t_s, entry.n, entry.body))

    def when(self, body: int) -> Read | None:
        """The first read or write by which `body` bytes had crossed; None: they never did."""
        at = bisect_left(self._reads, body, key=attrgetter("end"))
        return self._reads[at] if at < len(self._reads) else None

    def before(self, n: int) -> Read | None:
        """The last read or write before an entry; what was under way may cross after the end."""
        at = bisect_left(self._reads, n, key=attrgetter("n"))
        return self.when(self._reads[at - 1].end) if at and self._reads[at - 1].end else None

    @property
    def last(self) -> Read | None:
        """The last read or write that had body bytes in it."""
        return self.when(self._reads[-1].end) if self._reads and self._reads[-1].end else None


@dataclass(frozen=True, eq=False)
class HopExchange:
    """One request at a hop and all that came of it there."""

    request: HopRequest
    attempts: tuple[HopAttempt, ...]
    heads: tuple[HopHead, ...]
    upstream_ends: tuple[HopUpstreamEnd, ...]
    closed: tuple[HopClosedUpstream, ...]
    forwarded: HopForwardedHead | None
    end: HopEnd | None
    stall: HopEnd | None
    gone: HopClientGone | None
    read_up: Crossing
    wrote_down: Crossing

    @property
    def hop(self) -> int:
        """The hop, 1 nearest the client."""
        return self.request.hop

    @property
    def x(self) -> int:
        """The exchange's number at this hop."""
        return self.request.x

    @property
    def is_answer(self) -> bool:
        """Whether the hop answered by itself."""
        return self.forwarded is not None and self.forwarded.is_answer

    @property
    def attempt(self) -> HopAttempt | None:
        """The attempt whose response it passed on: the last one with a head, or the last one."""
        answered = {it.attempt for it in self.heads}
        with_head = [it for it in self.attempts if it.attempt in answered]
        tries = with_head or list(self.attempts)
        return tries[-1] if tries else None

    @property
    def ended(self) -> HopForwardedHead | HopEnd | None:
        """How it ended the response: the head of its own answer, or the end; None: it did not."""
        return self.forwarded if self.is_answer else self.end

    @property
    def last_read(self) -> Read | None:
        """The last body bytes it had from upstream when it ended the response."""
        return self.read_up.last if self.ended is None else self.read_up.before(self.ended.n)

    @property
    def is_recoded(self) -> bool:
        """Whether the body has another content coding below this hop than above it."""
        if self.forwarded is None or not self.heads:
            return False
        above = tokens(self.heads[-1].headers, "content-encoding")
        return above != tokens(self.forwarded.headers, "content-encoding")


def hop_exchanges(entries: Sorted) -> tuple[HopExchange, ...]:
    """Every exchange of every hop, in order of their requests."""
    attempts = _by_exchange(entries.of(HopAttempt))
    heads = _by_exchange(entries.of(HopHead))
    upstream_ends = _by_exchange(entries.of(HopUpstreamEnd))
    closed = _by_exchange(entries.of(HopClosedUpstream))
    forwarded = {(it.hop, it.x): it for it in entries.of(HopForwardedHead)}
    # A stall is no end: the response stays open, and silent.
    ends = {(it.hop, it.x): it for it in entries.of(HopEnd) if it.how != "stall"}
    stalls = {(it.hop, it.x): it for it in entries.of(HopEnd) if it.how == "stall"}
    gone = {(it.hop, it.x): it for it in entries.of(HopClientGone)}
    read_up: defaultdict[tuple[int, int], Crossing] = defaultdict(Crossing)
    wrote_down: defaultdict[tuple[int, int], Crossing] = defaultdict(Crossing)
    for it in entries.of(HopBytes):
        if it.x and it.side == "up" and it.way == "read":
            read_up[it.hop, it.x].add(it)
        elif it.x and it.side == "down" and it.way == "write":
            wrote_down[it.hop, it.x].add(it)
    return tuple(
        HopExchange(
            request=request,
            attempts=tuple(attempts[request.hop, request.x]),
            heads=tuple(heads[request.hop, request.x]),
            upstream_ends=tuple(upstream_ends[request.hop, request.x]),
            closed=tuple(closed[request.hop, request.x]),
            forwarded=forwarded.get((request.hop, request.x)),
            end=ends.get((request.hop, request.x)),
            stall=stalls.get((request.hop, request.x)),
            gone=gone.get((request.hop, request.x)),
            read_up=read_up[request.hop, request.x],
            wrote_down=wrote_down[request.hop, request.x],
        )
        for request in entries.of(HopRequest)
    )


def _by_exchange[T: (HopAttempt, HopHead, HopUpstreamEnd, HopClosedUpstream)](
    entries: Sequence[T],
) -> defaultdict[tuple[int, int], list[T]]:
    out: defaultdict[tuple[int, int], list[T]] = defaultdict(list)
    for it in entries:
        out[it.hop, it.x].append(it)
    return out

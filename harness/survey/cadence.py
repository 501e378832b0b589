"""When an endless stream is known, and how it goes on.

A stream of which nobody waits for the end is watched until what it does next is known: it was
silent and a heartbeat came, twice, or it fell silent for as long again and again. From then on it
is carried on as it was: the blocks seen since its first read, with their times, again and again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from harness.hops.observed import Said
from harness.model.journal import Entry, StageMoved, TapEnd, TapHead, TapRead
from harness.survey.observation import Observation
from harness.wire.coding import CodingError, decoder, encoder
from harness.wire.headers import tokens
from harness.wire.sse import Comment, Event, Parser

# Less than this shows no beat.
LEAST_S = 10.0
# And of what is known from another way of asking, less than this.
_AGAIN_S = 2.0
_LEAST_GAPS = 5
# So many silences have to be alike: none longer than so many times another.
_SILENCES = 3
_ALIKE = 1.5
# Who said that there is nothing more may end the response itself.
LINGER_S = 1.0
# Two comments closer than this are one heartbeat, or the greeting of a stream.
_APART_S = 0.5


class Watching:
    """Tells, while a response is watched, when enough of it is known.

    Args:
        has_end: Whether it is to be watched to its end, as of a response that is computed.
        longest_s: A silence of this length says all that a longer one would.
        least_reads: How many reads with events in them are enough, as the target's beat is known
            from another way of asking, and this response has only to be seen to come; None: it is
            not known.
        least_s: Less than this shows no beat.
        free_s: So long it is watched at least as long as watching takes no time, which is until
            the stage is moved to the real clock.
        is_last: Whether an event says that there is nothing more.
    """

    def __init__(
        self,
        *,
        has_end: bool,
        longest_s: float,
        least_reads: int | None = None,
        least_s: float = LEAST_S,
        free_s: float = 0.0,
        is_last: Callable[[Event], bool] = lambda _event: False,
    ) -> None:
        self._is_last = is_last
        self._has_end = has_end
        self._least_reads = least_reads
        self._least_s = least_s
        self._longest_s = longest_s
        self._free_s = free_s
        self._begin()

    def _begin(self) -> None:
        self._decode = decoder("")
        self._parser = Parser()
        self._head_s: float | None = None
        self._arrivals_s: list[float] = []
        self._comments_s: list[float] = []
        self._told = 0
        self._last_s: float | None = None
        self._is_over = False
        self.now_s = 0.0

    def see(self, entry: Entry) -> None:
        """Take the next entry of the journal."""
        self.now_s = max(self.now_s, entry.t_s)
        match entry:
            case StageMoved():  # it is asked anew
                self._free_s = 0.0
                self._begin()
            case TapHead(is_interim=False):
                self._head_s = entry.t_s
                self._decode = decoder(", ".join(tokens(entry.headers, "content-encoding")))
            case TapRead():
                self._read(entry.t_s, entry.payload.content() or b"")
            case TapEnd(by="target"):
                self._is_over = True
            case _:
                pass

    def _read(self, t_s: float, data: bytes) -> None:
        self._arrivals_s.append(t_s)
        try:
            items = list(self._parser.feed(self._decode.decompress(data)))
        except CodingError:
            return
        events = [it for it in items if isinstance(it, Event)]
        self._told += bool(events)
        if self._last_s is None and any(map(self._is_last, events)):
            self._last_s = t_s
        if any(isinstance(it, Comment) for it in items) and not events:
            self._comments_s.append(t_s)

    def is_over(self) -> bool:
        """Whether the response is over."""
        return self._is_over

    def is_enough(self, now_s: float) -> bool:
        """Whether enough is known by now."""
        if self._is_over:
            return True
        if self._last_s is not None:
            return now_s - self._last_s >= LINGER_S
        if self._head_s is None or self._has_end or now_s < self._free_s:
            return False
        last_s = self._arrivals_s[-1] if self._arrivals_s else self._head_s
        if now_s - last_s > self._longest_s:
            return True
        if self._least_reads is not None and self._told >= self._least_reads:
            return now_s - self._arrivals_s[0] >= _AGAIN_S
        if now_s - self._head_s < self._least_s:
            return False
        beats = [b - a for a, b in pairwise(self._comments_s) if b - a >= _APART_S]
        return bool(beats) or _is_steady(self._arrivals_s, now_s)


def _is_steady(arrivals_s: list[float], now_s: float) -> bool:
    gaps_s = [b - a for a, b in pairwise(arrivals_s)]
    if len(gaps_s) < _LEAST_GAPS:
        return False
    longest_s = sorted(gaps_s)[-_SILENCES:]
    return max(longest_s[-1], now_s - arrivals_s[-1]) <= _ALIKE * longest_s[0]


@dataclass(frozen=True, slots=True)
class Beat:
    """What a stream does again and again.

    Attributes:
        steps: The pause before each read, in seconds, and what it says.
    """

    steps: tuple[tuple[float, bytes], ...]


def beat_of(seen: Observation) -> Beat | None:
    """How a stream goes on that was left; None: it is over, or nothing tells."""
    if seen.has_all or not seen.is_stream:
        return None
    whole = [at for at, it in enumerate(seen.reads) if it.is_whole]
    if len(whole) < 2:
        return None
    cycle = pairwise(seen.reads[whole[0] : whole[-1] + 1])
    return Beat(tuple((after.t_s - before.t_s, after.data) for before, after in cycle))


class CarriedOn:
    """A stream as it goes on after it was left: worked out once, however far it is asked for.

    Args:
        seen: What was seen.
        most_reads: How many reads to add at most, give or take a beat.
        beat: How it goes on, if that is known better than from what was seen here.
    """

    def __init__(self, seen: Observation, most_reads: int, beat: Beat | None = None) -> None:
        self._seen = seen
        self._most_reads = most_reads
        own = beat_of(seen)
        self._beat = None if own is None else beat or own

    def until(self, until_s: float) -> tuple[Said, float]:
        """What the target says, had it been watched for longer, and how far that goes.

        Args:
            until_s: How far to go, in seconds since the request.
        """
        if self._beat is None or until_s <= self._seen.watched_s:
            return self._seen.said, self._seen.watched_s
        reads = self._reads
        count = bisect_right(reads, until_s, lo=self._kept, key=lambda it: it[0])
        reach_s = until_s if count < len(reads) else reads[-1][0]
        return replace(self._seen.said, reads=reads[:count]), reach_s

    @cached_property
    def _kept(self) -> int:
        """How many of the reads were seen."""
        return _last_whole(self._seen) + 1

    @cached_property
    def _reads(self) -> tuple[tuple[float, bytes], ...]:
        """As far as it goes, coded."""
        plain, _ = continued(self._seen, math.inf, self._most_reads, self._beat)
        return coded(plain, self._seen.codings)


def continued(
    seen: Observation,
    until_s: float,
    most_reads: int,
    beat: Beat | None = None,
    renamed: Callable[[bytes, int], bytes] = lambda data, _times: data,
) -> tuple[list[tuple[float, bytes]], float]:
    """What a target says, decoded, had it been watched for longer, and how far that goes.

    Args:
        seen: What was seen, which has a beat.
        until_s: How far to go.
        most_reads: How many reads to add at most.
        beat: How it goes on.
        renamed: Makes of what is repeated, for how many times it has been, another thing.
    """
    beat = beat or beat_of(seen)
    assert beat is not None
    whole = seen.reads[: _last_whole(seen) + 1]
    plain: list[tuple[float, bytes]] = [(it.t_s, it.data) for it in whole]
    kept = len(plain)
    # A silence that was seen to be longer is kept.
    at_s = max(seen.watched_s, plain[-1][0] + beat.steps[0][0]) - beat.steps[0][0]
    times = 0
    while len(plain) - kept < most_reads:
        times += 1
        for gap_s, data in beat.steps:
            at_s += gap_s
            if at_s > until_s:
                return plain, until_s
            plain.append((at_s, renamed(data, times)))
    return plain, at_s


def _last_whole(seen: Observation) -> int:
    """The last read behind which another block may follow."""
    return max(at for at, it in enumerate(seen.reads) if it.is_whole)


def coded(
    plain: Iterable[tuple[float, bytes]], codings: Sequence[str]
) -> tuple[tuple[float, bytes], ...]:
    """Reads in the content codings of a response, each flushed."""
    coders = [encoder(coding) for coding in codings]
    out = []
    for t_s, piece in plain:
        data = piece
        for coder in coders:
            data = coder.compress(data) + coder.flush()
        out.append((t_s, data))
    return tuple(out)


def longest_silence_s(seen: Observation) -> float:
    """The longest stretch without a byte, from the request to the end of what was seen."""
    points = [0.0, *(it[0] for it in seen.said.reads)]
    points.append(seen.long_s)
    return max((b - a for a, b in pairwise(points)), default=0.0)

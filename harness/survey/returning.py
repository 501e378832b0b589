"""A client that comes back to a chain which ended its stream, and what the target says to it then.

The target was asked once with Last-Event-ID, and went on. What it says to any other id follows from
what it was seen to say: what came after that id, at once, and then what comes anyway. For that each
event needs an id of its own, those of a stream that is carried on too: ids that count go on
counting, and others get a number behind them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from harness.checks.places import is_event_stream
from harness.ends.client_reading import RECONNECTION_S, Reading, TooLongError
from harness.hops.observed import Asked, Got, Said
from harness.survey.cadence import beat_of, coded, continued
from harness.survey.observation import Observation
from harness.wire.coding import CodingError
from harness.wire.headers import replaced, value

# One end, and what comes after it, shows it: a client that comes back is not cut off again.
_ATTEMPTS: Final = 2

_BLOCK = re.compile(rb".+?(?:\r\n\r\n|\n\n|\r\r)", re.DOTALL)
# A line may end with CR, LF or both.
_ID = re.compile(rb"(?<![^\r\n])(id: ?)([^\r\n]*)")
_DATA = re.compile(rb"(?<![^\r\n])data[:\r\n]")


def goes_on(seen: Observation) -> bool:
    """Whether it can be told what comes after each of its events."""
    ids = seen.ids
    is_whole = all(it.is_whole for it in seen.reads)
    # Nor may a block without an event set one.
    written = sum(len(_ID.findall(it.data)) for it in seen.reads)
    is_own = written == len(ids) == seen.events == len(set(ids))
    # A number in the data is carried on as it was.
    sequence = seen.promises.sequence
    is_counted = sequence is not None and not sequence.id
    return is_whole and is_own and not is_counted and beat_of(seen) is not None


@dataclass(frozen=True)
class Onward:
    """What a target says, whoever listens, each event with an id of its own.

    Attributes:
        plain: Every read: when, and what, decoded.
        head_s: How soon the target answers a client that comes back.
        missed_s: How soon that client gets what it missed.
        window_s: How far back the target remembers.
    """

    plain: tuple[tuple[float, bytes], ...]
    head_s: float
    missed_s: float
    window_s: float = math.inf

    def from_the_beginning(self, like: Observation) -> Said:
        """The response to a client that has nothing yet.

        Args:
            like: How the target answers who asks as this client does.
        """
        return replace(like.said, reads=coded(self.plain, like.codings))

    def after(self, last_id: str, now_s: float, like: Observation) -> Said | None:
        """The response to a client that comes back; None: it had no such id, or too long ago.

        Args:
            last_id: The last event that it has.
            now_s: When it comes back, in seconds since the first request.
            like: See `from_the_beginning`.
        """
        wanted = last_id.encode("latin-1")  # as it stands in a field
        missed: list[bytes] = []
        is_known = False
        for t_s, data in self.plain:
            if t_s > now_s:
                break
            if now_s - t_s > self.window_s:
                continue
            for block in _BLOCK.findall(data):
                if is_known and _DATA.search(block):
                    missed.append(block)
                is_known = is_known or wanted in {it[1] for it in _ID.findall(block)}
        if not is_known:
            return None
        plain = [(self.missed_s, b"".join(missed))] if missed else []
        plain += [
            (max(self.missed_s, t_s - now_s), data) for t_s, data in self.plain if t_s > now_s
        ]
        return replace(like.said, head_s=self.head_s, reads=coded(plain, like.codings))


def onward(first: Observation, again: Observation, until_s: float, most_reads: int) -> Onward:
    """How a target goes on.

    Args:
        first: What it said to a client's own request; see `goes_on`.
        again: What it said to a client that came back.
        until_s: How far to go, in seconds since the first request.
        most_reads: How many reads to add at most.
    """
    plain, _ = continued(first, until_s, most_reads, None, _renamed(first))
    said_s = (it.t_s for it in again.reads if it.events)
    head_s, window_s = again.said.head_s, first.promises.resume_window_s
    return Onward(tuple(plain), head_s, next(said_s, head_s), window_s or math.inf)


def _renamed(seen: Observation) -> Callable[[bytes, int], bytes]:
    """Gives each repetition of what was seen ids of its own."""
    ids = seen.ids
    numbers = [int(it) for it in ids if it.isdecimal() and str(int(it)) == it]
    is_counted = numbers == list(range(numbers[0], numbers[0] + len(ids))) if numbers else False
    # What is repeated begins after the first read that a block ends with.
    count = len(ids) - len(seen.reads[0].ids)

    def renamed(data: bytes, times: int) -> bytes:
        def own(match: re.Match[bytes]) -> bytes:
            if is_counted:
                return match[1] + str(int(match[2]) + times * count).encode()
            return match[1] + match[2] + b"." + str(times).encode()

        return _ID.sub(own, data)

    return renamed


def retry_s(seen: Observation) -> float:
    """How long a client waits before it comes back, as it is told in a response."""
    reading = Reading("", "")
    with suppress(TooLongError):
        for it in seen.reads:
            reading.take(it.data)
    return RECONNECTION_S if reading.retry_s is None else reading.retry_s


def comes_back(request: Asked, got: Got, now_s: float) -> Asked | None:
    """What a client asks once its response has ended; None: it does not come back.

    Args:
        request: What it asked before.
        got: What it got for it.
        now_s: When that ended, in seconds.
    """
    is_stream = got.status is not None and is_event_stream(got.status, got.headers)
    if request.x >= _ATTEMPTS or not is_stream or not got.body:
        return None
    try:
        reading = Reading(value(got.headers, "content-encoding") or "", "")
        reading.take(got.body[-1][1])
    except (CodingError, TooLongError):
        return None
    last_id = reading.last_event_id
    if not last_id:
        return None
    wait_s = RECONNECTION_S if reading.retry_s is None else reading.retry_s
    headers = replaced(request.headers, "Last-Event-ID", last_id.encode().decode("latin-1"))
    return replace(request, x=request.x + 1, t_s=now_s + wait_s, headers=headers)

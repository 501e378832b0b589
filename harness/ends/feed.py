"""The feed: one stream of events for all clients, whoever listens, and what is kept of it."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import trio

from harness.model.journal import Entry, ServerFeed
from harness.model.scenario import Traffic

_HASH_CHARS = 16
# As `str` writes numbers; longer ones than these are nobody's, and take long to read.
_OWN_ID = re.compile(r"0|[1-9][0-9]{0,15}")
_MULTIBYTE = "é✓𝄞"  # characters of two, three and four bytes


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the feed; `seq` counts from 1, `id` is None for a server without ids."""

    seq: int
    id: str | None
    data: str


@dataclass(slots=True)
class Subscription:
    """What one client still has to be sent, and whether it fell too far behind."""

    waiting: deque[FeedEvent] = field(default_factory=deque)
    is_behind: bool = False
    news: trio.Event = field(default_factory=trio.Event)


class Feed:
    """Produces events by a script and keeps the last ones.

    Args:
        traffic: The script.
        history: Events kept for those who resume.
        queue: Events that may wait for one client; one more and it is `is_behind`.
        has_ids: Whether events carry ids.
        record: The journal.
    """

    def __init__(
        self,
        traffic: Traffic,
        *,
        history: int,
        queue: int,
        has_ids: bool,
        record: Callable[[Entry], None],
    ) -> None:
        self._traffic = traffic
        self._queue = queue
        self._has_ids = has_ids
        self._record = record
        self._kept: deque[FeedEvent] = deque(maxlen=history)
        self._subscribers: list[Subscription] = []
        self._newest = 0
        self.is_over = False

    async def run(self) -> None:
        """Produce events from now on; returns when the feed is over."""
        began_s = trio.current_time()
        end_s = self._traffic.end_after_s
        for due_s in self._instants():
            if end_s is not None and due_s >= end_s:
                break
            await trio.sleep_until(began_s + due_s)
            for _ in range(self._traffic.burst):
                self._publish(None)
        if end_s is None:
            await trio.sleep_forever()
        await trio.sleep_until(began_s + (end_s or 0.0))
        if self._traffic.end_marker is not None:
            self._publish(self._traffic.end_marker)
        self.is_over = True
        for subscription in self._subscribers:
            subscription.news.set()

    def subscribe(self, after: str | None) -> tuple[Subscription, bool]:
        """Join the feed.

        Args:
            after: The last id the client has; None: it has none and gets what comes from now on.

        Returns:
            The subscription, holding what was missed, and whether `after` is known.
        """
        subscription = Subscription()
        position = None if after is None else self._position(after)
        if position is not None:
            subscription.waiting.extend(event for event in self._kept if event.seq > position)
        self._subscribers.append(subscription)
        return subscription, after is None or position is not None

    def has_more(self, after: str | None) -> bool:
        """Whether a client that has everything up to the id `after` is still to be sent something.

        While the feed runs there is always more to come.
        """
        if not self.is_over:
            return True
        position = None if after is None else self._position(after)
        return position is not None and position < self._newest

    def unsubscribe(self, subscription: Subscription) -> None:
        """Leave the feed."""
        self._subscribers.remove(subscription)

    def _position(self, last_id: str) -> int | None:
        if not _OWN_ID.fullmatch(last_id):
            return None
        seq = int(last_id)
        oldest = self._kept[0].seq if self._kept else self._newest + 1
        return seq if oldest - 1 <= seq <= self._newest else None

    def _publish(self, marker: str | None) -> None:
        self._newest = seq = self._newest + 1
        data = self._text(seq) if marker is None else marker
        event = FeedEvent(seq, str(seq) if self._has_ids else None, data)
        self._kept.append(event)
        digest = hashlib.sha256(data.encode()).hexdigest()[:_HASH_CHARS]
        self._record(ServerFeed(seq=seq, id=event.id, data_hash=digest))
        for subscription in self._subscribers:
            # Once behind, always behind: after a gap the next event would hide what is missing.
            if subscription.is_behind or len(subscription.waiting) >= self._queue:
                subscription.is_behind = True
            else:
                subscription.waiting.append(event)
            subscription.news.set()

    def _instants(self) -> Iterator[float]:
        """When events are due, in seconds since the feed began."""
        traffic = self._traffic
        first_s = traffic.every_s if traffic.first_s is None else traffic.first_s
        numbers = itertools.count() if traffic.count is None else range(traffic.count)
        for number in numbers:
            # Multiplied, not added up: the thousandth event is as punctual as the first.
            due_s = first_s + number * traffic.every_s
            if not any(quiet.from_s <= due_s < quiet.to_s for quiet in traffic.silence):
                yield due_s

    def _text(self, seq: int) -> str:
        traffic = self._traffic
        text = f"event {seq} "
        filler = _MULTIBYTE if traffic.text == "multibyte" else "x"
        size_bytes = traffic.size_bytes - (traffic.lines - 1)  # less the line ends
        missing = size_bytes - len(text.encode())
        if missing > 0:
            text += filler * (missing // len(filler.encode()))
            text += "x" * (size_bytes - len(text.encode()))
        if traffic.lines > 1:
            step = max(1, len(text) // traffic.lines)
            cuts = [text[at : at + step] for at in range(0, step * (traffic.lines - 1), step)]
            text = "\n".join([*cuts, text[step * (traffic.lines - 1) :]])
        return text

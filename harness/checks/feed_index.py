"""Which event of the reference server's feed an event is."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from harness.model.journal import ServerFeed
from harness.wire.sse import Event


def data_hash(data: str) -> str:
    """What the feed names the data of an event by: SHA-256 of its UTF-8, hex digits."""
    return hashlib.sha256(data.encode()).hexdigest()


class FeedIndex:
    """The feed's events, found by id and by the hash of their data."""

    def __init__(self, feed: Sequence[ServerFeed]) -> None:
        self._by_id: defaultdict[str, list[int]] = defaultdict(list)
        self._by_hash: defaultdict[str, list[int]] = defaultdict(list)
        for it in feed:
            self._by_hash[it.data_hash].append(it.seq)
            if it.id:
                self._by_id[it.id].append(it.seq)
        # A hash may be shortened; all of them are as long as the first.
        self._hash_chars = len(feed[0].data_hash) if feed else 0

    def seq_of_id(self, last_event_id: str | None) -> int | None:
        """The sequence number of the event with this id; None: the feed has none."""
        named = self._by_id.get(last_event_id or "")
        return named[0] if named else None

    def seq_of(self, event: Event, after: int | None) -> tuple[int | None, bool]:
        """The sequence number of an event, and whether its data is not what the feed gave it.

        The data goes before the id, which may be what is wrong.

        Args:
            event: As the client got it.
            after: The number of the event before it, for feeds that repeat their data.
        """
        alike = self._by_hash.get(data_hash(event.data)[: self._hash_chars], [])
        named = self._by_id.get(event.id_field or "", [])
        if len(alike) == 1:
            return alike[0], False
        if len(named) == 1 and (not alike or named[0] in alike):
            return named[0], not alike
        if alike:
            return next((seq for seq in alike if after is None or seq > after), alike[0]), False
        return (named[0], True) if named else (None, False)

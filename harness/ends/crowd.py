"""Clients of one target at once: one more each time the one before was answered.

A server with one worker answers one stream at a time. Whoever opens eight at once would be the one
to break it, and what came of that would be said of the server: so nobody else comes once somebody
waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from harness.model.journal import ClientHead, Entry


@dataclass(frozen=True, slots=True)
class Crowding:
    """How many come, and how long they stay.

    Args:
        most: Clients at most; at least 2.
        patience_s: So long a client waits for the head of its answer before no other one comes.
        listen_s: How long they all listen, from when the last one was let in.
    """

    most: int
    patience_s: float
    listen_s: float


class Client(Protocol):
    """One client, which lives until it is cancelled, or its response is over."""

    async def run(self) -> None:
        """Ask, and read."""


class Crowd:
    """The clients. Use it once.

    Args:
        crowding: How many, and how long.
        make: Makes the client of a number, from 1, that tells a journal what it sees.
        record: The journal.
    """

    def __init__(
        self,
        crowding: Crowding,
        make: Callable[[int, Callable[[Entry], None]], Client],
        record: Callable[[Entry], None],
    ) -> None:
        self._crowding = crowding
        self._make = make
        self._record = record
        self._heads: set[int] = set()
        self._answered = trio.Event()

    async def run(self) -> None:
        """Let them in, listen, and go."""
        async with trio.open_nursery() as nursery:
            for number in range(1, self._crowding.most + 1):
                self._answered = trio.Event()
                nursery.start_soon(self._make(number, self._see).run)
                with trio.move_on_after(self._crowding.patience_s):
                    await self._answered.wait()
                if number not in self._heads:
                    break
            await trio.sleep(self._crowding.listen_s)
            nursery.cancel_scope.cancel()

    def _see(self, entry: Entry) -> None:
        self._record(entry)
        if isinstance(entry, ClientHead):
            self._heads.add(entry.client)
            self._answered.set()

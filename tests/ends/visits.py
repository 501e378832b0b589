"""The reference server on a memory network, and raw clients that visit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import trio

from harness.clock import run
from harness.ends import hosting
from harness.ends.flaws import behaviour
from harness.ends.reference import ReferenceServer
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import ReferenceSettings, Traffic
from harness.net import ByteStream, Memory
from harness.wire import sse
from harness.wire.headers import Headers, value
from harness.wire.http1 import Body, Item, Over, ResponseReader, StatusLine, request_head
from harness.wire.sse import Comment, Event, Retry

NEVER_BEATS = ReferenceSettings(heartbeat_s=None)
TICKS = Traffic(every_s=1.0)
QUIET = Traffic(count=0)
SHORT = Traffic(end_after_s=3.5)


@dataclass(frozen=True)
class Visit:
    """One request on a connection of its own.

    Args:
        at_s: When it connects; the feed begins at 0.
        last_id: Its Last-Event-ID.
        body: Sent with a Content-Length.
        leaves_s: When it leaves.
        by: How it leaves.
        reads_s: When it begins to read.
        pause_s: How long it waits after each read.
    """

    at_s: float = 0.0
    method: str = "GET"
    last_id: str | None = None
    headers: Headers = ()
    body: bytes = b""
    leaves_s: float = 1000.0
    by: Literal["fin", "rst", "half-close"] = "fin"
    reads_s: float = 0.0
    pause_s: float = 0.0

    def request(self) -> bytes:
        fields: Headers = (("Host", "reference.test"), *self.headers)
        if self.last_id is not None:
            fields += (("Last-Event-ID", self.last_id),)
        if self.body:
            fields += (("Content-Length", str(len(self.body))),)
        return request_head(self.method, "/events", "HTTP/1.1", fields) + self.body


@dataclass
class Seen:
    """What a visit saw; `end` is empty when it left first."""

    head: StatusLine | None = None
    head_s: float = -1.0
    reads: list[tuple[float, bytes]] = field(default_factory=list)
    end: str = ""
    end_s: float = -1.0
    trailing: bytes = b""

    @property
    def status(self) -> int:
        assert self.head is not None
        return self.head.status

    def header(self, name: str) -> str | None:
        assert self.head is not None
        return value(self.head.headers, name)

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.reads)

    @property
    def items(self) -> list[sse.Item]:
        """What a browser makes of the body."""
        return list(sse.Parser().feed(self.body))

    @property
    def events(self) -> list[Event]:
        return [it for it in self.items if isinstance(it, Event)]

    @property
    def ids(self) -> list[str]:
        return [it.last_event_id for it in self.events]

    @property
    def lines(self) -> list[str]:
        """One short line for each item and read, with its time."""
        parser = sse.Parser()
        return [f"{t_s:g} {_line(it)}" for t_s, data in self.reads for it in parser.feed(data)]

    def take(self, item: Item, now_s: float) -> None:
        match item:
            case StatusLine():
                self.head, self.head_s = item, now_s
            case Body(data):
                self.reads.append((now_s, data))
            case Over(how, rest=rest):
                self.end, self.end_s, self.trailing = how, now_s, rest
            case _:
                raise AssertionError(item)


def _line(item: sse.Item) -> str:
    match item:
        case Event():
            return f"event {item.last_event_id}"
        case Comment():
            return f": {item.text}"
        case Retry():
            return f"retry {item.ms}"
        case _:
            return type(item).__name__.lower()


@dataclass
class Show:
    """All that came of it."""

    seen: list[Seen] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def record(self, entry: Entry) -> None:
        self.entries.append(msgspec.structs.replace(entry, t_s=round(trio.current_time(), 6)))

    def of[T](self, kind: type[T]) -> list[T]:
        return [it for it in self.entries if isinstance(it, kind)]

    @property
    def ends(self) -> list[str]:
        """How each handler ended, and when."""
        return [f"{it.t_s:g} {it.x}: {it.reason}" for it in self.of(journal.ServerDone)]

    @property
    def gone_s(self) -> list[float]:
        """When handlers were told that their client had gone."""
        return [it.t_s for it in self.of(journal.ServerGone)]

    @property
    def fed(self) -> list[str]:
        """The ids the feed gave out, client or no client."""
        return [it.id or "" for it in self.of(journal.ServerFeed)]


def play(
    *visits: Visit,
    traffic: Traffic = TICKS,
    settings: ReferenceSettings = NEVER_BEATS,
    flaws: Sequence[str] = (),
    until_s: float = 100.0,
) -> Show:
    """Let each visit happen, until all are over.

    Args:
        traffic: An event a second unless given.
        settings: No heartbeat unless given.
        flaws: What the server does wrong.
        until_s: When the visits that still go on are given up.
    """
    show = Show(seen=[Seen() for _ in visits])
    server = ReferenceServer(traffic, settings, behaviour(flaws), show.record)

    async def main() -> None:
        network = Memory()
        async with trio.open_nursery() as nursery:
            listener = await nursery.start(hosting.serve, server, network)
            nursery.start_soon(server.feed.run)
            with trio.move_on_at(until_s):
                async with trio.open_nursery() as clients:
                    for visit, seen in zip(visits, show.seen, strict=True):
                        clients.start_soon(_visit, visit, seen, network, listener.port)
                # Time for the server to notice.
                await trio.sleep(1.0)
            nursery.cancel_scope.cancel()

    run(main, clock="virtual", seed=0, budget_s=10_000, wall_limit_s=20)
    return show


async def _visit(visit: Visit, seen: Seen, network: Memory, port: int) -> None:
    await trio.sleep_until(visit.at_s)
    async with await network.connect("127.0.0.1", port) as stream:
        await stream.send_all(visit.request())
        await trio.sleep_until(visit.reads_s)
        with trio.move_on_at(visit.leaves_s) as staying:
            await _read(visit, stream, seen)
        if staying.cancelled_caught:
            match visit.by:
                case "fin":
                    pass
                case "rst":
                    stream.reset()
                case "half-close":
                    await stream.send_eof()
                    await _read(visit, stream, Seen())


async def _read(visit: Visit, stream: ByteStream, seen: Seen) -> None:
    reader = ResponseReader(visit.method)
    while not reader.is_over:
        try:
            data = await stream.receive_some()
            items = reader.feed(bytes(data)) if data else reader.eof()
        except trio.BrokenResourceError:
            items = reader.reset()
        for item in items:
            seen.take(item, trio.current_time())
        await trio.sleep(visit.pause_s)

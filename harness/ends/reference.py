"""The reference server: an SSE server that does everything right, unless told which flaw to have.

It is an ASGI application: headers at once, a heartbeat, unique ids, `retry:`, what was missed after
Last-Event-ID, a bounded queue for each client, an end of work when the client leaves, and 204 once
the feed is over. What it says is scripted by the scenario's traffic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import trio

from harness.ends.feed import Feed, FeedEvent, Subscription
from harness.ends.flaws import Behaviour
from harness.model.journal import (
    Entry,
    ServerDone,
    ServerGone,
    ServerRequest,
    ServerSent,
)
from harness.model.scenario import ReferenceSettings, Traffic
from harness.wire import coding, sse
from harness.wire.accept_encoding import preferred

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

HEARTBEAT = b": hb\n\n"
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS, POST")


class ReferenceServer:
    """The application.

    Args:
        traffic: What the feed says.
        settings: Heartbeat, retry, history, queue.
        behaviour: What it does right.
        record: The journal.
    """

    def __init__(
        self,
        traffic: Traffic,
        settings: ReferenceSettings,
        behaviour: Behaviour,
        record: Callable[[Entry], None],
    ) -> None:
        self._traffic = traffic
        self._settings = settings
        self._behaviour = behaviour
        self._record = record
        self._requests = itertools.count(1)
        self.feed = Feed(
            traffic,
            history=settings.history,
            queue=settings.queue,
            has_ids=behaviour.has_ids,
            record=record,
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        match scope["type"]:
            case "lifespan":
                await _lifespan(receive, send)
            case "http":
                await self._http(scope, receive, send)
            case _:
                raise ValueError(f"unsupported scope {scope['type']!r}")

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        x = next(self._requests)
        headers = {name.lower(): value for name, value in scope["headers"]}
        raw_id = headers.get(b"last-event-id")
        last_id = None if raw_id is None else raw_id.decode("utf-8", "replace")
        method = scope["method"]
        port = scope["client"][1] if scope.get("client") else None
        knows = last_id if self._behaviour.honours_last_event_id else None
        refusal: tuple[int, list[tuple[bytes, bytes]], str] | None = None
        if method == "OPTIONS":
            refusal = 204, [_ALLOW], "options told"
        elif method not in {"GET", "HEAD", "POST"}:
            refusal = 405, [_ALLOW], "method not allowed"
        elif not self.feed.has_more(knows):
            refusal = 204, [], "told to stop"
        if refusal is not None:
            status, fields, reason = refusal
            self._record(ServerRequest(x=x, last_event_id=last_id, status=status, port=port))
            await _answer(send, status, fields)
            self._record(ServerDone(x=x, reason=reason))
            return
        self._record(ServerRequest(x=x, last_event_id=last_id, status=200, port=port))
        takes_gzip = _takes_gzip(scope["headers"])
        stream = _Stream(send, self._record, x, self._head(takes_gzip=takes_gzip))
        if self._behaviour.holds_compressed and takes_gzip:
            stream.encoder = coding.encoder("gzip")
        if method == "HEAD":
            await stream.finish()
            self._record(ServerDone(x=x, reason="no body asked for"))
            return
        reason = await self._stream(x, last_id, receive, stream)
        self._record(ServerDone(x=x, reason=reason))

    def _head(self, *, takes_gzip: bool) -> list[tuple[bytes, bytes]]:
        behaviour = self._behaviour
        head = [(b"content-type", behaviour.content_type.encode())]
        caching = behaviour.cache_control.encode()
        if behaviour.has_anti_buffering_headers:
            head += [(b"cache-control", caching + b", no-transform"), (b"x-accel-buffering", b"no")]
        else:
            head.append((b"cache-control", caching))
        if behaviour.holds_compressed and takes_gzip:
            head += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        return head

    async def _stream(self, x: int, last_id: str | None, receive: Receive, stream: _Stream) -> str:
        """Send events until something ends it; what did."""
        reason = "the client has gone"
        began_s = trio.current_time()
        after = last_id if self._behaviour.honours_last_event_id else None
        subscription, is_known = self.feed.subscribe(after or None)
        try:
            async with trio.open_nursery() as nursery:
                watching = trio.CancelScope()
                nursery.start_soon(self._watch, x, receive, watching, nursery.cancel_scope)
                if self._traffic.head_after_s:
                    await trio.sleep(self._traffic.head_after_s)
                await self._greet(stream, last_id, is_known=is_known)
                if self._behaviour.loops:
                    reason = "looping"
                else:
                    nursery.start_soon(self._beat, stream)
                    reason = await self._send_events(stream, subscription, began_s)
                # Before the last send: Hypercorn says http.disconnect while it still runs, and a
                # watcher that then cancels would cancel the stream's own clean end.
                watching.cancel()
                nursery.cancel_scope.cancel()
        finally:
            self.feed.unsubscribe(subscription)
        if reason != "the client has gone":
            await stream.finish()
        return reason

    async def _greet(self, stream: _Stream, last_id: str | None, *, is_known: bool) -> None:
        """Send what makes servers and intermediaries send the head."""
        if self._behaviour.holds_head:
            return
        if not self._behaviour.greets:
            await stream.write(b"")
            return
        if self._behaviour.loops:
            await stream.write(sse.encode_comment("hello"))
            return
        retry_s = self._settings.retry_s
        if retry_s is None:
            await stream.write(sse.encode_comment("hello"))
        else:
            await stream.write(sse.encode(None, retry_ms=round(retry_s * 1000)))
        if not is_known:
            # Neither silence nor somebody else's events: the client is told that it has a gap.
            await stream.write(sse.encode(f"unknown id {last_id}", event="resync"))

    async def _send_events(
        self, stream: _Stream, subscription: Subscription, began_s: float
    ) -> str:
        recycle_s = self._traffic.recycle_after_s
        with trio.CancelScope(
            deadline=math.inf if recycle_s is None else began_s + recycle_s
        ) as life:
            missed = len(subscription.waiting)
            while True:
                while subscription.waiting:
                    event = subscription.waiting.popleft()
                    # A send is all or nothing: recycling waits for it.
                    with trio.CancelScope(shield=True):
                        await stream.event(event, is_replay=missed > 0)
                    missed -= 1
                    # Time for `_watch`: who has left is not sent all that waits.
                    await trio.lowlevel.checkpoint()
                if subscription.is_behind:
                    return "the client fell too far behind"
                if self.feed.is_over:
                    return "the feed is over"
                await subscription.news.wait()
                subscription.news = trio.Event()
        assert life.cancelled_caught
        return "recycled"

    async def _beat(self, stream: _Stream) -> None:
        every_s = self._settings.heartbeat_s
        if every_s is None or not self._behaviour.has_heartbeat:
            return
        began_s = trio.current_time()
        for number in itertools.count(1):
            await trio.sleep_until(began_s + number * every_s)
            if stream.is_begun:
                await stream.heartbeat()

    async def _watch(
        self, x: int, receive: Receive, watching: trio.CancelScope, work: trio.CancelScope
    ) -> None:
        with watching:
            while (await receive())["type"] != "http.disconnect":
                pass
            if self._behaviour.notices_disconnect:
                self._record(ServerGone(x=x))
                work.cancel()


class _Stream:
    """One response being sent; one send at a time."""

    def __init__(
        self,
        send: Send,
        record: Callable[[Entry], None],
        x: int,
        head: list[tuple[bytes, bytes]],
    ) -> None:
        self._send = send
        self._record = record
        self._x = x
        self._head = head
        self._lock = trio.Lock()
        self.encoder: coding.Encoder | None = None
        self.is_begun = False

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send body bytes, after the head if they are the first."""
        async with self._lock:
            if not self.is_begun:
                self.is_begun = True
                await self._send(
                    {"type": "http.response.start", "status": 200, "headers": self._head}
                )
            if self.encoder is not None:
                data = self.encoder.compress(data) + (b"" if more else self.encoder.finish())
                if not data and more:
                    return
            await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def event(self, event: FeedEvent, *, is_replay: bool) -> None:
        """Send an event."""
        data = sse.encode(event.data, id=event.id)
        self._record(
            ServerSent(x=self._x, size=len(data), seq=event.seq, id=event.id, is_replay=is_replay)
        )
        await self.write(data)

    async def heartbeat(self) -> None:
        """Send a comment that keeps the connection busy."""
        self._record(ServerSent(x=self._x, size=len(HEARTBEAT)))
        await self.write(HEARTBEAT)

    async def finish(self) -> None:
        """End the response cleanly."""
        await self.write(b"", more=False)


def _takes_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    fields = tuple((name.decode("latin-1"), val.decode("latin-1")) for name, val in headers)
    return preferred(fields, ["gzip"]) is not None


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return

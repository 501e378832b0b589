"""An SSE server as the documentation of sse-starlette has it, under uvicorn.

Heartbeats, ids, Last-Event-ID, and headers that ask intermediaries to pass events on at once.
Prints its port on the first line. Every event's data is {"n": …, "at": Unix seconds}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

EVERY_S = 0.2
PING_S = 1
# A stretch without events, longer than the limits it is tested with: heartbeats go on.
BURST = 4
QUIET_S = 2.6
RETRY_MS = 500


class Feed:
    """One feed for all, with a history for those who resume."""

    def __init__(self) -> None:
        self.history: list[ServerSentEvent] = []
        self.news = asyncio.Condition()

    async def speak(self) -> None:
        while True:
            n = len(self.history) + 1
            data = json.dumps({"n": n, "at": time.time()})
            async with self.news:
                self.history.append(ServerSentEvent(data, id=str(n), retry=RETRY_MS))
                self.news.notify_all()
            await asyncio.sleep(QUIET_S if n % BURST == 0 else EVERY_S)

    async def after(self, last_id: str | None) -> AsyncIterator[ServerSentEvent]:
        told = int(last_id) if last_id is not None else len(self.history)
        while True:
            async with self.news:
                while len(self.history) <= told:
                    await self.news.wait()
            while told < len(self.history):
                yield self.history[told]
                told += 1


def response(content: AsyncIterator[ServerSentEvent]) -> EventSourceResponse:
    # sse-starlette adds X-Accel-Buffering: no.
    headers = {"Cache-Control": "no-cache, no-transform"}
    return EventSourceResponse(content, ping=PING_S, headers=headers)


async def events(request: Request) -> EventSourceResponse:
    feed: Feed = request.app.state.feed
    return response(feed.after(request.headers.get("last-event-id")))


async def finite(request: Request) -> EventSourceResponse:
    count = int(request.query_params.get("count", "5"))

    async def tell() -> AsyncIterator[ServerSentEvent]:
        for n in range(1, count + 1):
            await asyncio.sleep(EVERY_S)
            yield ServerSentEvent(json.dumps({"n": n, "at": time.time()}), id=str(n))

    return response(tell())


async def echo(request: Request) -> EventSourceResponse:
    body = (await request.body()).decode()
    heard = {
        "method": request.method,
        "url": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "headers": dict(request.headers),
        "body": body,
    }

    async def tell() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(json.dumps(heard))

    return response(tell())


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.feed = Feed()
    speaking = asyncio.create_task(app.state.feed.speak())
    yield
    speaking.cancel()


def main() -> None:
    app = Starlette(
        routes=[
            Route("/events", events),
            Route("/finite", finite),
            Route("/echo", echo, methods=["GET", "POST", "PUT"]),
        ],
        lifespan=lifespan,
    )
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - how it tells its port
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()

"""Applications that tell all their clients the same news, every half a second: well, and not.

`well`; `forgetful` leaves every third event out for every second client, `gappy` for all of them;
`unfinished` ends its answers without the marker that its clients wait for, `finished` says it and
stays open.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

_EVERY_S = 0.5
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def _app(stream: Callable[[Request], AsyncIterator[str]]) -> Starlette:
    def events(request: Request) -> StreamingResponse:
        made = stream(request)
        return StreamingResponse(made, media_type="text/event-stream", headers=_HEADERS)

    return Starlette(routes=[Route("/events", events, methods=["GET", "POST"])])


def _news(leaves_out: int = 0, of: int = 2) -> Starlette:
    clients: list[asyncio.Queue[int]] = []
    feeds: list[asyncio.Task[None]] = []

    async def feed() -> None:
        for number in itertools.count(1):
            await asyncio.sleep(_EVERY_S)
            for queue in clients:
                queue.put_nowait(number)

    async def stream(_request: Request) -> AsyncIterator[str]:
        place = len(clients)
        queue: asyncio.Queue[int] = asyncio.Queue()
        clients.append(queue)
        if not feeds:
            feeds.append(asyncio.create_task(feed()))
        while True:
            number = await queue.get()
            is_short = leaves_out and place % of == of - 1
            if not (is_short and number % leaves_out == 0):
                yield f"id: n{number * 7}\ndata: news {number}\n\n"

    return _app(stream)


def _answer(*, has_marker: bool, stays_open: bool) -> Starlette:
    async def stream(_request: Request) -> AsyncIterator[str]:
        for number in range(30):
            await asyncio.sleep(0.05)
            yield f'data: {{"token": "t{number}"}}\n\n'
        if has_marker:
            yield "data: [DONE]\n\n"
        if stays_open:
            await asyncio.sleep(3600.0)

    return _app(stream)


well = _news()
forgetful = _news(leaves_out=3)
gappy = _news(leaves_out=3, of=1)
finished = _answer(has_marker=True, stays_open=True)
unfinished = _answer(has_marker=False, stays_open=False)

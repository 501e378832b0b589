"""sse-starlette, as its documentation has it, with ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route


async def tell(after: int) -> AsyncIterator[ServerSentEvent]:
    for n in range(after + 1, 11):
        yield ServerSentEvent(str(n), id=str(n))
        await asyncio.sleep(0.2)


async def events(request: Request) -> EventSourceResponse:
    after = int(request.headers.get("last-event-id", "0"))
    headers = {"Cache-Control": "no-cache, no-transform"}
    return EventSourceResponse(tell(after), ping=15, headers=headers)


app = Starlette(routes=[Route("/events", events)])

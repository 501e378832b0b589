"""Starlette's own streaming response, with nothing said to whoever stands in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def tell() -> AsyncIterator[str]:
    for n in range(1, 11):
        yield f"data: {n}\n\n"
        await asyncio.sleep(0.2)


async def events(_request: Request) -> StreamingResponse:
    return StreamingResponse(tell(), media_type="text/event-stream")


app = Starlette(routes=[Route("/events", events)])

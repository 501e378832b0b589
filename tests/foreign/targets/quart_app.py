"""Quart, as its documentation has server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from quart import Quart, make_response
from quart.wrappers import Response

app = Quart(__name__)


@app.get("/events")
async def events() -> Response:
    async def tell() -> AsyncIterator[bytes]:
        for n in range(1, 11):
            yield f"data: {n}\n\n".encode()
            await asyncio.sleep(0.2)

    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "Transfer-Encoding": "chunked",
    }
    response = await make_response(tell(), headers)
    assert isinstance(response, Response)
    response.timeout = None
    return response

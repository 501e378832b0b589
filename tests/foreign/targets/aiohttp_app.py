"""aiohttp's server, with a response that is written by hand."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache"
    await response.prepare(request)
    for n in range(1, 11):
        await response.write(f"data: {n}\n\n".encode())
        await asyncio.sleep(0.2)
    return response


app = web.Application()
app.router.add_get("/events", events)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)

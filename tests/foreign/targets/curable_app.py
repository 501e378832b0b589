"""Streams that have something against them, and what a server may do about it, once it is told to.

`/quiet?also=often&also=unbuffered` is the stream /quiet of a server that sends heartbeats and
X-Accel-Buffering as well. The data of each event is {"n": …, "of": …, "at": Unix seconds}; the
response head comes with the first byte, as frameworks have it that run a handler first.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

# The pause before each event, in seconds, and how long it is.
STREAMS: dict[str, tuple[tuple[float, ...], int]] = {
    "steady": ((0.0, 2.0, 2.0), 0),
    "quiet": ((0.0, 4.5), 0),
    "late": ((4.5, 0.5), 0),
    # Longer than a buffer.
    "long": ((0.0, 2.0, 2.0), 6000),
    # Compression that looks at the first write takes it.
    "large": ((1.5, 2.0), 2000),
}
GREETING = ": hi\n\n"
HEARTBEAT = ": hb\n\n"
# What a heartbeat is called here, and the silence after which it comes.
BEATS_S = {"heartbeat": 15.0, "often": 2.0}


async def told(name: str, also: Iterable[str]) -> AsyncIterator[str]:
    pauses_s, length = STREAMS[name]
    every_s = min((BEATS_S[it] for it in also if it in BEATS_S), default=None)
    if "at once" in also:
        yield GREETING
    for n, pause_s in enumerate(pauses_s, 1):
        left_s = pause_s
        while every_s is not None and left_s > every_s:
            await asyncio.sleep(every_s)
            left_s -= every_s
            yield HEARTBEAT
        await asyncio.sleep(left_s)
        data = {"n": n, "of": len(pauses_s), "at": time.time(), "pad": "." * length}
        yield f"data: {json.dumps(data)}\n\n"


async def stream(request: Request) -> StreamingResponse:
    also = request.query_params.getlist("also")
    caching = "no-cache, no-transform" if "untransformed" in also else "no-cache"
    headers = {"Cache-Control": caching}
    if "unbuffered" in also:
        headers["X-Accel-Buffering"] = "no"
    telling = told(request.path_params["name"], also)
    first = await anext(telling)

    async def whole() -> AsyncIterator[str]:
        yield first
        async for it in telling:
            yield it

    return StreamingResponse(whole(), media_type="text/event-stream", headers=headers)


app = Starlette(routes=[Route("/{name}", stream)])

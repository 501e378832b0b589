"""FastAPI: a POST that answers as chat servers do, and a synchronous endpoint in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class Question(BaseModel):
    q: str


@app.post("/chat")
async def chat(question: Question) -> StreamingResponse:
    async def tell() -> AsyncIterator[str]:
        await asyncio.sleep(0.4)
        for word in f"you asked {question.q} and this is the answer to it".split():
            yield f'data: {{"delta": "{word}"}}\n\n'
            await asyncio.sleep(0.15)
        yield "data: [DONE]\n\n"

    return StreamingResponse(tell(), media_type="text/event-stream", headers=HEADERS)


@app.get("/events")
def events() -> StreamingResponse:
    def tell() -> Iterator[str]:
        for n in range(1, 11):
            yield f"id: {n}\ndata: {n}\n\n"
            time.sleep(0.2)

    return StreamingResponse(tell(), media_type="text/event-stream", headers=HEADERS)

"""Django under ASGI: a streaming response from an asynchronous generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

settings.configure(DEBUG=True, SECRET_KEY="none", ROOT_URLCONF=__name__, MIDDLEWARE=[])


async def tell() -> AsyncIterator[str]:
    for n in range(1, 11):
        yield f"data: {n}\n\n"
        await asyncio.sleep(0.2)


async def events(_request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(tell(), content_type="text/event-stream")


urlpatterns = [path("events", events)]
app = get_asgi_application()

"""A mitmproxy addon with an async hook: asks a slow authority before each request goes on."""

from __future__ import annotations

import asyncio

from mitmproxy import http

ASKS_FOR_S = 0.25


class SlowAuth:
    """Waits, then lets the request pass with a mark."""

    async def request(self, flow: http.HTTPFlow) -> None:
        """Wait: mitmproxy goes on when an async hook has returned."""
        await asyncio.sleep(ASKS_FOR_S)
        flow.request.headers["x-checked"] = "yes"


addons = [SlowAuth()]

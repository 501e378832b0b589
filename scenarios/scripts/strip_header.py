"""A mitmproxy addon that eats a response header, as careless proxies do."""

from __future__ import annotations

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    """Remove what asks the next hop not to buffer."""
    assert flow.response is not None
    flow.response.headers.pop("x-accel-buffering", None)

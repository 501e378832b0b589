"""A mitmproxy addon that reads the stream as it passes, through a stream callable."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http


class CountEvents:
    """Adds a comment after every tenth event."""

    def __init__(self) -> None:
        self.events = 0

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let every piece of the body go through `counted`."""
        assert flow.response is not None
        if flow.response.headers.get("content-type", "").startswith("text/event-stream"):
            flow.response.stream = self.counted()

    def counted(self) -> Callable[[bytes], bytes | list[bytes]]:
        """A stream callable; returning b"" would end the body, so nothing is an empty list."""

        def count(data: bytes) -> bytes | list[bytes]:
            before = self.events
            self.events += data.count(b"\n\n") if b"data:" in data else 0
            if self.events // 10 > before // 10:
                return data + b": ten more\n\n"
            return data or []

        return count


addons = [CountEvents()]

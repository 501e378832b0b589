"""What canaries of mitmproxy's inside share."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

from mitmproxy import connection, options
from mitmproxy.proxy import (
    events,
    layer,
    mode_specs,
)
from mitmproxy.proxy.context import Context

WORKED_IN = "12.2.3"


def broken(what: str) -> str:
    return (
        f"{what} is broken: last worked with mitmproxy {WORKED_IN}, this is {version('mitmproxy')}"
    )


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def new_context(*, alpn: bytes | None = None) -> Context:
    opts = options.Options()
    opts.add_option("validate_inbound_headers", bool, False, "")
    opts.add_option("proxy_debug", bool, False, "")
    client = connection.Client(
        peername=("127.0.0.1", 1),
        sockname=("127.0.0.1", 2),
        proxy_mode=mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:3"),
        state=connection.ConnectionState.OPEN,
        alpn=alpn,
    )
    return Context(client, opts)


class Recording(layer.Layer):
    """What stands in for mitmproxy's stream: tells what it was given, does what it is told."""

    def __init__(self, context: Context, does: dict[str, list[Any]]) -> None:
        super().__init__(context)
        self.seen: list[Any] = []
        self.replies: list[Any] = []
        self._does = does

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.seen.append(event)
        for command in self._does.get(type(event).__name__, ()):
            self.replies.append((yield command))

"""One client connection of a hop: mitmproxy's connection handler with our own hooks around it.

mitmproxy logs an exception in a layer or addon and goes on, so that the stream hangs as if the
target had. Here every one ends the case as a HopError.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from mitmproxy import flow, options
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, mode_specs, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server import ConnectionIO, LiveConnectionHandler

from harness.hops.mitm.sides import UpstreamReader
from harness.net import reset_transport

if TYPE_CHECKING:
    from harness.hops.mitm.sides import ClientSide

# mitmproxy opens at most five upstream connections for a client connection, so that over HTTP/2
# only five of twelve streams got data; a hop has no such limit of its own.
_NO_LIMIT = 1_000_000

type Trigger = Callable[[commands.StartHook], Awaitable[None]]


class HopConnection(LiveConnectionHandler):
    """A client's connection to a hop, and the upstream connections made for it.

    Args:
        reader: asyncio's.
        writer: asyncio's.
        opts: mitmproxy's options.
        mode: The listener, as mitmproxy writes it.
        trigger: Runs the addons' hooks for this connection.
        broke: Told of every exception.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        opts: options.Options,
        mode: mode_specs.ProxyMode,
        trigger: Trigger,
        broke: Callable[[Exception], None],
    ) -> None:
        super().__init__(reader, writer, opts, mode)
        self._trigger = trigger
        self._broke = broke
        self._upstream_readers: dict[Server, UpstreamReader] = {}
        self.max_conns = defaultdict(lambda: asyncio.Semaphore(_NO_LIMIT))

    def new_context(self) -> Context:
        """What the layers of this connection are to share."""
        return Context(self.client, self.layer.context.options)

    def own_client(self, side: ClientSide) -> None:
        """Let `side` stand in for the client's reader and writer."""
        self.transports[self.client] = ConnectionIO(
            handler=None,
            # It has what mitmproxy uses of a StreamReader and a StreamWriter.
            reader=side,  # type: ignore[arg-type]
            writer=side,  # type: ignore[arg-type]
        )

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Run a hook; while one waits, the connection does not time out."""
        if isinstance(hook, server_hooks.ServerConnectedHook):
            self._wrap_upstream(hook.data.server)
        with self.timeout_watchdog.disarm():
            try:
                await self._trigger(hook)
            except Exception as error:  # noqa: BLE001 - an addon is a user's code: whatever it raises ends the case
                self._broke(error)
            (data,) = hook.args()
            if isinstance(data, flow.Flow):
                await data.wait_for_resume()

    def _wrap_upstream(self, server: Server) -> None:
        io = self.transports[server]
        assert io.writer is not None
        reader = UpstreamReader(io.reader, io.writer.transport)  # type: ignore[arg-type,union-attr]  # TCP only: asyncio's streams
        self._upstream_readers[server] = reader
        io.reader = reader  # type: ignore[assignment]  # it has what mitmproxy uses of one

    def upstream_reader(self, server: Server) -> UpstreamReader | None:
        """The reader of an upstream connection, None before it is open."""
        return self._upstream_readers.get(server)

    def reset_upstream(self, server: Server) -> None:
        """Abort an upstream connection with a RST."""
        io = self.transports.get(server)
        if io is not None and io.writer is not None:
            reset_transport(io.writer.transport)  # type: ignore[union-attr]  # TCP only: asyncio's streams

    def log(
        self,
        message: str,
        level: int = logging.INFO,
        exc_info: Literal[True]
        | tuple[type[BaseException], BaseException, TracebackType | None]
        | None = None,
    ) -> None:
        """Drop mitmproxy's chatter; an error ends the case."""
        if level < logging.ERROR:
            return
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        if exc_info is True:
            error = sys.exc_info()[1]
        self._broke(error if isinstance(error, Exception) else RuntimeError(message))

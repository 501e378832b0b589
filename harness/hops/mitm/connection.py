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
from mitmproxy.proxy import commands, events, mode_specs, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO, LiveConnectionHandler

from harness.hops.mitm.sides import UpstreamReader
from harness.net import reset_transport

if TYPE_CHECKING:
    from harness.hops.mitm.sides import ClientSide

# mitmproxy opens at most five upstream connections for a client connection, so that over HTTP/2
# only five of twelve streams got data; a hop has no such limit of its own.
_NO_LIMIT = 1_000_000

type Trigger = Callable[[commands.StartHook], Awaitable[None]]


class Wires:
    """Both sides of one of mitmproxy's connection handlers, with ours in the place of its own.

    Args:
        handler: A client's connection, and the upstream connections made for it.
    """

    def __init__(self, handler: ConnectionHandler) -> None:
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(_NO_LIMIT))
        self._handler = handler
        self._readers: dict[Server, UpstreamReader] = {}

    def own_client(self, side: ClientSide) -> None:
        """Let `side` stand in for the client's reader and writer."""
        self._handler.transports[self._handler.client] = ConnectionIO(
            handler=None,
            reader=side,  # type: ignore[arg-type]  # has what mitmproxy uses of a StreamReader
            writer=side,  # type: ignore[arg-type]  # and of a StreamWriter
        )

    def own_upstream(self, server: Server) -> asyncio.WriteTransport:
        """Let our reader stand in for that of a new upstream connection; its transport."""
        io = self._handler.transports[server]
        assert io.writer is not None
        transport: asyncio.WriteTransport = io.writer.transport  # type: ignore[union-attr]  # TCP only: asyncio's streams
        reader = UpstreamReader(io.reader, transport)  # type: ignore[arg-type]  # TCP only: asyncio's streams
        self._readers[server] = reader
        io.reader = reader  # type: ignore[assignment]  # it has what mitmproxy uses of one
        return transport

    def disown_upstream(self, server: Server) -> None:
        """An upstream connection is over."""
        self._readers.pop(server, None)

    def upstream_reader(self, server: Server) -> UpstreamReader | None:
        """The reader of an upstream connection, None when it is not open."""
        return self._readers.get(server)

    def reset_upstream(self, server: Server) -> None:
        """Abort an upstream connection with a RST."""
        io = self._handler.transports.get(server)
        if io is not None and io.writer is not None:
            reset_transport(io.writer.transport)  # type: ignore[union-attr]  # TCP only: asyncio's streams

    async def server_event(self, event: events.Event) -> None:
        """Hand an event to the layers."""
        await self._handler.server_event(event)


class HopConnection(LiveConnectionHandler):
    """A client's connection to a hop, and the upstream connections made for it.

    Args:
        reader: asyncio's.
        writer: asyncio's.
        opts: mitmproxy's options.
        mode: The listener, as mitmproxy writes it.
        trigger: Runs the addons' hooks for this connection.
        opened: Told of every transport, the client's first.
        broke: Told of every exception.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        opts: options.Options,
        mode: mode_specs.ProxyMode,
        trigger: Trigger,
        opened: Callable[[asyncio.WriteTransport], None],
        broke: Callable[[Exception | SystemExit], None],
    ) -> None:
        super().__init__(reader, writer, opts, mode)
        opened(writer.transport)
        self._opened = opened
        self._trigger = trigger
        self._broke = broke
        self.wires = Wires(self)

    def new_context(self) -> Context:
        """What the layers of this connection are to share."""
        return Context(self.client, self.layer.context.options)

    async def server_event(self, event: events.Event) -> None:
        """Hand an event to the layers; in them runs what an addon does to a stream."""
        try:
            await super().server_event(event)
        except SystemExit as error:  # mitmproxy catches every Exception; this one ends the loop
            self._broke(error)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Run a hook; while one waits, the connection does not time out."""
        match hook:
            case server_hooks.ServerConnectedHook(data):
                self._opened(self.wires.own_upstream(data.server))
            case server_hooks.ServerDisconnectedHook(data):
                self.wires.disown_upstream(data.server)
            case _:
                pass
        with self.timeout_watchdog.disarm():
            try:
                await self._trigger(hook)
            except Exception as error:  # noqa: BLE001 - an addon is a user's code: whatever it raises ends the case
                self._broke(error)
            (data,) = hook.args()
            if isinstance(data, flow.Flow):
                await data.wait_for_resume()

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

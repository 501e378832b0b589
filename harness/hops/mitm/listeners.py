"""The listeners a hop is made of: a stretch of faults, or a user's addon."""

from __future__ import annotations

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mitmproxy import master
from mitmproxy.proxy import commands, events, layer, layers, mode_specs, tunnel
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.tls import TlsClienthelloHook, TlsStartClientHook

from harness import clock
from harness.hops.mitm.connection import HopConnection
from harness.hops.mitm.layer import HopLayer
from harness.hops.mitm.ports import ClientWent, Exchanges
from harness.hops.mitm.sides import ClientSide

if TYPE_CHECKING:
    from harness.faults.base import GoneHow
    from harness.hops.machine import HopMachine
    from harness.hops.mitm.script import Script
    from harness.model.journal import Entry

HOST = "127.0.0.1"
# asyncio's own 100 took 11.6 s for 2,000 connects at once, 4,096 took 0.15 s.
_BACKLOG = 4096


class Listener(ABC):
    """One listening port of a hop.

    Args:
        number: The hop, 1 nearest the client.
        upstream: Where it connects to.
        it: mitmproxy's Master.
        broke: Told when something here breaks.
    """

    def __init__(
        self,
        number: int,
        upstream: tuple[str, int],
        it: master.Master,
        broke: Callable[[int, Exception | SystemExit], None],
    ) -> None:
        self.number = number
        self.upstream = upstream
        self._master = it
        self._broke = broke
        self._mode = mode_specs.ProxyMode.parse(f"reverse:http://{upstream[0]}:{upstream[1]}")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()

    async def open(self, port: int = 0) -> tuple[str, int]:
        """Listen; where.

        Args:
            port: 0 takes a free one.

        Raises:
            OSError: The port cannot be had.
        """
        self._server = await asyncio.start_server(self._accept, HOST, port, backlog=_BACKLOG)
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            await clock.let_in()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in self._transports:
            transport.abort()  # closed ones too: they may still wait to be rid of what is unsent
        await asyncio.sleep(0)  # asyncio closes the sockets in the next step of the loop

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the connections, until the listener closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def broke(self, error: Exception | SystemExit) -> None:
        """The hop itself broke: the case cannot go on."""
        self._broke(self.number, error)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = HopConnection(
            reader,
            writer,
            self._master.options,
            self._mode,
            self._trigger,
            self._transports.add,
            self.broke,
        )
        self._begin(connection, reader, writer)
        self.spawn(self._serve(connection))

    async def _serve(self, connection: HopConnection) -> None:
        try:
            await connection.handle_client()
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: the case must hear of it
            self.broke(error)

    @abstractmethod
    def _begin(
        self,
        connection: HopConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Give a new connection its layers."""

    @abstractmethod
    async def _trigger(self, hook: commands.StartHook) -> None:
        """Run a connection's hook."""


class FaultListener(Listener, Exchanges):
    """A stretch of faults: what `ports.Ports` asks for.

    Args:
        machine: The faults, and the HTTP around them.
        rank: 0 for the hop nearest the target, one more for each towards the client.
        now_s: Seconds on the run's clock since the case began.
        has_tls: Whether clients speak TLS here.
    """

    def __init__(
        self,
        machine: HopMachine,
        rank: int,
        now_s: Callable[[], float],
        upstream: tuple[str, int],
        it: master.Master,
        broke: Callable[[int, Exception | SystemExit], None],
        *,
        has_tls: bool = False,
    ) -> None:
        Listener.__init__(self, machine.number, upstream, it, broke)
        Exchanges.__init__(self)
        self.machine = machine
        self.rank = rank
        self.now_s = now_s
        self._has_tls = has_tls

    def record(self, entry: Entry) -> None:
        """Write to the journal."""
        self.machine.record(entry)

    def _begin(
        self,
        connection: HopConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        async def went(how: GoneHow) -> None:
            await connection.server_event(ClientWent(how))

        side = ClientSide(reader, writer, went)
        connection.wires.own_client(side)
        context = connection.new_context()
        stack = tunnel.LayerStack()
        if self._has_tls:
            stack /= _Ground(context)
            stack /= layers.ClientTLSLayer(context)
        stack /= HopLayer(context, self, connection.wires, side)
        connection.layer = stack[0]

    async def _trigger(self, hook: commands.StartHook) -> None:
        # No addon listens to a stretch of faults, but certificates come from mitmproxy's.
        if isinstance(hook, TlsClienthelloHook | TlsStartClientHook):
            await self._master.addons.trigger_event(hook)


class _Ground(layer.Layer):
    """The bottom of a stack with TLS in it: mitmproxy's TLS layer looks at what it stands on."""

    child_layer: layer.Layer

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from self.child_layer.handle_event(event)


class ScriptListener(Listener):
    """A user's addon in mitmproxy's own HTTP layer."""

    def __init__(
        self,
        script: Script,
        upstream: tuple[str, int],
        it: master.Master,
        broke: Callable[[int, Exception | SystemExit], None],
    ) -> None:
        super().__init__(script.hop, upstream, it, broke)
        self._script = script

    def _begin(
        self,
        connection: HopConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        del reader, writer
        context = connection.new_context()
        context.server.address = self.upstream
        connection.layer = HttpLayer(context, HTTPMode.transparent)

    async def _trigger(self, hook: commands.StartHook) -> None:
        await self._script.trigger(hook)

"""The in-memory network as asyncio code sees it: servers, and the graft on a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import StageError
from harness.net.base import Address
from harness.net.memory_transport import MemoryTransport
from harness.net.tcp import Endpoint, MemorySocket, refused

if TYPE_CHECKING:
    from harness.net.memory import Memory

type _Factory = Callable[[], asyncio.BaseProtocol]


class Connections:
    """The open connections of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[MemoryTransport, None] = {}

    def add(
        self,
        end: Endpoint,
        protocol: asyncio.BaseProtocol,
        on_lost: Callable[[MemoryTransport], None] = lambda _: None,
    ) -> MemoryTransport:
        """Make a transport; it has still to be started."""

        def lost(transport: MemoryTransport) -> None:
            self._open.pop(transport, None)
            on_lost(transport)

        transport = MemoryTransport(self._loop, end, protocol, lost)
        self._open[transport] = None
        return transport

    def abandon(self) -> None:
        """End what is left open once the loop is closed, or its peers would wait for ever."""
        while self._open:
            self._open.popitem()[0].abandon()


class MemoryServer(asyncio.AbstractServer):
    """A listening server on the memory network."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        network: Memory,
        addresses: Sequence[Address],
        factory: _Factory,
        connections: Connections,
    ) -> None:
        self._loop = loop
        self._network = network
        self._addresses = addresses
        self._factory = factory
        self._connections = connections
        self._clients: dict[MemoryTransport, None] = {}
        self._is_serving = False
        self._is_closed = False
        self._serving_for_ever: asyncio.Future[None] | None = None
        self._all_gone = asyncio.Event()

    @property
    def sockets(self) -> tuple[MemorySocket, ...]:
        """The listening sockets; none once it is closed."""
        if self._is_closed:
            return ()
        return tuple(MemorySocket(address) for address in self._addresses)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop it serves on."""
        return self._loop

    def is_serving(self) -> bool:
        """Tell whether connections are accepted."""
        return self._is_serving

    async def start_serving(self) -> None:
        """Accept connections from now on."""
        if not self._is_serving and not self._is_closed:
            self._is_serving = True
            for address in self._addresses:
                self._network.open_door(address, self._arrive)

    async def serve_forever(self) -> None:
        """Serve until cancelled."""
        if self._serving_for_ever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._is_closed:
            raise RuntimeError(f"server {self!r} is closed")
        await self.start_serving()
        self._serving_for_ever = self._loop.create_future()
        try:
            await self._serving_for_ever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._serving_for_ever = None

    def close(self) -> None:
        """Stop accepting; open connections go on."""
        if self._is_closed:
            return
        self._is_closed = True
        self._is_serving = False
        for address in self._addresses:
            self._network.close_door(address)
        if self._serving_for_ever is not None:
            self._serving_for_ever.cancel()
        self._note_gone()

    def close_clients(self) -> None:
        """Close all connections."""
        for transport in tuple(self._clients):
            transport.close()

    def abort_clients(self) -> None:
        """Close all connections now and drop what they hold."""
        for transport in tuple(self._clients):
            transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is closed and all its connections are lost, as asyncio's server does."""
        await self._all_gone.wait()

    def _arrive(self, end: Endpoint) -> None:
        # May be called from trio, or from another loop: nothing of this loop's may run here.
        if self._loop.is_closed():
            raise refused(end.local)
        self._loop.call_soon(self._accept, end)

    def _accept(self, end: Endpoint) -> None:
        if self._is_closed:
            end.reset()
            return
        transport = self._connections.add(end, self._factory(), self._client_lost)
        self._clients[transport] = None
        transport.start()

    def _client_lost(self, transport: MemoryTransport) -> None:
        self._clients.pop(transport, None)
        self._note_gone()

    def _note_gone(self) -> None:
        if self._is_closed and not self._clients:
            self._all_gone.set()


def graft(network: Memory, loop: asyncio.AbstractEventLoop) -> None:
    """Make `loop` listen on the memory network, and connect to the addresses that are its own.

    Other addresses are outside of the process, and reached as before: an app that needs a database
    gets it, and the run is moved to the real clock.
    """
    connect_outside: Any = loop.create_connection
    close_loop = loop.close
    connections = Connections(loop)

    def close() -> None:
        close_loop()
        connections.abandon()

    async def create_server(
        protocol_factory: _Factory,
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        sock: Any = None,
        ssl: object = None,
        start_serving: bool = True,
        **_options: object,
    ) -> MemoryServer:
        _refuse_tls(ssl)
        if sock is not None:
            # Bound, but never listened on: its address is what counts.
            wanted: list[Address] = [sock.getsockname()[:2]]
            sock.close()
        else:
            hosts = [host] if host is None or isinstance(host, str) else host
            wanted = [(each or "", port or 0) for each in hosts]
        addresses = [network.reserve(*address) for address in wanted]
        server = MemoryServer(loop, network, addresses, protocol_factory, connections)
        if start_serving:
            await server.start_serving()
        return server

    async def create_connection(
        protocol_factory: _Factory,
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: object = None,
        **options: Any,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        if host is None or port is None or not network.owns(host, int(port)):
            outside: tuple[asyncio.BaseTransport, asyncio.BaseProtocol]
            outside = await connect_outside(protocol_factory, host, port, ssl=ssl, **options)
            return outside
        _refuse_tls(ssl)
        end = network.dial(host, int(port))
        protocol = protocol_factory()
        transport = connections.add(end, protocol)
        opened: asyncio.Future[None] = loop.create_future()
        loop.call_soon(transport.start, opened)
        try:
            await opened
        except asyncio.CancelledError:
            transport.close()
            raise
        return transport, protocol

    loop.close = close  # type: ignore[method-assign]  # of this loop only
    loop.create_server = create_server  # type: ignore[method-assign,assignment]  # of this loop only
    loop.create_connection = create_connection  # type: ignore[method-assign,assignment]  # of this loop only


def _refuse_tls(ssl: object) -> None:
    if ssl:
        raise StageError("TLS of an asyncio server or client needs the socket network")

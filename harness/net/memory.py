"""The in-memory network: fixed ports, kept write boundaries, nothing left to a kernel.

Under the virtual clock every border uses it. Over sockets the kernel decides what a read returns:
20 sends at one instant gave 2 to 14 different journals in 20 runs; here they give one.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from itertools import count

import trio

from harness.net import memory_server
from harness.net.base import BACKLOG, Address, ByteStream, Listener
from harness.net.memory_trio import MemoryListener, MemoryStream
from harness.net.tcp import Endpoint, connected_pair, refused

FIRST_PORT = 40_001
_FIRST_CLIENT_PORT = 50_001
_PORTS = 65_536

_ANY = "0.0.0.0"  # noqa: S104 - a name for every address; nothing is bound to a real one
_WILDCARDS = frozenset({"", _ANY, "::"})
_NAMES = {"localhost": "127.0.0.1"}


class Memory:
    """A network inside the process. Make one for each case: it starts with the same ports.

    Not for use from several threads.
    """

    is_memory = True

    def __init__(self) -> None:
        self._doors: dict[Address, Callable[[Endpoint], None]] = {}
        self._known: set[Address] = set()
        self._next_port = FIRST_PORT
        self._connections = count()

    async def connect(self, host: str, port: int) -> ByteStream:
        """Connect, from trio.

        Raises:
            ConnectionRefusedError: Nobody listens there.
        """
        await trio.lowlevel.checkpoint()
        return MemoryStream(self.dial(host, port))

    async def listen(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        backlog: int = BACKLOG,  # noqa: ARG002 - of the interface
    ) -> Listener:
        """Listen, for trio.

        Args:
            port: 0 gives the next free one, counted from `FIRST_PORT`.
            host: A literal address.
            backlog: Without effect: nothing here is slow to accept.

        Raises:
            OSError: The port is taken.
        """
        await trio.lowlevel.checkpoint()
        address = self.reserve(host, port)
        listener = MemoryListener(address, self.close_door)
        self.open_door(address, listener.arrive)
        return listener

    def graft(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put this network under the servers and connections of an asyncio loop."""
        memory_server.graft(self, loop)

    # -- what both sides are built on

    def reserve(self, host: str | None = None, port: int = 0) -> Address:
        """Choose the address a server is to have; `open_door` takes it.

        Raises:
            OSError: The port is taken.
        """
        host = _host(host)
        if not port:
            while (host, self._next_port) in self._known:
                self._next_port += 1
            port = self._next_port
            self._next_port += 1
        if (host, port) in self._doors:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._known.add((host, port))
        return host, port

    def open_door(self, address: Address, accept: Callable[[Endpoint], None]) -> None:
        """Hand every connection to `address` to `accept`, which must not run foreign code."""
        self._doors[address] = accept

    def close_door(self, address: Address) -> None:
        """Refuse connections to `address` from now on."""
        self._doors.pop(address, None)

    def owns(self, host: str | None, port: int) -> bool:
        """Tell whether an address is of this network, listening or not.

        The other ones are outside of the process: a database of the app under test, say.
        """
        host = _host(host)
        return (host, port) in self._known or (_ANY, port) in self._known

    def dial(self, host: str | None, port: int) -> Endpoint:
        """Connect at once.

        Raises:
            ConnectionRefusedError: Nobody listens there.
        """
        host = _host(host)
        accept = self._doors.get((host, port)) or self._doors.get((_ANY, port))
        if accept is None:
            raise refused((host, port))
        spread = _PORTS - _FIRST_CLIENT_PORT
        client = "127.0.0.1", _FIRST_CLIENT_PORT + next(self._connections) % spread
        ours, theirs = connected_pair(client, (host, port))
        accept(theirs)
        return ours


def _host(host: str | None) -> str:
    if host is None or host in _WILDCARDS:
        return _ANY
    return _NAMES.get(host, host)

"""Both networks, each under the clock it is for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from harness.clock import ClockName, run
from harness.net import ByteStream, Memory, Network, Sockets


class Stage:
    """Runs a test on one network."""

    def __init__(self, name: str) -> None:
        self.network: Network = Memory() if name == "memory" else Sockets()
        self.clock: ClockName = "virtual" if name == "memory" else "real"

    def run[T, *Ts](self, main: Callable[[*Ts], Awaitable[T]], *args: *Ts, seed: int = 0) -> T:
        return run(main, *args, clock=self.clock, seed=seed, budget_s=1000, wall_limit_s=20)

    async def pair(self) -> tuple[ByteStream, ByteStream]:
        """The client's end of a connection and the server's."""
        async with await self.network.listen() as listener:
            client = await self.network.connect("127.0.0.1", listener.port)
            return client, await listener.accept()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[ByteStream, ByteStream]]:
        client, server = await self.pair()
        async with client, server:
            yield client, server

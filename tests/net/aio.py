"""asyncio's streams on a network of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from harness.clock import open_loop
from tests.net.stages import Stage

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run_aio[T](stage: Stage, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def on_trio() -> T:
        async with open_loop(stage.network) as aio:
            return await aio.run(main)

    return stage.run(on_trio)


class Server:
    """One accepted connection of asyncio.start_server."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Streams] = asyncio.Queue()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.put_nowait((reader, writer))


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Streams, Streams]]:
    """A connection: the client's streams and the server's."""
    accepting = Server()
    server = await asyncio.start_server(accepting.handle, "127.0.0.1", 0)
    client = await asyncio.open_connection(*server.sockets[0].getsockname())
    served = await accepting.accepted.get()
    try:
        yield client, served
    finally:
        for _, writer in (client, served):
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        server.close()
        await server.wait_closed()


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"longer than four")
    writer.close()

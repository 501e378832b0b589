"""Hypercorn on a byte network: the same server over sockets and in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState
from hypercorn.utils import wrap_app

from harness.net import ByteStream, Listener, Network

# An idle connection is the client's to close; Hypercorn's 5 s would race with a reconnect.
_KEEP_ALIVE_S = 3600.0


async def serve(
    app: Callable[..., Any],
    network: Network,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[Listener] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application written for trio until cancelled.

    Then every connection still open is reset: also one whose client has stopped reading.

    Args:
        app: The application.
        network: Sockets or memory.
        host: Literal address to listen on.
        port: 0 lets the network choose.
        task_status: Started with the listener.

    Raises:
        OSError: The port is taken.
    """
    settings = config(network)
    wrapped = wrap_app(app, settings.wsgi_max_body_size, None)
    await serve_wrapped(
        wrapped, settings, network, LifespanState({}), host, port, task_status=task_status
    )


def config(network: Network) -> Config:
    """How Hypercorn is set up on a network."""
    settings = Config()
    settings.accesslog = None
    settings.errorlog = None
    settings.keep_alive_timeout = _KEEP_ALIVE_S
    # A date would differ from run to run, and no client of ours reads it.
    settings.include_date_header = not network.is_memory
    settings.include_server_header = False
    return settings


async def serve_wrapped(
    wrapped: AppWrapper,
    settings: Config,
    network: Network,
    state: LifespanState,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    task_status: trio.TaskStatus[Listener] = trio.TASK_STATUS_IGNORED,
) -> None:
    """As `serve`, for an application that is wrapped already and whose lifespan has begun."""
    context = WorkerContext(None)
    streams: set[ByteStream] = set()

    async def handle(stream: ByteStream) -> None:
        streams.add(stream)
        try:
            await TCPServer(wrapped, settings, context, ConnectionState(state), stream)  # type: ignore[arg-type]  # a stream with a socket is all it uses
        finally:
            streams.discard(stream)

    listener = await network.listen(port, host)
    async with trio.open_nursery() as nursery:
        # The handlers belong to this nursery: when one of them raises, all of them end.
        nursery.start_soon(
            partial(trio.serve_listeners, handle, [listener], handler_nursery=nursery)
        )
        task_status.started(listener)
        try:
            await trio.sleep_forever()
        finally:
            # Hypercorn shields its sends from cancellation: one to a client that has stopped
            # reading would never end, and this nursery would wait for it.
            for stream in list(streams):
                stream.reset()

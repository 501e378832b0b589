"""Hypercorn on a byte network: the same server over sockets and in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
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
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.keep_alive_timeout = _KEEP_ALIVE_S
    # A date would differ from run to run, and no client of ours reads it.
    config.include_date_header = not network.is_memory
    config.include_server_header = False
    context = WorkerContext(None)
    wrapped = wrap_app(app, config.wsgi_max_body_size, None)

    streams: set[ByteStream] = set()

    async def handle(stream: ByteStream) -> None:
        streams.add(stream)
        try:
            await TCPServer(wrapped, config, context, ConnectionState({}), stream)  # type: ignore[arg-type]  # a stream with a socket is all it uses
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

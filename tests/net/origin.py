"""An SSE server on Hypercorn's trio worker, over any listener."""

from __future__ import annotations

from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app


async def serve(
    app: Any,
    listener: trio.abc.Listener[Any],
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_date_header = False
    context = WorkerContext(None)
    wrapped = wrap_app(app, config.wsgi_max_body_size, None)
    handler = partial(TCPServer, wrapped, config, context, ConnectionState({}))
    async with trio.open_nursery() as connections:
        await trio.serve_listeners(
            handler, [listener], handler_nursery=connections, task_status=task_status
        )


async def ticks(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """One event a second, as many as the query string says; then the end."""
    count = int(scope["query_string"] or b"0")
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    began_s = trio.current_time()
    for number in range(1, count + 1):
        await trio.sleep_until(began_s + number)
        body = b"id: %d\ndata: tick\n\n" % number
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def silence(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The head, and nothing after it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await trio.sleep_forever()

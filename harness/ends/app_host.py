"""Hypercorn around an application of the user's: on trio, or on an asyncio loop inside of trio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import trio
from hypercorn.asyncio.lifespan import Lifespan as AsyncioLifespan
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan as TrioLifespan
from hypercorn.typing import AppWrapper, LifespanState
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError, wrap_app

from harness import clock
from harness.ends import hosting
from harness.ends.app import Loaded
from harness.errors import TargetError
from harness.net import Address, Network

_LOOPBACK = "127.0.0.1"


class _Said(logging.Handler):
    """Hands on what Hypercorn has to say of an application: its exceptions, mostly."""

    def __init__(self, said: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        """A logging hook."""
        self._said(self.format(record) + "\n")


async def serve(
    app: Loaded,
    network: Network,
    said: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an application until cancelled, with its lifespan around that.

    Args:
        app: The application.
        network: Sockets or memory.
        said: Told what Hypercorn logs, in lines.
        task_status: Started with where it listens.

    Raises:
        TargetError: Its startup fails.
        MissingExtraError: It is written for asyncio, and trio-asyncio is not installed.
    """
    logger = logging.Logger("application", logging.WARNING)  # noqa: LOG001 - nobody else's
    logger.addHandler(_Said(said))
    config = hosting.config(network)
    config.errorlog = logger
    wrapped = wrap_app(app.call, config.wsgi_max_body_size, None)
    try:
        if app.is_trio:
            await _on_trio(wrapped, config, network, task_status)
        else:
            await _on_asyncio(wrapped, config, network, task_status)
    except (LifespanFailureError, LifespanTimeoutError) as error:
        # What Starlette tells of is a whole traceback, in quotes.
        *_, reason = str(error).strip("' \n").splitlines()
        raise TargetError(f"its lifespan: {reason}", "lifespan") from error


async def _on_trio(
    app: AppWrapper, config: Config, network: Network, task_status: trio.TaskStatus[Address]
) -> None:
    state = LifespanState({})
    lifespan = TrioLifespan(app, config, state)
    async with trio.open_nursery() as nursery:
        await nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        listener = await nursery.start(partial(hosting.serve_wrapped, app, config, network, state))
        clock.forget_threads()
        task_status.started(listener.address)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await lifespan.wait_for_shutdown()


async def _on_asyncio(
    app: AppWrapper, config: Config, network: Network, task_status: trio.TaskStatus[Address]
) -> None:
    async with clock.open_loop(network) as aio:
        host = _AsyncioHost(app, config)
        await aio.run(host.start)
        clock.forget_threads()
        task_status.started(host.address)
        try:
            await aio.run(host.until_it_ends)
        finally:
            with trio.CancelScope(shield=True):
                await aio.run(host.stop)


class _AsyncioHost:
    """The server and the lifespan of an application on an asyncio loop."""

    def __init__(self, app: AppWrapper, config: Config) -> None:
        self._app = app
        self._config = config
        self._state = LifespanState({})
        self._tasks: set[asyncio.Task[Any]] = set()
        self.address: Address = (_LOOPBACK, 0)

    async def start(self) -> None:
        """Start up the application, and listen."""
        loop = asyncio.get_running_loop()
        self._context = WorkerContext(None)
        self._lifespan = AsyncioLifespan(self._app, self._config, loop, self._state)
        self._living = loop.create_task(self._lifespan.handle_lifespan())
        await self._lifespan.wait_for_startup()
        if self._living.done():
            self._living.result()
        self._server = await asyncio.start_server(self._handle, _LOOPBACK, 0)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def until_it_ends(self) -> None:
        """Wait for the end of the application, which does not come by itself."""
        await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """Close every connection, and shut the application down."""
        self._server.close()
        await clock.let_in()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._living.done():
            await self._lifespan.wait_for_shutdown()
            self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)
        await asyncio.sleep(0)  # asyncio closes the sockets in the next step of the loop

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            loop = asyncio.get_running_loop()
            await TCPServer(
                self._app, loop, self._config, self._context, self._state, reader, writer
            )
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

"""A real hop that stands by itself, before an origin of a test's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import trio

from harness.engine import real_hop
from harness.errors import HopError
from harness.model.scenario import Hop


@contextmanager
def standing(hop: Hop, upstream: int, folder: Path) -> Iterator[int]:
    """The port of loopback on which a real hop listens, until the block is left.

    Args:
        hop: The hop.
        upstream: The port of its upstream.
        folder: Where its configuration and its log are kept.

    Raises:
        HopError: It did not come up, or ended in the meantime.
    """
    port: Future[int] = Future()
    broken: list[HopError] = []
    over = trio.Event()

    async def stand() -> None:
        async with trio.open_nursery() as nursery:
            stood: real_hop.Standing = await nursery.start(
                real_hop.stand, hop, 1, ("127.0.0.1", upstream), folder, broken.append
            )
            token.append(trio.lowlevel.current_trio_token())
            port.set_result(stood.at[1])
            await over.wait()
            nursery.cancel_scope.cancel()

    def run() -> None:
        try:
            trio.run(stand)
        except BaseException as error:
            if port.done():
                raise
            port.set_exception(error)

    token: list[trio.lowlevel.TrioToken] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield port.result()
    finally:
        if token:
            token[0].run_sync_soon(over.set)
        thread.join()
    if broken:
        raise broken[0]

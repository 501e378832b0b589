"""A server on a network ends when it is told to, whatever its clients do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from harness.clock import ClockName, run
from harness.ends import hosting
from harness.net import ByteStream, Memory, Network, Sockets

# With a server that waits for its clients it would take for ever.
MOST_S = 30.0


async def _endless(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})


async def _drain(stream: ByteStream) -> None:
    while await stream.receive_some():
        pass


@pytest.mark.parametrize("network", [Memory(), Sockets()], ids=["memory", "sockets"])
def test_a_client_that_has_stopped_reading_keeps_no_server_from_ending(network: Network) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            listener = await nursery.start(hosting.serve, _endless, network)
            client = await network.connect(*listener.address)
            await client.send_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await client.receive_some()
            await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        with pytest.raises(trio.BrokenResourceError):
            await _drain(client)
        await client.aclose()

    clock: ClockName = "virtual" if network.is_memory else "real"
    run(main, clock=clock, seed=0, budget_s=MOST_S, wall_limit_s=MOST_S)

"""The configurations that were measured, in the programs themselves: they start, and pass a stream.

The battery (`harness/fidelity/rows`) starts most of them, and says what each does to a stream; of
the others none is refused here, and none loses anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import trio

from harness import products
from harness.engine import real_hop
from harness.errors import HarnessError, HopError
from harness.fidelity.rows import products as fidelity_products
from harness.fidelity.rows import rows
from tests.fidelity.test_renderable import NOT_RENDERABLE, ROWS, settings
from tests.net.origin import serve
from tests.real.programs import PATIENCE_S
from tests.real.test_real_hops import found, is_there

pytestmark = pytest.mark.real

EVENTS = [b"id: %d\ndata: %s\n\n" % (number, b"." * 600) for number in range(3)]
PAUSE_S = 0.1
# Most of them wait for little but their own start.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Passed:
    """What came through: the response, or what was said instead of it."""

    status: int
    body: bytes
    problem: str = ""


def key(written: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {it}" for name, it in sorted(written.items())) or "default"


def distinct() -> dict[tuple[str, str], dict[str, object]]:
    """What was measured and is not in the battery, each once."""
    held = {(it.product, key(it.settings)) for name in fidelity_products() for it in rows(name)}
    found = {
        (name, key(written)): written
        for row in ROWS
        for name, written in settings(*row)
        if not any((name, it) in NOT_RENDERABLE for it in written)
    }
    return {asked: written for asked, written in found.items() if asked not in held}


SETTINGS = distinct()


async def stream(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for it in EVENTS:
        await send({"type": "http.response.body", "body": it, "more_body": True})
        await trio.sleep(PAUSE_S)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def broke(error: HopError) -> None:
    raise error


async def passed(product: str, written: Mapping[str, object], origin: tuple[str, int]) -> Passed:
    hop = products.real_hop(products.product(product), "", written)
    async with trio.open_nursery() as nursery:
        stand = partial(real_hop.stand, hop, 1, origin, None, broke)
        try:
            standing: real_hop.Standing = await nursery.start(stand)
        except HarnessError as error:
            return Passed(0, b"", str(error))
        host, port = standing.at
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
            answer = await client.get(f"http://{host}:{port}/")
        nursery.cancel_scope.cancel()
    return Passed(answer.status_code, answer.content)


@pytest.fixture(scope="module")
def all_of_them() -> Mapping[tuple[str, str], Passed]:
    out: dict[tuple[str, str], Passed] = {}
    limit = trio.CapacityLimiter(AT_ONCE)

    async def one(asked: tuple[str, str], origin: tuple[str, int]) -> None:
        async with limit:
            out[asked] = await passed(asked[0], SETTINGS[asked], origin)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(serve, stream, listener)
            origin = listener.socket.getsockname()[:2]
            async with trio.open_nursery() as asking:
                for asked in SETTINGS:
                    if is_there(asked[0]):
                        asking.start_soon(one, asked, origin)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return out


@pytest.mark.parametrize("product", sorted({name for name, _ in SETTINGS}))
def test_every_measured_configuration_passes_a_stream(
    product: str, all_of_them: Mapping[tuple[str, str], Passed]
) -> None:
    found(product)
    whole = Passed(200, b"".join(EVENTS))

    assert {it: all_of_them[it] for it in SETTINGS if it[0] == product} == {
        it: whole for it in SETTINGS if it[0] == product
    }

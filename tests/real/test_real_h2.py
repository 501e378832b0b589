"""Programs that are asked over HTTP/2, in cleartext and with prior knowledge."""

from __future__ import annotations

import math
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
from harness.products import real
from tests.net.origin import serve
from tests.real.programs import PATIENCE_S
from tests.real.test_real_hops import LATE_S, LIMIT_S, LIMITS, found, is_there

pytestmark = pytest.mark.real

SPEAK = [it for it in real.names() if real.speaks_h2(it)]
EVENT = b"data: 1\n\n"
# What all of them together may cost a machine that has other work to do; and Envoy closes the
# client's connection a second after it has cut the response.
LATER_S = 4.0
# How long a stream without a limit is looked at.
WATCH_S = LIMIT_S + max(LATE_S.values()) + LATER_S


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request.

    Args:
        version: Of HTTP, as the client met it.
        body: What came before the end.
        first_s: When the first of it came, after the request.
        end_s: When it ended, after the request; None: it did not.
    """

    version: str
    body: bytes
    first_s: float
    end_s: float | None


async def falls_silent(scope: Any, receive: Any, send: Any) -> None:
    """A stream of one event."""
    headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": EVENT, "more_body": True})
    await trio.sleep_forever()


def broke(error: HopError) -> None:
    pytest.fail(str(error))


async def ask(at: tuple[str, int], *, is_h2: bool) -> Heard:
    """Ask for the stream that falls silent, until it is cut or has been silent for long."""
    body, first_s, end_s = b"", math.inf, None
    asked_s = trio.current_time()
    async with (
        httpx.AsyncClient(http1=not is_h2, http2=is_h2, timeout=PATIENCE_S) as client,
        client.stream("GET", f"http://{at[0]}:{at[1]}/") as answer,
    ):
        with trio.move_on_after(WATCH_S):
            try:
                async for data in answer.aiter_raw():
                    body += data
                    first_s = min(first_s, trio.current_time() - asked_s)
            except httpx.RemoteProtocolError:
                pass
            end_s = trio.current_time() - asked_s
        version = answer.http_version
    return Heard(version, body, first_s, end_s)


async def of_one(product: str, origin: tuple[str, int], heard: dict[str, list[Heard]]) -> None:
    hop = products.real_hop(products.product(product), "", LIMITS.get(product, {}))
    async with trio.open_nursery() as nursery:
        stand = partial(real_hop.stand, hop, 1, origin, None, broke, h2_port=0)
        standing: real_hop.Standing = await nursery.start(stand)
        assert standing.h2_at is not None
        assert standing.h2_at != standing.at
        asked = [(standing.h2_at, True), (standing.at, False)]
        answers: dict[bool, Heard] = {}

        async def one(at: tuple[str, int], is_h2: bool) -> None:
            answers[is_h2] = await ask(at, is_h2=is_h2)

        async with trio.open_nursery() as asking:
            for at, is_h2 in asked:
                asking.start_soon(one, at, is_h2)
        heard[product] = [answers[True], answers[False]]
        nursery.cancel_scope.cancel()


@pytest.fixture(scope="module")
def heard() -> Mapping[str, list[Heard]]:
    """Every program is asked for the same stream over HTTP/2 and over HTTP/1.1, at once."""
    out: dict[str, list[Heard]] = {}

    async def all_of_them() -> None:
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(serve, falls_silent, listener)
            origin = listener.socket.getsockname()[:2]
            async with trio.open_nursery() as asking:
                for product in filter(is_there, SPEAK):
                    asking.start_soon(of_one, product, origin, out)
            nursery.cancel_scope.cancel()

    trio.run(all_of_them)
    return out


@pytest.mark.parametrize("product", SPEAK)
def test_a_stream_passes_over_http_2_and_its_limits_are_those_of_http_1(
    product: str, heard: Mapping[str, list[Heard]]
) -> None:
    found(product)
    over_h2, over_h1 = heard[product]

    assert (over_h2.version, over_h1.version) == ("HTTP/2", "HTTP/1.1")
    for it in (over_h2, over_h1):
        assert it.body == EVENT
        if product in LIMITS:
            assert it.end_s is not None
            assert LIMIT_S <= it.end_s <= LIMIT_S + LATE_S.get(product, 0.0) + LATER_S
            assert it.end_s - it.first_s > LIMIT_S / 2
        else:
            assert it.end_s is None


@pytest.mark.parametrize("product", sorted(set(real.names()) - set(SPEAK)))
def test_a_program_that_cannot_speak_http_2_says_so(product: str) -> None:
    hop = products.real_hop(products.product(product))
    stand = partial(real_hop.stand, hop, 1, ("127.0.0.1", 9), None, broke, h2_port=0)

    with pytest.raises(HarnessError) as caught:
        trio.run(stand)

    assert str(caught.value) == (
        f"a real {product} does not speak HTTP/2 in cleartext; ask it over HTTP/1.1"
    )

"""One probe through what listens somewhere on loopback, as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from harness.fidelity import client, origin, simulate
from harness.fidelity.battery import H2_LAZY_S, LAZY_S
from harness.fidelity.live_client import Client
from harness.fidelity.live_origin import Heard, Origin, path
from harness.fidelity.record import Ask, Other, Seen, Upstream
from harness.hops.observed import Got

_SETTLE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Places:
    """Where a chain of programs listens; None: it does not.

    Args:
        http1: For HTTP/1.
        http2: For HTTP/2 in clear text.
        dead: With an upstream to which nobody listens, for HTTP/1.
    """

    http1: tuple[str, int]
    http2: tuple[str, int] | None = None
    dead: tuple[str, int] | None = None

    def of(self, ask: Ask) -> tuple[str, int] | None:
        """Where a probe is asked."""
        if ask.end == "refused":
            return self.dead
        return self.http2 if ask.http == "2" else self.http1


async def measured(
    probe: str, attempt: int, ask: Ask, places: Places, made: Origin
) -> tuple[Ask, Seen]:
    """Ask a probe; the probe as it was really asked, and what was seen.

    Args:
        probe: Its name.
        attempt: How often it was asked before.
        ask: It.
        places: Where it is asked.
        made: The origin behind.
    """
    place = places.of(ask)
    assert place is not None
    target = path(probe, attempt)
    requests = client.requests(ask)
    clients = [Client(ask, it, target) for it in requests]
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        for each, asked in zip(clients, requests, strict=True):
            nursery.start_soon(_run_later, each, asked.t_s, place)
        heard = made.heard[target]
        await _watch(ask, began_s, clients, heard)
        # Before the clients are gone: that they go is no fact.
        upstream = tuple(map(_upstream, heard))
        del made.heard[target]
        nursery.cancel_scope.cancel()
    if ask.third_s:
        return ask, Seen(status=clients[0].got.status, others=_others(clients, heard))
    (only,) = clients
    since_s = heard[0].began_s if heard else only.sent_s
    asked_for = ask
    if ask.leaves:
        left_s = None if only.left_s is None else round(only.left_s - since_s, 3)
        watch_s = ask.watch_s if left_s is None else left_s + _lazy_s(ask)
        asked_for = msgspec.structs.replace(ask, left_s=left_s, watch_s=watch_s)
    got = _since(only.got, since_s, heard[0].wrote if heard else [])
    return asked_for, simulate.seen(asked_for, origin.script(ask), got, upstream)


def _lazy_s(ask: Ask) -> float:
    return H2_LAZY_S if ask.http == "2" else LAZY_S


async def _run_later(it: Client, after_s: float, place: tuple[str, int]) -> None:
    await trio.sleep(after_s)
    await it.run(place)


async def _watch(
    ask: Ask, began_s: float, clients: Sequence[Client], heard: Sequence[Heard]
) -> None:
    """Wait until nothing more can happen, and at most as long as the probe says."""
    with trio.move_on_at(began_s + ask.watch_s) as watching:
        for it in clients:
            await it.done.wait()
        if ask.leaves and clients[0].left_s is not None:
            watching.deadline = clients[0].left_s + _lazy_s(ask)
            if ask.leaves == "half":
                await trio.sleep_until(watching.deadline)
        for request in heard:
            await request.over.wait()
        # One more may be on its way: a request that is sent again.
        await trio.sleep(_SETTLE_S)
        for request in heard:
            await request.over.wait()


def _others(clients: Sequence[Client], heard: Sequence[Heard]) -> tuple[Other, ...]:
    """What the second and the third client got, and whose request the origin answered."""
    out = []
    starts_s = [it.sent_s for it in clients] + [float("inf")]
    for number in range(1, len(clients)):
        got = clients[number].got
        is_own = any(starts_s[number] <= it.began_s < starts_s[number + 1] for it in heard)
        first_s = round(got.reads[0][0] - starts_s[number], 3) if got.reads else None
        out.append(Other(is_own, first_s, simulate.events_in(got)))
    return tuple(out)


def _since(got: Got, began_s: float, wrote: Sequence[tuple[float, float]]) -> Got:
    """The same, in seconds since the origin got the request, less what it wrote too late itself."""

    def since(t_s: float) -> float:
        late_s = next((at - began_s - told for told, at in reversed(wrote) if at <= t_s), 0.0)
        return round(max(t_s - began_s - late_s, 0.0), 4)

    return Got(
        status=got.status,
        headers=got.headers,
        head_s=None if got.head_s is None else since(got.head_s),
        framing=got.framing,
        reads=[(since(t_s), data) for t_s, data in got.reads],
        end=got.end,
        end_s=None if got.end_s is None else since(got.end_s),
        h2_code=got.h2_code,
        goaway_s=got.goaway_s,
    )


def _upstream(heard: Heard) -> Upstream:
    if heard.closed is not None:
        how, t_s = heard.closed
        close_s = round(t_s - heard.began_s, 3)
        return Upstream(how, close_s, heard.head.version, heard.is_reused, _lower(heard))
    return Upstream(
        "origin" if heard.has_ended else "open",
        version=heard.head.version,
        is_reused=heard.is_reused,
        fields=_lower(heard),
    )


def _lower(heard: Heard) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), it) for name, it in heard.head.headers)

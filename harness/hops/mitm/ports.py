"""What the layers of a hop share: what they need of it, and the events of our own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from mitmproxy.proxy import events, layer

from harness.faults.base import Action, GoneHow
from harness.model import journal

if TYPE_CHECKING:
    from mitmproxy.connection import Server

    from harness.hops.machine import HopMachine
    from harness.hops.mitm.exchange import ExchangeLayer
    from harness.hops.mitm.sides import UpstreamReader

type Commands = layer.CommandGenerator[None]


class Connection(Protocol):
    """What a layer needs of its client's connection: see `connection.HopConnection`."""

    def upstream_reader(self, server: Server) -> UpstreamReader | None:
        """The reader of an upstream connection, None before it is open."""
        ...

    def reset_upstream(self, server: Server) -> None:
        """Abort an upstream connection with a RST."""
        ...

    async def server_event(self, event: events.Event) -> None:
        """Hand an event to the layers."""
        ...


class Ports(Protocol):
    """What a layer needs of the hop it stands at: see `listeners.FaultListener`."""

    machine: HopMachine
    upstream: tuple[str, int]
    rank: int
    now_s: Callable[[], float]

    def record(self, entry: journal.Entry) -> None:
        """Write to the journal."""
        ...

    def broke(self, error: Exception) -> None:
        """The hop itself broke: the case cannot go on."""
        ...

    def own(self, x: int, exchange: ExchangeLayer, connection: Connection) -> None:
        """Exchange `x` lives in this layer, on this connection."""
        ...

    def disown(self, x: int) -> None:
        """Exchange `x` is over."""
        ...

    def act(self, x: int, actions: Sequence[Action]) -> None:
        """Carry actions to another exchange."""
        ...

    def next_conn(self, side: Literal["down", "up"]) -> int:
        """The number of the next connection on that side."""
        ...


@dataclass
class ClientWent(events.Event):
    """The client has gone; comes from the reader that hides it from mitmproxy."""

    how: GoneHow


@dataclass
class Act(events.Event):
    """Another exchange wants something done here."""

    exchange: ExchangeLayer
    actions: Sequence[Action]


class Trail:
    """Counts and hashes what crosses one border, and journals it."""

    def __init__(self, ports: Ports, side: Literal["down", "up"], conn: int) -> None:
        self._ports = ports
        self._side: Literal["down", "up"] = side
        self._conn = conn
        self._offsets = {"read": 0, "write": 0}
        self._hashes = {way: hashlib.blake2b(digest_size=8) for way in ("read", "write")}

    def add(self, way: Literal["read", "write"], data: bytes, x: int, body: int) -> None:
        """One read or write."""
        running = self._hashes[way]
        running.update(data)
        offset = self._offsets[way]
        self._offsets[way] = offset + len(data)
        self._ports.record(
            journal.HopBytes(
                hop=self._ports.machine.number,
                side=self._side,
                way=way,
                conn=self._conn,
                offset=offset,
                size=len(data),
                digest=running.hexdigest(),
                x=x,
                body=body,
            )
        )

"""What the layers of a hop share: what they need of it, and the events of our own."""

from __future__ import annotations

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mitmproxy.proxy import events, layer

from harness.faults.base import Action, GoneHow
from harness.model import journal

if TYPE_CHECKING:
    from harness.hops.machine import HopMachine
    from harness.hops.mitm.connection import Wires
    from harness.hops.mitm.exchange import ExchangeLayer

type Commands = layer.CommandGenerator[None]


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

    def own(self, x: int, exchange: ExchangeLayer, wires: Wires) -> None:
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


class Exchanges(ABC):
    """Where each exchange of a hop lives, and the numbers of its connections."""

    def __init__(self) -> None:
        self._numbers = {"down": itertools.count(1), "up": itertools.count(1)}
        self._homes: dict[int, tuple[Wires, ExchangeLayer]] = {}

    @abstractmethod
    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the connections."""

    def own(self, x: int, exchange: ExchangeLayer, wires: Wires) -> None:
        """See `Ports`."""
        self._homes[x] = (wires, exchange)

    def disown(self, x: int) -> None:
        """See `Ports`."""
        self._homes.pop(x, None)

    def act(self, x: int, actions: Sequence[Action]) -> None:
        """See `Ports`."""
        if x in self._homes:
            wires, exchange = self._homes[x]
            exchange.owed += 1
            self.spawn(wires.server_event(Act(exchange, actions)))

    def next_conn(self, side: Literal["down", "up"]) -> int:
        """See `Ports`."""
        return next(self._numbers[side])

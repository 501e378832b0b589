"""What it takes to put a chain on the wire; importing this does not import mitmproxy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HopError
from harness.model.journal import Entry
from harness.model.scenario import Hop
from harness.net import Network


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """What it takes to put a chain on the wire.

    Args:
        hops: Client first.
        upstream: Where the last hop connects to: the tap.
        seed: The case's.
        record: The journal.
        now_s: Seconds on the run's clock since the case began.
        broke: Told when a hop breaks; the case cannot go on.
        network: Sockets or memory.
        base: Directory that a script's relative path starts from.
        ca: Directory of the run's CA when the client speaks TLS; None: plain HTTP.
        stand: Starts the real hop of a number, given where it connects to; where it listens. None:
            no hop is real.
    """

    hops: Sequence[Hop]
    upstream: tuple[str, int]
    seed: int
    record: Callable[[Entry], None]
    now_s: Callable[[], float]
    broke: Callable[[HopError], None]
    network: Network
    base: Path
    ca: Path | None = None
    stand: Callable[[int, tuple[str, int]], Awaitable[tuple[str, int]]] | None = None

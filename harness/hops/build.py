"""From a scenario's hop to running machines: what both drivers start from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from harness.faults import registry
from harness.faults.pipeline import Pipeline
from harness.hops.machine import HopMachine
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import FaultSpec, Hop

SCRIPT = "script"

# What a machine writes of its two sides. A hop with a script in it is made of several machines, of
# which only the outer one faces the client and only the inner one the target.
_DOWN = (journal.HopRequest, journal.HopForwardedHead, journal.HopEnd, journal.HopClientGone)
_UP = (
    journal.HopAttempt,
    journal.HopHead,
    journal.HopUpstreamEnd,
    journal.HopClosedUpstream,
)


@dataclass(frozen=True, slots=True)
class Faults:
    """A stretch of faults in a hop; `first` is the position of the first one in the hop."""

    specs: tuple[FaultSpec, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Script:
    """A user's addon in a hop, as the scenario names its file."""

    path: str


type Segment = Faults | Script


def segments(hop: Hop) -> list[Segment]:
    """The hop cut at its scripts, in the order bytes from upstream meet the pieces.

    There are faults, maybe none, on both sides of a script.
    """
    out: list[Segment] = []
    stretch: list[FaultSpec] = []
    first = 0
    for position, spec in enumerate(hop.faults):
        if spec.name == SCRIPT:
            out += [Faults(tuple(stretch), first), Script(str(spec.settings))]
            stretch, first = [], position + 1
        else:
            stretch.append(spec)
    out.append(Faults(tuple(stretch), first))
    return out


def machine(
    number: int,
    part: Faults,
    seed: int,
    record: Callable[[Entry], None],
    *,
    faces_client: bool = True,
    faces_target: bool = True,
) -> HopMachine:
    """A machine for one stretch of a hop's faults.

    Args:
        number: The hop, 1 nearest the client.
        part: Which faults.
        seed: The case's; each fault draws from its own stream, whatever else there is.
        record: The journal.
        faces_client: Whether this machine journals the side towards the client.
        faces_target: Whether it journals the side towards the target.
    """
    configs = [registry.built(spec.name, spec.settings) for spec in part.specs]
    late = [it for it in configs[1:] if it.stands_first]
    assert not late, f"{type(late[0]).__name__} does not stand first in hop {number}"
    stages = [
        config.start(random.Random(f"{seed}/{number}/{part.first + position}").random)  # noqa: S311 - reproducible on purpose
        for position, config in enumerate(configs)
    ]
    return HopMachine(
        number,
        [spec.name for spec in part.specs],
        Pipeline(stages),
        _facing(record, part.first, client=faces_client, target=faces_target),
    )


def machines(hops: Sequence[Hop], seed: int, record: Callable[[Entry], None]) -> list[HopMachine]:
    """One machine a hop, client first; for chains without scripts.

    Raises:
        ValueError: A hop has a script, which needs mitmproxy and a wire.
    """
    out = []
    for number, hop in enumerate(hops, 1):
        parts = segments(hop)
        if len(parts) != 1 or not isinstance(parts[0], Faults):
            raise ValueError(f"hop {number} has a script: only mitmproxy can drive it")
        out.append(machine(number, parts[0], seed, record))
    return out


def port_of(hops: Sequence[Hop], number: int) -> int:
    """Where the hop of a number has to listen, or the tap if it is one more than there are hops.

    That is where a proxy which runs already, and stands before it, forwards to; 0: anywhere.
    """
    before = hops[number - 2].via if number > 1 else None
    return 0 if before is None or before.listen is None else before.listen


def _facing(
    record: Callable[[Entry], None], first: int, *, client: bool, target: bool
) -> Callable[[Entry], None]:
    if client and target and not first:
        return record

    def write(entry: Entry) -> None:
        match entry:
            case journal.FaultNote():
                if first:
                    entry = msgspec.structs.replace(entry, fault=entry.fault + first)
                record(entry)
            case journal.HopBytes(side=side) | journal.Link(side=side):
                if client if side == "down" else target:
                    record(entry)
            case _:
                if (client or not isinstance(entry, _DOWN)) and (
                    target or not isinstance(entry, _UP)
                ):
                    record(entry)

    return write

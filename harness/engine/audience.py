"""Who listens in a case: its clients, a crowd of one of them, or somebody who asks just so."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from harness.ends.asker import Asker, Asking
from harness.ends.client import EventSourceClient
from harness.ends.crowd import Crowd, Crowding
from harness.engine.recorder import Recorder
from harness.model.journal import Entry
from harness.model.scenario import Case, EventSource
from harness.net import Address, Network


class Guest(Protocol):
    """Somebody who asks, and is done after a while or when cancelled."""

    async def run(self) -> None:
        """Ask, and listen."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where guests come in.

    Args:
        url: The target's own URL: they believe that they talk to it.
        entry: Where hop 1 listens.
        network: Its network.
        tls: For those who speak TLS or HTTP/2.
        went_around: Told where a redirect would lead around hop 1.
    """

    url: str
    entry: Address
    network: Network
    tls: ssl.SSLContext | None
    went_around: Callable[[str], None]


def audience(
    case: Case, door: Door, recorder: Recorder, asking: Asking | None, crowding: Crowding | None
) -> list[Guest]:
    """Those who listen.

    Args:
        case: Whose clients they are.
        door: Where they come in.
        recorder: What they tell what they see.
        asking: Who asks in place of the clients; None: they do.
        crowding: How many clients like the first come in place of all; None: all of them.
    """
    if asking is not None:
        asker = Asker(
            asking,
            case.target,
            door.url,
            network=door.network,
            entry=door.entry,
            record=recorder.record,
            now_s=recorder.now_s,
        )
        return [asker]
    made = partial(_client, case, door, recorder)
    if crowding is not None:
        return [Crowd(crowding, partial(made, case.scenario.client[0]), recorder.record)]
    specs = enumerate(case.scenario.client, 1)
    return [made(spec, number, recorder.record) for number, spec in specs]


def _client(
    case: Case,
    door: Door,
    recorder: Recorder,
    spec: EventSource,
    number: int,
    record: Callable[[Entry], None],
) -> EventSourceClient:
    return EventSourceClient(
        spec,
        number,
        door.url,
        method=case.target.method,
        body=case.target.body,
        headers=case.target.headers,
        network=door.network,
        entry=door.entry,
        ssl_context=door.tls,
        record=record,
        now_s=recorder.now_s,
        went_around=door.went_around,
        is_last=case.target.promises.is_last,
    )

"""See `DropHeld`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.standing import Standing


class DropHeld(SimpleFault):
    """Lose what is held of a response when upstream breaks it off.

    It marks the ends that it passes; whatever holds bytes downstream of it in the same hop then
    forwards none of them. So it stands before the holders, and does nothing without one.

    Models: nginx, which on a reset of its upstream discards its buffers, while a connection that
    is closed too early has them sent first — measured on 1.22: three events in a buffer, none of
    them after a reset, all of them after a close; Varnish without streaming, which discards a
    response that did not come whole — measured on 7.1.
    Conserves: bytes and order of what it sees itself.

    Args:
        on: The ends that lose what is held: truncation, reset, or both.

    Journal: fired (the end), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    on: Annotated[tuple[Literal["truncation", "reset"], ...], Field(min_length=1)] = (
        "truncation",
        "reset",
    )

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: DropHeld) -> None:
        self._config = config
        self._standing = Standing()

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case UpstreamEnd() if event.how in self._config.on:
                yield from self._standing.fired(f"{event.how}: what is held is lost")
                yield passed(replace(event, is_dropping=True))
            case UpstreamEnd() | ClientGone():
                yield from self._standing.not_reached("upstream broke nothing off")
                yield passed(event)
            case RequestHead() | RequestData() | RequestEnd() | ResponseHead() | Data():
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached("upstream broke nothing off")

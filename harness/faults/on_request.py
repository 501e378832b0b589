"""What the faults have in common that meet requests by their number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field

from harness.errors import shown
from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Data,
    Event,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.standing import Standing


def _as_numbers(setting: object) -> object:
    match setting:
        case "all" | None:
            return None
        case bool() | str():
            raise ValueError(f"expected a number, a list of numbers, or all, got {shown(setting)}")
        case int():
            return (setting,)
        case _:
            return setting


type _Number = Annotated[int, Field(ge=1, strict=True)]
type Numbers = Annotated[
    Annotated[tuple[_Number, ...], Field(min_length=1)] | None, BeforeValidator(_as_numbers)
]
"""Numbers of requests, counted from 1; None: all."""


class OnRequest:
    """Do something to a request of these numbers, which then never gets upstream.

    Args:
        x: The number of the request at hand.
        on: The numbers.
        does: What is done to them, as in "request 1, answers 2, 4".
        what: What is done to this one, in words.
        action: What is done to it.
    """

    def __init__(self, x: int, on: Numbers, does: str, what: str, action: Action) -> None:
        self._x = x
        self._on = on
        self._does = does
        self._what = what
        self._action = action
        self._standing = Standing()

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        """See `Exchange.step`."""
        self._standing.see(event)
        match event:
            case RequestHead() if self._on is None or self._x in self._on:
                yield from self._standing.fired(self._what)
                yield self._action
            case RequestHead():
                numbers = ", ".join(str(number) for number in self._on or ())
                yield from self._standing.not_reached(f"request {self._x}, {self._does} {numbers}")
                yield passed(event)
            case (
                RequestData()
                | RequestEnd()
                | ResponseHead()
                | Data()
                | UpstreamEnd()
                | ClientGone()
            ):
                yield passed(event)
            case Wake() | CaseOver():
                pass

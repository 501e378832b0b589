"""See `Answer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from harness.errors import shown
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
from harness.faults.limit import local_answer
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


type RequestNumber = Annotated[int, Field(ge=1, strict=True)]


class Answer(SimpleFault):
    """Answer a request here, without upstream.

    Models: nginx's 502 Bad Gateway and 504 Gateway Time-out while a server restarts; the login page
    of a captive portal, 200 with text/html, or 511 — RFC 6585 §6; a rate limit, 429 — RFC 6585 §4;
    204, which tells an EventSource to stop — WHATWG HTML, "Server-sent events".
    Conserves: bytes and order where it does not answer.

    Args:
        status: Status code, 200 to 599.
        body: Its text; None: the status in words, or nothing where the status allows no body.
        content_type: Its type.
        headers: Further fields.
        on: Which requests of this hop it answers, counted from 1 over the case: a number or
            several. None, in YAML `all`: every one.

    Journal: fired (status and number of the request), not_reached (the number).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    status: Annotated[int, Field(ge=200, le=599)]
    body: str | None = None
    content_type: str = "text/plain"
    headers: dict[str, str] = Field(default_factory=dict)
    on: Annotated[
        Annotated[tuple[RequestNumber, ...], Field(min_length=1)] | None,
        BeforeValidator(_as_numbers),
    ] = None

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self, x)


class _State:
    def __init__(self, config: Answer, x: int) -> None:
        self._config = config
        self._x = x
        self._standing = Standing()

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        config = self._config
        match event:
            case RequestHead() if config.on is None or self._x in config.on:
                yield from self._standing.fired(f"{config.status} to request {self._x}")
                body = "" if config.body is None and config.status in {204, 304} else config.body
                headers = (("Content-Type", config.content_type), *config.headers.items())
                yield local_answer(config.status, body, headers)
            case RequestHead():
                numbers = ", ".join(str(number) for number in config.on or ())
                yield from self._standing.not_reached(f"request {self._x}, answers {numbers}")
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

"""See `Answer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import Field

from harness.faults.base import Conserves, SimpleFault
from harness.faults.limit import local_answer
from harness.faults.on_request import Numbers, OnRequest


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
    on: Numbers = None

    def exchange(self, x: int, draw: Callable[[], float]) -> OnRequest:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        body = "" if self.body is None and self.status in {204, 304} else self.body
        headers = (("Content-Type", self.content_type), *self.headers.items())
        answer = local_answer(self.status, body, headers)
        return OnRequest(x, self.on, "answers", f"{self.status} to request {x}", answer)

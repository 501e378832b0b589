"""What the limits of a hop have in common: the settings that say how one ends an exchange."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
    Action,
    Answer,
    CloseUpstream,
    End,
    EndHow,
    SimpleFault,
    UpstreamClose,
)
from harness.model.base import Strict
from harness.units import Duration
from harness.wire.headers import Headers, value


def phrase(status: int) -> str:
    """The words of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


def local_answer(status: int, body: str | None, headers: Headers) -> Answer:
    """An answer of the hop's own: the status in words where no body is given, and its type."""
    text = f"{status} {phrase(status)}\n" if body is None else body
    if value(headers, "content-type") is None:
        headers = (("Content-Type", "text/plain"), *headers)
    return Answer(status, headers, text.encode())


class BeforeHead(Strict):
    """What a client gets from a hop whose limit is up before the response head.

    Args:
        how: An answer, a connection closed without one (`truncation`, `reset`: so do Squid's
            client_lifetime and Varnish's pipe_timeout), or silence (`stall`).
        status: Status of the answer: 504 with nginx, Envoy, HAProxy and Caddy, 502 with Apache,
            503 with Varnish.
        body: Its text; None: the status in words.
        headers: Its further fields.
    """

    how: Literal["answer", "truncation", "reset", "stall"] = "answer"
    status: Annotated[int, Field(ge=200, le=599)] = 504
    body: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    def action(self) -> Answer | End:
        """What brings the client to it."""
        if self.how != "answer":
            return End(self.how)
        return local_answer(self.status, self.body, tuple(self.headers.items()))


_DID: Final[Mapping[EndHow, str]] = {
    "end": "ended",
    "truncation": "closed",
    "reset": "reset",
    "stall": "fell silent",
}


def as_how(setting: object) -> object:
    """One word in YAML for the fields of `BeforeHead`."""
    return {"how": setting} if isinstance(setting, str) else setting


def _as_before_head(setting: object) -> object:
    return None if setting == "ignore" else as_how(setting)


class Limit(SimpleFault, ABC):
    """A time after which the hop ends an exchange, and how.

    Args:
        after_s: The limit, in seconds; more than 0.
        before_head: What the client gets while there is no response head; in YAML the fields of
            an answer, or one word for `how`. None, in YAML `ignore` or nothing: the limit does
            not hold before the head.
        mid_stream: How the response ends once its head was sent.
        upstream: How the connection to upstream is closed when the limit is up.
    """

    after_s: Annotated[Duration, Field(gt=0)]
    before_head: Annotated[BeforeHead | None, BeforeValidator(_as_before_head)] = BeforeHead()
    mid_stream: EndHow = "truncation"
    upstream: UpstreamClose = "fin"

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return self.after_s

    def says(self, why: str, *, has_head: bool) -> str:
        """What the hop does to the client when the limit is up, and why, for the journal."""
        before = self.before_head
        if has_head or before is None:
            did = _DID[self.mid_stream]
        else:
            did = f"answered {before.status}" if before.how == "answer" else _DID[before.how]
        return f"{did} after {why} (limit {self.after_s:g} s)"

    def ending(self, *, has_head: bool) -> Iterator[Action]:
        """End the exchange as configured."""
        before = self.before_head
        assert has_head or before is not None, "this limit does not hold before the head"
        if has_head or before is None:
            yield End(self.mid_stream)
        else:
            yield before.action()
        yield CloseUpstream(self.upstream)

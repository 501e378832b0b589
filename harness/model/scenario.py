"""A scenario as its file writes it, and the cases it expands to."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Never, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.model.base import Strict, yaml_key
from harness.model.hop import (
    Arms,
    ConfigUse,
    EvidenceGrade,
    FaultSpec,
    Hop,
    HopField,
    ProductUse,
    Via,
    has_relay,
)
from harness.model.target import App, Command, Target, Trigger
from harness.units import Duration, Size

__all__ = [
    "HEARTBEAT_S",
    "App",
    "Arms",
    "Case",
    "Clients",
    "Command",
    "ConfigUse",
    "EventSource",
    "EvidenceGrade",
    "FaultSpec",
    "Hop",
    "HopField",
    "Leave",
    "ProductUse",
    "Reads",
    "ReferenceSettings",
    "Scenario",
    "Silence",
    "Target",
    "Traffic",
    "Trigger",
    "Twin",
    "Twins",
    "Via",
    "has_relay",
]

HEARTBEAT_S = 15.0  # sse-starlette's ping, and the WHATWG advice: "every 15 seconds or so"


class Silence(Strict):
    """A stretch of the feed without events; heartbeats go on.

    Args:
        from_s: First instant without events, in seconds since the feed began.
        to_s: First instant with events again.
    """

    from_s: Duration
    to_s: Duration

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.to_s <= self.from_s:
            raise ValueError("a silence ends after it begins")
        return self


class Traffic(Strict):
    """What the feed says: a script for the reference server, a precondition for another target.

    The feed is one for all clients and begins when the stage is ready; who connects late, or
    again, is sent what Last-Event-ID says was missed.

    Args:
        every_s: One event (or burst) each so many seconds.
        first_s: When the first one is due; `every` when it is not given.
        count: How many events in all; None: until `end_after`.
        burst: Events at each instant.
        size_bytes: Length of each event's data.
        text: ascii, or multibyte (characters of two to four bytes).
        lines: Data lines in each event.
        silence: Stretches without events.
        end_after_s: When the server says goodbye: it ends every stream cleanly and answers 204
            from then on. None: never.
        head_after_s: Silence before the response head is sent.
        recycle_after_s: The server ends each stream cleanly after so long, to be resumed.
        end_marker: Data of a last event before the goodbye, such as `[DONE]`.
    """

    every_s: Annotated[Duration, Field(gt=0)] = 1.0
    first_s: Duration | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    burst: Annotated[int, Field(ge=1, le=10_000)] = 1
    size_bytes: Annotated[Size, Field(ge=0, le=16 * 1024 * 1024)] = 32
    text: Literal["ascii", "multibyte"] = "ascii"
    lines: Annotated[int, Field(ge=1, le=1000)] = 1
    silence: tuple[Silence, ...] = ()
    end_after_s: Duration | None = None
    head_after_s: Duration = 0.0
    recycle_after_s: Duration | None = None
    end_marker: str | None = None


class ReferenceSettings(Strict):
    """Settings of the reference server.

    Args:
        heartbeat_s: A comment each so many seconds; None: never.
        retry_s: The `retry:` field it sends first; None: none.
        history: Events kept for those who resume.
        queue: Events waiting for one slow client before it is cut off, to resume later.
    """

    heartbeat_s: Duration | None = HEARTBEAT_S
    retry_s: Duration | None = 1.0
    history: Annotated[int, Field(ge=0)] = 100_000
    queue: Annotated[int, Field(ge=1)] = 1024


class Leave(Strict):
    """When and how a client leaves.

    Args:
        at_s: Seconds since the case began.
        by: fin (close), rst (abort), half-close (shut down the sending side, go on reading).
    """

    at_s: Duration
    by: Literal["fin", "rst", "half-close"] = "fin"


class Reads(Strict):
    """How slowly a client reads.

    Args:
        bytes_per_read: At most so many bytes each time.
        every_s: Pause between two reads.
    """

    bytes_per_read: Annotated[int, Field(ge=1)] = 4096
    every_s: Duration = 0.0


class EventSource(Strict):
    """A client that does as a browser's EventSource does.

    Args:
        start_s: When it connects, in seconds since the case began.
        leave: When and how it leaves for good; None: it stays.
        accept_encoding: Its Accept-Encoding.
        http: Protocol towards the first hop; 2 is spoken over TLS.
        tls: Whether to speak TLS towards the first hop.
        reconnect: Whether to reconnect at all.
        retry_5xx: Whether a gateway's 500, 502, 503 or 504 is retried, as Node's library does;
            a browser gives up.
        max_attempts: Give up after so many attempts; None: never.
        last_event_id: What it already has when it first connects.
        reads: How slowly it reads; None: at once.
    """

    start_s: Duration = 0.0
    leave: Leave | None = None
    accept_encoding: str = "gzip, deflate, br, zstd"
    http: Literal["1.1", "2"] = "1.1"
    tls: bool = False
    reconnect: bool = True
    retry_5xx: bool = False
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    last_event_id: str | None = None
    reads: Reads | None = None


"""When a fault of a product counts: in every exchange it stands in, or only once it has acted."""

"""How something is known of a product: from the program itself, its vendor, or users."""


_CLIENT = "eventsource"


def _as_clients(value: object) -> object:
    items = value if isinstance(value, list | tuple) else [value]
    return [_as_client(item) for item in items]


def _as_client(item: object) -> object:
    if isinstance(item, str):
        return {} if item == _CLIENT else _unknown_client(item)
    if isinstance(item, dict) and len(item) == 1:
        ((name, settings),) = item.items()
        if name == _CLIENT:
            return {} if settings is None else settings
        # The journal's own form is a mapping of fields, under their names in YAML.
        if name not in {yaml_key(field) for field in EventSource.model_fields}:
            _unknown_client(name)
    return item


def _unknown_client(name: object) -> Never:
    raise ValueError(f"unknown client {name!r}; there is {_CLIENT}")


type Clients = Annotated[tuple[EventSource, ...], BeforeValidator(_as_clients), Field(min_length=1)]


class Twin(Strict):
    """The same case with a flaw in the reference server: the check must fail, the fault fire.

    Args:
        flaw: The flaw's name.
        fails: The check that must fail.
    """

    flaw: str
    fails: str


def _as_twins(value: object) -> object:
    return [value] if isinstance(value, dict) else value


type Twins = Annotated[tuple[Twin, ...], BeforeValidator(_as_twins)]


class Scenario(Strict):
    """One scenario file.

    Args:
        id: Path-like name, such as `idle/quiet-60s`.
        why: One line: why it exists in the real world.
        source: Where that is written.
        traffic: What the feed says; None: whatever the target says.
        server: Settings of the reference server.
        through: The chain, client first.
        client: One client or several.
        expect: Check → bound.
        twin: Flaws that must be caught by this very case.
        matrix: Path in the scenario → values; one case for each combination.
        watch_s: How long the stage watches at most; None: until every client is done, and at
            most 30 s past the end of the feed.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$")]
    why: str
    source: str = ""
    traffic: Traffic | None = None
    server: ReferenceSettings = ReferenceSettings()
    through: tuple[HopField, ...] = ()
    client: Clients = (EventSource(),)
    expect: dict[str, Any] = Field(default_factory=dict)
    twin: Twins = ()
    matrix: dict[str, list[Any]] = Field(default_factory=dict)
    watch_s: Annotated[Duration, Field(gt=0)] | None = None


class Case(Strict):
    """One scenario with its matrix filled in, against one target, under one clock and seed.

    Args:
        id: The scenario's id, with the matrix values in brackets and a twin's flaw after a `+`.
        twin: Set when this is the twin: what has to be caught.
        place: `file:line:col` of the scenario.
        is_ad_hoc: Whether no scenario was written: every check is asked, occasion or not.
    """

    id: str
    scenario: Scenario
    target: Target
    clock: Literal["real", "virtual"]
    seed: int
    twin: Twin | None = None
    place: str = ""
    is_ad_hoc: bool = False

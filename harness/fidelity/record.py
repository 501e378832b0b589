"""A probe and what was seen of it: what the origin is asked for, and the facts' ground.

Times are counted from the instant at which the origin got the (first) request, so that the probe's
own start-up is out of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from harness.wire.headers import Headers

# As many arrivals as are kept of one response.
KEPT_BURSTS = 24

type OriginEnd = Literal["clean", "fin", "rst", "hang", "die-fin", "die-rst", "refused"]
type Mode = Literal["chunked", "connclose", "close11", "close10"]


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a probe asked the origin for, and how its client behaved.

    Args:
        n: Events.
        dt: Seconds from one event to the next, and from the last one to the end.
        size: Bytes of an event, its blank line included.
        first: Seconds from the head to the first event.
        head_after: Seconds until the head is sent.
        is_random: Whether the text of events cannot be compressed.
        heartbeats: Comments after the events, one a second.
        has_tail: Whether one event more follows the heartbeats.
        end: How the origin ends. `hang` stays open, `die-…` is before the head.
        hang_s: After so long a hanging origin ends cleanly after all; None: never.
        mode: How the origin delimits the body.
        is_flushed: Whether an application flushes its head before the first event.
        is_app: Whether the program under test runs the origin itself: there is nothing upstream.
        put: Request fields that replace the client's own.
        drop: Request fields it does not send.
        http: The client's version.
        leaves: How it leaves after two events, or before any head.
        left_s: When it left; None: it never came to it.
        watch_s: How long it was watched.
        third_s: When the third of three clients came, the second coming after a second; 0: one.
    """

    n: int
    dt: float
    size: int = 60
    first: float = 0.0
    head_after: float = 0.0
    is_random: bool = False
    heartbeats: int = 0
    has_tail: bool = False
    end: OriginEnd = "clean"
    hang_s: float | None = None
    mode: Mode = "chunked"
    cache_control: str = "no-cache"
    content_type: str = "text/event-stream"
    fields: Headers = ()
    is_flushed: bool = True
    is_app: bool = False
    put: Headers = ()
    drop: tuple[str, ...] = ()
    http: Literal["1.0", "1.1", "2"] = "1.1"
    leaves: Literal["fin", "rst", "half", ""] = ""
    left_s: float | None = None
    watch_s: float = 0.0
    third_s: float = 0.0


class Upstream(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request as the origin got it, and what became of its connection.

    Args:
        close: How the intermediary closed it. `origin`: the origin ended first; `open`: nobody did.
        close_s: When, since the origin got this request.
        is_reused: Whether the connection had carried a request before.
        fields: Names in lower case; values only of fields that the client sends too.
    """

    close: Literal["fin", "rst", "open", "origin"]
    close_s: float | None = None
    version: str = "HTTP/1.1"
    is_reused: bool = False
    fields: Headers = ()


class Other(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a second or third client of the same resource got.

    Args:
        is_own: Whether the origin got a request of its own for it.
        first_s: From its request to its first data.
    """

    is_own: bool
    first_s: float | None
    events: int


class Rest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came after the client had shut down its sending side."""

    events: int
    is_closed: bool


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a probe saw, really or in simulation.

    Args:
        status: None when no head came.
        fields: Response fields, names in lower case; values where they matter.
        events: Whole events.
        comments: Whole heartbeats.
        bursts: (time, decoded bytes) of the first arrivals.
        latest_s: Delay of the event that was delayed most.
        end: "" where the log does not tell.
        framing: How the client is told the end of the body; "" where it does not matter.
        upstream: Every request that the origin got for the first client.
    """

    status: int | None = None
    head_s: float | None = None
    fields: Headers = ()
    events: int = 0
    comments: int = 0
    bursts: tuple[tuple[float, int], ...] = ()
    latest_s: float | None = None
    end: str = ""
    end_s: float | None = None
    framing: str = ""
    has_goaway: bool = False
    upstream: tuple[Upstream, ...] | None = None
    rest: Rest | None = None
    others: tuple[Other, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """One probe through one configuration of one program."""

    intermediary: str
    version: str
    config: str
    probe: str
    ask: Ask
    seen: Seen

    @property
    def name(self) -> str:
        """How reports name it."""
        return f"{self.config} · {self.probe}"

"""Entries of the way between client and target: the clients, the hops, and the hops' faults."""

from __future__ import annotations

from typing import Literal

from harness.model.entry import Base, Payload
from harness.wire.headers import Headers


class Link(Base, frozen=True, tag="link"):
    """The connection an exchange travels on: what ties the places of a journal together.

    An exchange upstream of here is the one that names the same port on its `down` side; over a
    connection that is used again, exchanges come in order.

    Args:
        at: Where this is seen.
        number: The client's or the hop's, for a relay that of the hop it stands before; 0 for the
            tap.
        x: The exchange there.
        side: up (towards the target) or down.
        port: Of the connection's downstream end.
        attempt: The hop's try upstream.
    """

    at: Literal["client", "hop", "relay", "tap"]
    number: int
    x: int
    side: Literal["up", "down"]
    port: int
    attempt: int = 0


# -- the client --------------------------------------------------------------------------------


class ClientRequest(Base, frozen=True, tag="client.request"):
    """A client sent a request; `x` counts its attempts, redirects included."""

    client: int
    x: int
    method: str
    url: str
    headers: Headers
    body_bytes: int = 0


class ClientHead(Base, frozen=True, tag="client.head"):
    """The head of a response reached a client."""

    client: int
    x: int
    status: int
    version: str
    headers: Headers


class ClientRead(Base, frozen=True, tag="client.read"):
    """Body bytes reached a client: after transfer coding, before content coding."""

    client: int
    x: int
    offset: int
    size: int
    payload: Payload


class ClientEnd(Base, frozen=True, tag="client.end"):
    """A response ended at a client.

    how: end (clean), truncation, reset, refused (no connection), left (the client's own doing),
    malformed (not HTTP, or a content coding that lies), open (still open when the case was over).
    """

    client: int
    x: int
    how: Literal["end", "truncation", "reset", "refused", "left", "malformed", "open"]
    detail: str = ""


class ClientWait(Base, frozen=True, tag="client.wait"):
    """A client waits before it reconnects."""

    client: int
    delay_s: float
    last_event_id: str


class ClientLeft(Base, frozen=True, tag="client.left"):
    """A client left while a response was open."""

    client: int
    x: int
    by: Literal["fin", "rst", "half-close"]


class ClientDone(Base, frozen=True, tag="client.done"):
    """A client will not connect again, and why."""

    client: int
    reason: str
    is_fatal: bool = False


# -- the hops ----------------------------------------------------------------------------------


class HopRequest(Base, frozen=True, tag="hop.request"):
    """A request reached a hop."""

    hop: int
    x: int
    method: str
    target: str
    version: str
    headers: Headers


class HopAttempt(Base, frozen=True, tag="hop.attempt"):
    """A hop sent the request upstream."""

    hop: int
    x: int
    attempt: int
    version: str
    headers: Headers


class HopHead(Base, frozen=True, tag="hop.head"):
    """A response head reached a hop from upstream."""

    hop: int
    x: int
    attempt: int
    status: int
    version: str
    framing: str
    headers: Headers


class HopForwardedHead(Base, frozen=True, tag="hop.forwarded_head"):
    """A hop sent a response head downstream: forwarded, or its own answer."""

    hop: int
    x: int
    status: int
    headers: Headers
    is_answer: bool = False


class HopBytes(Base, frozen=True, tag="hop.bytes"):
    """One read or write at a hop's border, as the HTTP layer sees it.

    Args:
        side: down (towards the client) or up (towards the target).
        way: read or write.
        conn: The connection at this hop and side, numbered from 1.
        x: The exchange these bytes belong to at this hop; 0 when to none yet.
        offset: Bytes before these on this connection, side and way.
        body: Response body bytes of this exchange that had crossed this border by then, after
            transfer coding and before content coding.
        digest: Running hash of everything up to and including these bytes, 16 hex digits.
    """

    hop: int
    side: Literal["down", "up"]
    way: Literal["read", "write"]
    conn: int
    offset: int
    size: int
    digest: str
    x: int = 0
    body: int = 0


class HopUpstreamEnd(Base, frozen=True, tag="hop.upstream_end"):
    """An attempt's response ended at the hop, by upstream's doing."""

    hop: int
    x: int
    attempt: int
    how: str
    detail: str = ""


class HopClosedUpstream(Base, frozen=True, tag="hop.closed_upstream"):
    """A hop closed an attempt, or left it open on purpose."""

    hop: int
    x: int
    attempt: int
    how: str


class HopEnd(Base, frozen=True, tag="hop.end"):
    """A hop ended the response towards its client."""

    hop: int
    x: int
    how: str


class HopClientGone(Base, frozen=True, tag="hop.client_gone"):
    """A hop saw its client leave."""

    hop: int
    x: int
    how: str


class FaultNote(Base, frozen=True, tag="fault"):
    """How a fault stands: armed, fired, defeated, not reached, or not armed in this exchange.

    Args:
        fault: Its position in the hop, from 0.
        name: Its name in YAML.
        offset: Body bytes that had come from upstream by then.
        share: How much of the way to acting it came; 0 where that has no measure.
    """

    hop: int
    fault: int
    name: str
    x: int
    what: Literal["armed", "fired", "defeated", "not_reached", "not_armed"]
    reason: str
    offset: int = 0
    share: float = 0.0

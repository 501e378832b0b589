"""Entries of the far end, tap and reference server, and of the stage itself."""

from __future__ import annotations

from typing import Literal

from harness.model.entry import Base, Payload
from harness.wire.headers import Headers

# -- the tap beside the target -----------------------------------------------------------------


class TapRequest(Base, frozen=True, tag="tap.request"):
    """A request reached the target's border."""

    x: int
    method: str
    target: str
    version: str
    headers: Headers


class TapHead(Base, frozen=True, tag="tap.head"):
    """The target sent a response head; 1xx ones have `is_interim`."""

    x: int
    status: int
    version: str
    framing: str
    headers: Headers
    is_interim: bool = False


class TapRead(Base, frozen=True, tag="tap.read"):
    """The target sent body bytes: after transfer coding, before content coding."""

    x: int
    offset: int
    size: int
    payload: Payload


class TapEnd(Base, frozen=True, tag="tap.end"):
    """An exchange ended at the target's border; its own end may follow a FIN from downstream.

    Args:
        by: Whose doing: the target's, or downstream's (a client or a hop that left).
        how: end, truncation, reset, refused, malformed; for downstream fin or rst.
    """

    x: int
    by: Literal["target", "downstream"]
    how: Literal["end", "truncation", "reset", "refused", "malformed", "fin", "rst"]
    detail: str = ""


# -- the reference server's own record ---------------------------------------------------------


class ServerRequest(Base, frozen=True, tag="server.request"):
    """The reference server's handler began; `port` is the other end's."""

    x: int
    last_event_id: str | None
    status: int
    port: int | None = None


class ServerSent(Base, frozen=True, tag="server.sent"):
    """The reference server handed an event, or a heartbeat (no `seq`), to its transport."""

    x: int
    size: int
    seq: int | None = None
    id: str | None = None
    is_replay: bool = False


class ServerGone(Base, frozen=True, tag="server.gone"):
    """The reference server's handler was told that its client has gone."""

    x: int


class ServerDone(Base, frozen=True, tag="server.done"):
    """The reference server's handler returned."""

    x: int
    reason: str


class ServerFeed(Base, frozen=True, tag="server.feed"):
    """The feed produced an event, whoever listens: what a perfect client would get.

    `data_hash` is the beginning of the SHA-256 of its data, in hex.
    """

    seq: int
    id: str | None
    data_hash: str


# -- the stage ---------------------------------------------------------------------------------


class StageReady(Base, frozen=True, tag="stage.ready"):
    """Target, tap and hops listen; the clients start."""


class StageMoved(Base, frozen=True, tag="stage.moved"):
    """The case was moved from the virtual to the real clock, because of what it touched outside."""

    why: str


class StageLag(Base, frozen=True, tag="stage.lag"):
    """Real clock: the worst scheduling lag seen so far, in seconds."""

    lag_s: float


class StageClipped(Base, frozen=True, tag="stage.clipped"):
    """Payload bytes are no longer kept from here on: the case had more than `limit_bytes`."""

    limit_bytes: int


class StageProblem(Base, frozen=True, tag="stage.problem"):
    """The case could not be carried through: never the target's verdict.

    source: target (it could not be reached at all), hop (an intermediary of ours or a user's
    script broke), stage (the harness itself).
    """

    source: Literal["target", "hop", "stage"]
    message: str
    hop: int | None = None


class StageOver(Base, frozen=True, tag="stage.over"):
    """The case is over: the last entry of a journal that is whole, but for remarks."""

    reason: str


class StageRemark(Base, frozen=True, tag="stage.remark"):
    """What is worth a line and no behaviour of the stream; may follow the end of the case."""

    what: str

"""The journal: one JSON line per entry, one file per case, the only evidence.

Entry 0 is the whole case; every other entry says what crossed one border, and when:

    client       hop 1 … hop n        tap           target
    Client*      Hop*  Fault*         Tap*          Server*      Stage*: what the stage itself did

Times are seconds on the run's clock since the case began, to the microsecond. Numbers named `x`
count exchanges at one place from 1: at a client, at a hop, at the tap, at the reference server.
Payload bytes are kept for the client's reads and the tap's reads from the target, up to a limit
per case; at the hops' borders an offset, a length and a running hash stand for them.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from harness.wire.headers import Headers

SCHEMA = "sse-harness/journal"
VERSION = 1

# Shorter payloads do not shrink enough to be worth the time.
PACK_FROM_BYTES = 512
PAYLOAD_LIMIT_BYTES = 8 * 1024 * 1024

type Json = bool | int | float | str | list[Any] | dict[str, Any] | None


class Base(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """What every entry has: its number (the line, from 0) and its time in seconds."""

    n: int = -1
    t_s: float = 0.0


class CaseEntry(Base, frozen=True, tag="case"):
    """Entry 0: everything needed to judge the rest, or to run it again."""

    schema: str
    version: int
    tool: str
    case: dict[str, Any]
    clock: Literal["real", "virtual"]
    seed: int
    target: str
    is_reference: bool


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body bytes of one read: as they are, deflated (`packed`), or clipped to their hash."""

    data: bytes | None = None
    packed: bytes | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, data: bytes) -> Payload:
        """Keep `data`, deflated where that pays."""
        if len(data) >= PACK_FROM_BYTES:
            packed = zlib.compress(data, 1)
            if len(packed) < len(data):
                return cls(packed=packed)
        return cls(data=data)

    @classmethod
    def clipped(cls, data: bytes) -> Payload:
        """Keep the hash of `data` only."""
        return cls(sha256=hashlib.sha256(data).hexdigest())

    @property
    def stored_bytes(self) -> int:
        """What this payload takes of the case's limit."""
        return len(self.data or self.packed or b"")

    def content(self) -> bytes | None:
        """The bytes, or None when they were clipped."""
        return self.data if self.packed is None else zlib.decompress(self.packed)


class Link(Base, frozen=True, tag="link"):
    """The connection an exchange travels on: what ties the places of a journal together.

    An exchange upstream of here is the one that names the same port on its `down` side; over a
    connection that is used again, exchanges come in order.

    Args:
        at: Where this is seen.
        number: The client's or the hop's; 0 for the tap.
        x: The exchange there.
        side: up (towards the target) or down.
        port: Of the connection's downstream end.
        attempt: The hop's try upstream.
    """

    at: Literal["client", "hop", "tap"]
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
    """The case is over: the last entry of a journal that is whole."""

    reason: str


type Entry = (
    CaseEntry
    | Link
    | ClientRequest
    | ClientHead
    | ClientRead
    | ClientEnd
    | ClientWait
    | ClientLeft
    | ClientDone
    | HopRequest
    | HopAttempt
    | HopHead
    | HopForwardedHead
    | HopBytes
    | HopUpstreamEnd
    | HopClosedUpstream
    | HopEnd
    | HopClientGone
    | FaultNote
    | TapRequest
    | TapHead
    | TapRead
    | TapEnd
    | ServerRequest
    | ServerSent
    | ServerGone
    | ServerDone
    | ServerFeed
    | StageReady
    | StageMoved
    | StageLag
    | StageClipped
    | StageProblem
    | StageOver
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """One line, without its line end."""
    return _encoder.encode(entry)


def decode(line: bytes) -> Entry:
    """The entry that `encode` wrote.

    Raises:
        ValueError: The line is not an entry of this version.
    """
    return _decoder.decode(line)


class _Label(msgspec.Struct):
    """What the first line of a journal of any version says about it."""

    schema: str = ""
    version: int = 0


_label_decoder = msgspec.json.Decoder(_Label)


def _check_version(line: bytes) -> None:
    label = _label_decoder.decode(line)
    # Without a schema it is no case: decoding, or the journal itself, says what it is instead.
    if label.schema and (label.schema, label.version) != (SCHEMA, VERSION):
        raise ValueError(
            f"journal of {label.schema} version {label.version}, "
            f"expected {SCHEMA} version {VERSION}"
        )


class Journal:
    """A whole journal, read back: `journal[n]` is entry n."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: tuple[Entry, ...] = tuple(entries)
        if not self.entries or not isinstance(self.entries[0], CaseEntry):
            raise ValueError("a journal begins with its case")
        self.case: CaseEntry = self.entries[0]

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> Journal:
        """Read JSON Lines.

        Raises:
            ValueError: A line is not an entry, the schema is another one, or a number is missing.
        """
        entries: list[Entry] = []
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            if not entries:
                _check_version(line)
            entry = decode(line)
            if entry.n != number:
                raise ValueError(f"journal line {number + 1}: entry {entry.n} out of place")
            entries.append(entry)
        return cls(entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, n: int) -> Entry:
        return self.entries[n]

    @property
    def is_whole(self) -> bool:
        """Whether the case came to its end, rather than being interrupted."""
        return isinstance(self.entries[-1], StageOver)


def fields(entry: Entry) -> Mapping[str, Json]:
    """The entry as plain data, for reports."""
    plain: Mapping[str, Json] = msgspec.to_builtins(entry)
    return plain

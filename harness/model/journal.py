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

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from harness.model.entries_ends import (
    ServerDone,
    ServerFeed,
    ServerGone,
    ServerRequest,
    ServerSent,
    StageClipped,
    StageLag,
    StageMoved,
    StageOver,
    StageProblem,
    StageReady,
    StageRemark,
    TapEnd,
    TapHead,
    TapRead,
    TapRequest,
)
from harness.model.entries_path import (
    ClientDone,
    ClientEnd,
    ClientHead,
    ClientLeft,
    ClientRead,
    ClientRequest,
    ClientWait,
    FaultNote,
    HopAttempt,
    HopBytes,
    HopClientGone,
    HopClosedUpstream,
    HopEnd,
    HopForwardedHead,
    HopHead,
    HopRequest,
    HopUpstreamEnd,
    Link,
)
from harness.model.entries_relay import RelayEnd, RelayHead, RelayRead, RelayRequest
from harness.model.entry import PACK_FROM_BYTES, Base, Json, Payload

__all__ = [
    "PACK_FROM_BYTES",
    "PAYLOAD_LIMIT_BYTES",
    "SCHEMA",
    "VERSION",
    "Base",
    "CaseEntry",
    "ClientDone",
    "ClientEnd",
    "ClientHead",
    "ClientLeft",
    "ClientRead",
    "ClientRequest",
    "ClientWait",
    "Entry",
    "FaultNote",
    "HopAttempt",
    "HopBytes",
    "HopClientGone",
    "HopClosedUpstream",
    "HopEnd",
    "HopForwardedHead",
    "HopHead",
    "HopRequest",
    "HopUpstreamEnd",
    "Journal",
    "Json",
    "Link",
    "Payload",
    "RelayEnd",
    "RelayHead",
    "RelayRead",
    "RelayRequest",
    "ServerDone",
    "ServerFeed",
    "ServerGone",
    "ServerRequest",
    "ServerSent",
    "StageClipped",
    "StageLag",
    "StageMoved",
    "StageOver",
    "StageProblem",
    "StageReady",
    "StageRemark",
    "TapEnd",
    "TapHead",
    "TapRead",
    "TapRequest",
    "decode",
    "encode",
    "fields",
]

SCHEMA = "sse-harness/journal"
VERSION = 1

PAYLOAD_LIMIT_BYTES = 8 * 1024 * 1024


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
    | RelayRequest
    | RelayHead
    | RelayRead
    | RelayEnd
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
    | StageRemark
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
        events = (entry for entry in reversed(self.entries) if not isinstance(entry, StageRemark))
        return isinstance(next(events, None), StageOver)


def fields(entry: Entry) -> Mapping[str, Json]:
    """The entry as plain data, for reports."""
    plain: Mapping[str, Json] = msgspec.to_builtins(entry)
    return plain

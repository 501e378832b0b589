"""The relay between two neighbouring hops that keep no record, such as programs.

What each of them did is known by what is seen on both of its sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from harness.ends.relay import By, How, Relay
from harness.model import journal
from harness.model.journal import Entry
from harness.model.redaction import headers as redacted
from harness.model.redaction import url as redacted_url
from harness.net import Network
from harness.wire.http1 import RequestLine, StatusLine


class Between(Relay):
    """Relays every connection to one hop.

    Args:
        network: Where it listens, and where the hop is.
        hop: The hop's number.
        address: Where it listens.
        record: The journal.
    """

    def __init__(
        self,
        network: Network,
        hop: int,
        address: tuple[str, int],
        record: Callable[[Entry], None],
    ) -> None:
        super().__init__(network, address, _Notes(hop, record))


class _Notes:
    """See `relay.Notes`; of the body only offsets, lengths and a running hash are kept."""

    def __init__(self, hop: int, record: Callable[[Entry], None]) -> None:
        self._hop = hop
        self._record = record
        self._hashes: dict[int, hashlib.blake2b] = {}

    def link(self, x: int, side: Literal["up", "down"], port: int) -> None:
        self._record(journal.Link(at="relay", number=self._hop, x=x, side=side, port=port))

    def request(self, x: int, line: RequestLine) -> None:
        self._hashes[x] = hashlib.blake2b(digest_size=8)
        self._record(
            journal.RelayRequest(
                hop=self._hop,
                x=x,
                method=line.method,
                target=redacted_url(line.target),
                version=line.version,
                headers=redacted(line.headers),
            )
        )

    def head(self, x: int, line: StatusLine) -> None:
        self._record(
            journal.RelayHead(
                hop=self._hop,
                x=x,
                status=line.status,
                version=line.version,
                framing=line.framing,
                headers=redacted(line.headers),
                is_interim=line.is_interim,
            )
        )

    def read(self, x: int, offset: int, data: bytes) -> None:
        running = self._hashes[x]
        running.update(data)
        self._record(
            journal.RelayRead(
                hop=self._hop, x=x, offset=offset, size=len(data), digest=running.hexdigest()
            )
        )

    def end(self, x: int, by: By, how: How, detail: str) -> None:
        if how != "fin":
            del self._hashes[x]
        self._record(journal.RelayEnd(hop=self._hop, x=x, by=by, how=how, detail=detail))

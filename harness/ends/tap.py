"""The tap beside the target: what a black-box server said, and when, without touching it.

There is one in every chain, also in a direct one; it is not a hop.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Literal

from harness.ends.relay import By, How, Relay
from harness.model import journal
from harness.model.journal import Entry, Payload
from harness.model.redaction import headers as redacted
from harness.model.redaction import url as redacted_url
from harness.net import Network
from harness.wire.http1 import RequestLine, StatusLine


class Tap(Relay):
    """Relays every connection to one target.

    Args:
        network: Where it listens, and where the target is.
        target: Its address.
        record: The journal.
        tls: Verifies the target when it speaks TLS; None: plain.
        server_name: The target's name in TLS.
    """

    def __init__(
        self,
        network: Network,
        target: tuple[str, int],
        record: Callable[[Entry], None],
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        super().__init__(network, target, _Notes(record), tls=tls, server_name=server_name)


class _Notes:
    """See `relay.Notes`; the body is kept."""

    def __init__(self, record: Callable[[Entry], None]) -> None:
        self._record = record

    def link(self, x: int, side: Literal["up", "down"], port: int) -> None:
        self._record(journal.Link(at="tap", number=0, x=x, side=side, port=port))

    def request(self, x: int, line: RequestLine) -> None:
        self._record(
            journal.TapRequest(
                x=x,
                method=line.method,
                target=redacted_url(line.target),
                version=line.version,
                headers=redacted(line.headers),
            )
        )

    def head(self, x: int, line: StatusLine) -> None:
        self._record(
            journal.TapHead(
                x=x,
                status=line.status,
                version=line.version,
                framing=line.framing,
                headers=redacted(line.headers),
                is_interim=line.is_interim,
            )
        )

    def read(self, x: int, offset: int, data: bytes) -> None:
        payload = Payload.of(data)
        self._record(journal.TapRead(x=x, offset=offset, size=len(data), payload=payload))

    def end(self, x: int, by: By, how: How, detail: str) -> None:
        whose: Literal["target", "downstream"] = "target" if by == "upstream" else "downstream"
        self._record(journal.TapEnd(x=x, by=whose, how=how, detail=detail))

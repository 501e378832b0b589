"""One way to ask a target: what of a request a server may answer differently."""

from __future__ import annotations

from harness.model.base import Strict
from harness.wire.headers import Headers, value

BROWSER_CODINGS = "gzip, deflate, br, zstd"


class Ask(Strict):
    """What intermediaries change of a request, and servers heed.

    Args:
        version: The protocol's version in the request line.
        accept_encoding: The field's value; None: it is not sent.
        last_event_id: The field's value; None: it is not sent.
    """

    version: str = "HTTP/1.1"
    accept_encoding: str | None = BROWSER_CODINGS
    last_event_id: str | None = None

    @classmethod
    def of(cls, version: str, headers: Headers) -> Ask:
        """How a request asks that has this version and these fields."""
        return cls(
            version=version,
            accept_encoding=value(headers, "accept-encoding"),
            last_event_id=value(headers, "last-event-id"),
        )

"""How an abrupt end of a response looks over HTTP/2, where there is more than one way to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

H2_CODES: Final = {
    "NO_ERROR": 0,
    "PROTOCOL_ERROR": 1,
    "INTERNAL_ERROR": 2,
    "FLOW_CONTROL_ERROR": 3,
    "REFUSED_STREAM": 7,
    "CANCEL": 8,
    "CONNECT_ERROR": 10,
    "ENHANCE_YOUR_CALM": 11,
    "HTTP_1_1_REQUIRED": 13,
}
"""Error codes of RST_STREAM that a response may end with (RFC 9113 §7)."""


@dataclass(frozen=True, slots=True)
class H2End:
    """What an HTTP/2 client gets for a response that was cut.

    Args:
        how: RST_STREAM, or END_STREAM as if the response were whole.
        code: Of RST_STREAM (RFC 9113 §7).
    """

    how: Literal["reset", "end"] = "reset"
    code: int = H2_CODES["INTERNAL_ERROR"]


INTERNAL_ERROR: Final = H2End()

"""How an abrupt end of a response looks over HTTP/2, where there is more than one way to say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from harness.model.base import Strict

type H2Code = Literal[
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "HTTP_1_1_REQUIRED",
]

H2_CODES: Final[Mapping[H2Code, int]] = {
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


class ResetCode(Strict):
    """RST_STREAM with an error code.

    Args:
        code: Its name (RFC 9113 §7).
    """

    code: H2Code


type H2Setting = Literal["reset", "end"] | ResetCode
"""What YAML writes: `reset` (INTERNAL_ERROR), `end` (END_STREAM), or `{code: NO_ERROR}`."""


def h2_end(setting: H2Setting) -> H2End:
    """What a setting says."""
    match setting:
        case ResetCode(code=name):
            return H2End("reset", H2_CODES[name])
        case "end":
            return H2End("end")
        case "reset":
            return INTERNAL_ERROR


def h2_words(end: H2End) -> str:
    """The frame a client gets, in words."""
    names = {code: name for name, code in H2_CODES.items()}
    return "END_STREAM" if end.how == "end" else f"RST_STREAM {names[end.code]}"

"""How a response ended, told from what httpx raised."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Literal

import h2.errors
import h2.events
import h2.exceptions
import h11
import httpx

# What stands around its words, as in [SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1020).
_OF_OPENSSL = re.compile(r"^\[.*?\] | \(_ssl\.c:\d+\)$")

type How = Literal["truncation", "reset", "refused", "malformed"]

# What may come of an exchange: httpx's own, and h2's, which httpcore lets through while it reads a
# body.
FAILURES: tuple[type[Exception], ...] = (httpx.TransportError, h2.exceptions.H2Error)

# How h11 and httpcore begin when the peer closed inside a message; they have no type for it.
_CLOSED = ("peer closed connection", "Server disconnected")


def told(error: Exception) -> tuple[How, str]:
    """How a response ended that raised one of `FAILURES`, and one line about it."""
    for cause in _causes(error):
        event = cause.args[0] if cause.args else None
        match event:
            case h2.events.StreamReset():
                return "reset", f"stream reset: {_code(event.error_code)}"
            case h2.events.ConnectionTerminated():
                return "truncation", f"goaway: {_code(event.error_code)}"
            case _:
                pass
    text = str(error)
    if _has(error, ConnectionResetError):
        return "reset", "connection reset by peer"
    if isinstance(error, httpx.ConnectError):
        return "refused", _system_words(error) or text
    if text.startswith(_CLOSED):
        return "truncation", text[:1].lower() + text[1:]
    if isinstance(error, httpx.NetworkError) and not _has(error, ssl.SSLError):
        return "reset", _system_words(error) or text
    return "malformed", text


def is_unsendable(error: Exception) -> bool:
    """Tell whether the request itself was at fault, so that no other try can do better."""
    return _has(error, h11.LocalProtocolError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        # httpcore's pool raises again `from None`; what it came from is still the context.
        cause = cause.__cause__ or cause.__context__


def _has(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in _causes(error))


def _system_words(error: BaseException) -> str:
    """What the system or OpenSSL said, without numbers, ports and lines of C."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
            if isinstance(cause, ssl.SSLError):
                return "tls: " + _OF_OPENSSL.sub("", words)
            return words.rpartition(": ")[2].lower()
    return ""


def _code(code: int | None) -> str:
    known = {int(it): it.name for it in h2.errors.ErrorCodes}
    return known.get(code or 0, f"error {code}")

"""Secrets never reach the journal: they are struck out before the write."""

from __future__ import annotations

import re

from harness.wire.headers import Headers

STRUCK = "[redacted]"

_SECRET_FIELDS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "mcp-session-id",
        "proxy-authorization",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-goog-api-key",
    }
)
_SECRET_QUERY = re.compile(
    r"(?i)([?&](?:[a-z_.-]*(?:token|secret|password|signature|api_?key)|key|sig|auth)=)[^&#]*"
)
_USERINFO = re.compile(r"(?<=://)[^/@?#]*@")


def headers(fields: Headers) -> Headers:
    """`fields` with the values of credentials and cookies struck out."""
    return tuple(
        (name, STRUCK if name.lower() in _SECRET_FIELDS else value) for name, value in fields
    )


def url(text: str) -> str:
    """`text`, a URL or request target, without userinfo and with secret parameters struck out."""
    return _SECRET_QUERY.sub(rf"\g<1>{STRUCK}", _USERINFO.sub("", text))

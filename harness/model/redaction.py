"""Secrets never reach the journal: they are struck out before the write."""

from __future__ import annotations

import re

from harness.wire.headers import Headers

STRUCK = "[redacted]"

_SECRET_FIELD = re.compile(
    r"(?i)(?:.*-)?(?:authorization|cookie2?|credentials?|jwt|passw(?:or)?d|secret|session-id"
    r"|signature|token|api-?key)"
)
# Their values are URLs, or hold some.
_URL_FIELDS = frozenset({"content-location", "link", "location", "referer", "refresh"})
_SECRET_QUERY = re.compile(
    r"(?i)([?&](?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|signature|credential|api[_-]?key|jwt)"
    r"|key|sig|auth|authorization|pwd)=)[^&#>]*"
)
# Up to the last @ of the authority: that is where parsers of URLs see its end.
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def headers(fields: Headers) -> Headers:
    """`fields` with the values of credentials and cookies struck out, and secrets in URLs."""
    return tuple((name, _value(name.lower(), value)) for name, value in fields)


def _value(name: str, value: str) -> str:
    if _SECRET_FIELD.fullmatch(name):
        return STRUCK
    return url(value) if name in _URL_FIELDS else value


def url(text: str) -> str:
    """`text`, a URL or request target, without userinfo and with secret parameters struck out."""
    return _SECRET_QUERY.sub(rf"\g<1>{STRUCK}", _USERINFO.sub("", text))

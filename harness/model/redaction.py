"""Secrets never reach the journal: they are struck out before the write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness.wire.headers import Headers

STRUCK = "[redacted]"

_SECRET_FIELD = re.compile(
    r"(?i)(?:.*[-_])?(?:auth|authorization|cookie2?|credentials?|jwt|passw(?:or)?d|secret"
    r"|session(?:[-_]id)?|signature|token|vault"
    r"|(?:api|access|app|functions?|license|master|private|shared|signing|subscription)[-_]?key)"
)
# Their values are URLs, or hold some.
_URL_FIELDS = frozenset({"content-location", "link", "location", "referer", "refresh"})
_SECRET_QUERY = re.compile(
    r"(?i)([?&](?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|signature|credential|api[_-]?key|jwt)"
    r"|key|sig|auth|authorization|pwd)=)[^&#>]*"
)
# Up to the last @ of the authority: that is where parsers of URLs see its end.
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def is_secret(name: str) -> bool:
    """Whether what has this name, a field or a variable, is a secret."""
    return _SECRET_FIELD.fullmatch(name) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether what has this name in the query of a URL is a secret."""
    return _SECRET_QUERY.fullmatch(f"?{name}=") is not None


def words(command: Sequence[str]) -> tuple[str, ...]:
    """The words of a command without the values of secret options, variables and URLs."""
    found: list[str] = []
    is_due = False
    for word in command:
        name, is_pair, _ = word.partition("=")
        name = name.lstrip("-")
        if is_due:
            found.append(STRUCK)
            is_due = False
        elif is_pair and is_secret(name):
            found.append(f"{word.partition('=')[0]}={STRUCK}")
        else:
            is_due = not is_pair and word.startswith("-") and is_secret(name)
            found.append(url(word))
    return tuple(found)


def headers(fields: Headers) -> Headers:
    """`fields` with the values of credentials and cookies struck out, and secrets in URLs."""
    return tuple((name, _value(name.lower(), value)) for name, value in fields)


def _value(name: str, value: str) -> str:
    if _SECRET_FIELD.fullmatch(name):
        return STRUCK
    return url(value) if name in _URL_FIELDS else value


def settings(value: Any) -> Any:
    """What a scenario writes under a fault, with the values of secret fields struck out.

    A fault may set header fields; its own keys name no secrets.
    """
    match value:
        case dict():
            return {
                name: _value(str(name).lower(), it) if isinstance(it, str) else settings(it)
                for name, it in value.items()
            }
        case list() | tuple():
            return [settings(it) for it in value]
        case _:
            return value


def url(text: str) -> str:
    """`text`, a URL or request target, without userinfo and with secret parameters struck out."""
    return _SECRET_QUERY.sub(rf"\g<1>{STRUCK}", _USERINFO.sub("", text))

"""Header fields as they stand on the wire: an ordered tuple of (name, value) pairs.

Names keep the case they came in and compare without it (RFC 9110 §5.1). Values are str; bytes
that are not ASCII travel as latin-1, as HTTP/1.1 libraries do.
"""

from __future__ import annotations

from collections.abc import Iterable

type Headers = tuple[tuple[str, str], ...]

# RFC 9110 §7.6.1: fields an intermediary must not pass on, beside those Connection names.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def values(headers: Headers, name: str) -> list[str]:
    """Every value of `name`, in order."""
    wanted = name.lower()
    return [value for key, value in headers if key.lower() == wanted]


def value(headers: Headers, name: str) -> str | None:
    """The values of `name` joined by commas (RFC 9110 §5.3), or None when it is absent."""
    found = values(headers, name)
    return ", ".join(found) if found else None


def tokens(headers: Headers, name: str) -> list[str]:
    """The comma-separated members of `name`, lower case, without surrounding blanks."""
    return [
        token.strip().lower()
        for member in values(headers, name)
        for token in member.split(",")
        if token.strip()
    ]


def without(headers: Headers, names: Iterable[str]) -> Headers:
    """`headers` less every field in `names`."""
    gone = {name.lower() for name in names}
    return tuple((key, val) for key, val in headers if key.lower() not in gone)


def replaced(headers: Headers, name: str, val: str) -> Headers:
    """`headers` with `name` set to `val`: in the place of the first one, or at the end."""
    wanted = name.lower()
    out: list[tuple[str, str]] = []
    is_set = False
    for key, old in headers:
        if key.lower() != wanted:
            out.append((key, old))
        elif not is_set:
            out.append((key, val))
            is_set = True
    if not is_set:
        out.append((name, val))
    return tuple(out)


def end_to_end(headers: Headers) -> Headers:
    """`headers` less the hop-by-hop fields and those that Connection names."""
    return without(headers, HOP_BY_HOP | set(tokens(headers, "connection")))


def media_type(headers: Headers) -> str | None:
    """The content type without its parameters, lower case, or None."""
    full = value(headers, "content-type")
    return None if full is None else full.split(";", 1)[0].strip().lower()

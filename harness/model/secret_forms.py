"""How one secret may be spelt by who repeats it: as it is, escaped, or in base64."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

# Characters that nobody has to escape but some do: urllib in a path, encodeURIComponent, encodeURI.
_LEFT_ALONE = ("", "/", "!'()*", "!'()*;/?:@&=+$,#")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
# What Go and others escape in JSON, so that it may stand in HTML.
_UNSAFE = {"&": r"\u0026", "<": r"\u003c", ">": r"\u003e"}
# Characters of base64 that are found by chance in nothing.
_LEAST_CHARS = 6


def forms(value: str) -> tuple[str, ...]:
    """Every spelling that is looked for, the longest first.

    As it is; percent-encoded, with + for a blank too; escaped as in JSON; in base64, of itself or
    within something longer; in both cases of the hexadecimal digits and both alphabets of base64.
    """
    found = {value, *_percent(value), *_json(value), *_base64(value)}
    return tuple(sorted(found, key=lambda it: (-len(it), it)))


def _percent(value: str) -> Iterator[str]:
    data = value.encode(errors="surrogateescape")
    for safe in _LEFT_ALONE:
        for it in (quote(data, safe), quote_plus(data, safe)):
            yield it
            yield _PERCENT.sub(lambda code: code[0].lower(), it)


def _json(value: str) -> Iterator[str]:
    for is_ascii in (True, False):
        plain = json.dumps(value, ensure_ascii=is_ascii)[1:-1]
        safe = "".join(_UNSAFE.get(it, it) for it in plain)
        for it in (plain, safe, plain.replace("/", r"\/"), safe.replace("/", r"\/")):
            yield it
            yield _UNICODE.sub(lambda code: rf"\u{code[0][2:].upper()}", it)


def _base64(value: str) -> Iterator[str]:
    data = value.encode(errors="surrogateescape")
    for before in range(3):
        coded = base64.b64encode(bytes(before) + data).decode()
        # Only those characters that what stands before and behind it has no part in.
        sure = coded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(sure) >= _LEAST_CHARS:
            yield sure
            yield sure.replace("+", "-").replace("/", "_")

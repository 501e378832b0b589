"""The secrets of a target, by value: wherever one turns up, it is struck out before the write.

`redaction` knows secrets by the names that they usually have. That does not help where a server
repeats one, in an event, in an error or in its log, or where the user's own names are others.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from harness.model import redaction
from harness.model.redaction import STRUCK
from harness.model.secret_forms import forms
from harness.model.target import Target

_WORD = re.compile(r"\S+")
# A shorter one is no secret, and would be found in everything; of cookies many are none.
_LEAST_CHARS = 4
_LEAST_OF_COOKIE = 6
# Whoever has chosen one of these has it in every stream, which would be none without them.
_FIELDS = frozenset({"data", "event", "retry"})


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values that are not to be shown, in any of their `forms`.

    Args:
        values: The longest first, so that one within another leaves nothing of that.

    Attributes:
        forms: What is looked for, the longest first.
        needles: The same as bytes.
        in_json: The same as they stand in a text of JSON.
    """

    values: tuple[str, ...] = ()
    forms: tuple[str, ...] = field(init=False, repr=False, compare=False)
    needles: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    in_json: tuple[bytes, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {form for value in self.values for form in forms(value)}
        ordered = tuple(sorted(found, key=lambda it: (-len(it), it)))
        object.__setattr__(self, "forms", ordered)
        object.__setattr__(self, "needles", tuple(map(_bytes, ordered)))
        escaped = {_bytes(json.dumps(it, ensure_ascii=False)[1:-1]) for it in ordered}
        object.__setattr__(self, "in_json", tuple(sorted(escaped)))

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def longest(self) -> int:
        """Characters of the longest form."""
        return max(map(len, self.forms), default=0)

    def text(self, text: str) -> str:
        """`text` without them, and without what looks like one in a URL."""
        return _WORD.sub(lambda word: _unsecret(word[0]), self._struck(text))

    def plain(self, value: Any) -> Any:
        """Plain data, as of JSON, without them in any text; the keys stay."""
        match value:
            case str():
                return self._struck(value)
            case dict():
                return {name: self.plain(it) for name, it in value.items()}
            case list() | tuple():
                return [self.plain(it) for it in value]
            case _:
                return value

    def _struck(self, text: str) -> str:
        for form in self.forms:
            text = text.replace(form, STRUCK)
        return text


@lru_cache(maxsize=8)
def of(target: Target) -> Secrets:
    """The secrets of a target: credentials, cookies, what its URL and its settings hold."""
    found = {it for it in _values(target) if len(it) >= _LEAST_CHARS} - _FIELDS
    return Secrets(tuple(sorted(found, key=lambda it: (-len(it), it))))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _unsecret(word: str) -> str:
    """A word without what looks like a secret, if it may be a URL or a part of one."""
    is_url = "?" in word or "&" in word or "://" in word
    return redaction.url(word) if is_url else word


def _values(target: Target) -> Iterator[str]:
    named = {name.casefold() for name in target.secrets}
    asked = target.headers + (() if target.trigger is None else target.trigger.headers)
    for name, value in asked:
        is_named = name.casefold() in named
        if name.casefold() in {"cookie", "cookie2"}:
            yield from _in_cookies(value, named)
        elif is_named or redaction.is_secret(name):
            yield from _credentials(value)
    pulled = target.trigger
    for url in (target.url, None if pulled is None else pulled.url):
        yield from _in_url(url or "", named)
    for body in (target.body, None if pulled is None else pulled.body):
        yield from _in_body(body or "", named)
    for it in (target.command, target.app):
        if it is not None:
            yield from _in_env(it.env, named)


def _credentials(value: str) -> Iterator[str]:
    """A field's value, and what stands behind its scheme."""
    yield value
    scheme, _, rest = value.partition(" ")
    yield rest.strip()
    if scheme.casefold() == "basic":
        try:
            yield base64.b64decode(rest.strip()).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return


def _in_cookies(value: str, named: Collection[str]) -> Iterator[str]:
    for pair in value.split(";"):
        name, _, it = pair.strip().partition("=")
        if len(it) >= _LEAST_OF_COOKIE or name.casefold() in named:
            yield it


def _in_url(url: str, named: Collection[str]) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    userinfo = parts.netloc.rpartition("@")[0]
    if userinfo:
        password = userinfo.partition(":")[2]
        yield from (userinfo, unquote(userinfo), password, unquote(password))
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if unquote(name).casefold() in named or redaction.is_secret_parameter(unquote(name)):
            yield from (value, unquote(value.replace("+", " ")))


def _in_body(body: str, named: Collection[str]) -> Iterator[str]:
    try:
        # Numbers as they are spelt there.
        pairs = _pairs(json.loads(body, parse_int=str, parse_float=str))
    except ValueError:
        pairs = iter(parse_qsl(body))
    for name, value in pairs:
        if name.casefold() in named or redaction.is_secret(name):
            yield value


def _pairs(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value of JSON, by the name of what it is, or of the list it is in."""
    match value:
        case str():
            yield name, value
        case dict():
            for own, it in value.items():
                yield from _pairs(it, own)
        case list():
            for it in value:
                yield from _pairs(it, name)
        case _:
            return


def _in_env(env: Iterable[tuple[str, str]], named: Collection[str]) -> Iterator[str]:
    for name, value in env:
        if name.casefold() in named or redaction.is_secret(name):
            yield value
        yield from _in_url(value, named)

"""The types of a product's settings: from what a user writes to a value, and to one spelling."""

from __future__ import annotations

import keyword
import math
import re
from typing import Final

from harness.errors import did_you_mean, shown
from harness.products.model import Product, Setting
from harness.products.syntax import SYNTAXES, Syntax
from harness.products.values import Bytes, Plain, Seconds, Typed
from harness.units import NEVER

type Read = tuple[Typed, Plain]
"""The value, and how it is written from now on."""

_FLAGS: Final = (("on", "off"), ("true", "false"), ("yes", "no"), ("1", "0"))
_SIZE = re.compile(r"([0-9]{1,15})\s?(?:([kKmMgG])(?:i?[bB])?|[bB])?")
_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_STATUS = re.compile(r"[1-5][0-9]{2}")
_COUNT = re.compile(r"[0-9]{1,15}")


def name_in_expressions(setting: str) -> str:
    """A setting's name as expressions have it: `timeout_server` for `timeout server`.

    What is a word of Python's own has a `_` behind it: `pass_`.
    """
    name = re.sub(r"\W", "_", setting)
    return f"{name}_" if keyword.iskeyword(name) else name


def read(product: Product, name: str, written: object) -> Read:
    """Read what stands under a setting.

    Args:
        product: Whose setting it is.
        name: One of its settings.
        written: A value from YAML, its scalars as they were typed.

    Returns:
        The value, and how the product would write it.

    Raises:
        ValueError: The product would not take it; the message shows its syntax.
    """
    setting = product.settings[name]
    value, spelt = _read(product, setting, written)
    for bound, word in ((setting.least, "at least"), (setting.most, "at most")):
        if bound is not None and isinstance(value, int | float):
            limit, limit_spelt = _read(product, setting, bound)
            assert isinstance(limit, int | float)
            if value < limit if bound is setting.least else value > limit:
                raise ValueError(f"expected {word} {limit_spelt}, got {shown(written)}")
    if value == 0 and setting.zero == NEVER:
        value = Seconds(math.inf)
    return value, spelt


def unset(product: Product, name: str) -> Read:
    """What a setting without a default is where nobody writes it: None, or no words, no fields."""
    match product.settings[name].type_:
        case "words":
            return (), ""
        case "fields":
            return {}, {}
        case _:
            return None, ""


def syntax_of(product: Product, setting: Setting) -> Syntax:
    """How a duration under this setting is written."""
    return SYNTAXES[setting.syntax or product.syntax]


def _read(product: Product, setting: Setting, written: object) -> Read:
    match setting.type_:
        case "duration":
            syntax = syntax_of(product, setting)
            seconds = syntax.read(
                _scalar(written, f"a duration such as {syntax.examples}"), setting.unit
            )
            return Seconds(seconds), syntax.write(seconds, setting.unit)
        case "times":
            return _times(syntax_of(product, setting), written)
        case "size":
            size_bytes = _size(written)
            return Bytes(size_bytes), _show_size(size_bytes)
        case "buffers":
            return _buffers(written)
        case "flag":
            return _flag(setting, written)
        case "choice":
            return _choice(setting, written)
        case "count":
            text = _scalar(written, "a whole number")
            if not _COUNT.fullmatch(text):
                raise ValueError(f"expected a whole number, zero or more, got {shown(written)}")
            return int(text), int(text)
        case "words":
            words = _words(written)
            return words, " ".join(words)
        case "fields":
            return _fields(written)
        case "text":
            text = _scalar(written, "a text")
            return text, text


def _scalar(written: object, wanted: str) -> str:
    match written:
        case str() if written:
            return written
        case bool():
            return "true" if written else "false"
        case int() | float():
            return repr(written)
        case _:
            raise ValueError(f"expected {wanted}, got {shown(written)}")


def _times(syntax: Syntax, written: object) -> Read:
    """Read proxy_cache_valid, its lines with commas between; the first that fits counts."""
    wanted = f"a time, with statuses or any before it, such as any {syntax.examples}"
    lines, found_s = [], None
    for line in re.split("[,;]", _scalar(written, wanted)):
        *statuses, last = line.split() or [""]
        if not all(it == "any" or _STATUS.fullmatch(it) for it in statuses):
            raise ValueError(f"expected {wanted}, got {shown(written)}")
        seconds = syntax.read(last)
        lines.append(" ".join([*statuses, syntax.write(seconds)]))
        if found_s is None and (not statuses or {"any", "200"} & set(statuses)):
            found_s = Seconds(seconds)
    return found_s, ", ".join(lines)


def _size(written: object) -> int:
    wanted = "a size such as 4k, 1m or 4096 (bytes)"
    match = _SIZE.fullmatch(_scalar(written, wanted))
    if match is None:
        raise ValueError(f"expected {wanted}, got {shown(written)}")
    return int(match[1]) * _SIZES[(match[2] or "").lower()]


def _buffers(written: object) -> Read:
    wanted = "a number and a size, such as 8 4k"
    number, _, size = _scalar(written, wanted).partition(" ")
    try:
        size_bytes = _size(size.strip())
    except ValueError:
        size_bytes = 0
    if not _COUNT.fullmatch(number) or not int(number) or not size_bytes:
        raise ValueError(f"expected {wanted}, got {shown(written)}")
    return Bytes(size_bytes), f"{int(number)} {_show_size(size_bytes)}"


def _show_size(size_bytes: int) -> str:
    unit = next(u for u in ("g", "m", "k", "") if size_bytes % _SIZES[u] == 0)
    return str(size_bytes) if size_bytes == 0 else f"{size_bytes // _SIZES[unit]}{unit}"


def _flag(setting: Setting, written: object) -> Read:
    words = {word: is_on for on, off in _FLAGS for word, is_on in ((on, True), (off, False))}
    default = "on" if setting.default is None else _scalar(setting.default, "a flag").lower()
    on, off = next(pair for pair in _FLAGS if default in pair)
    text = _scalar(written, f"{on} or {off}").lower()
    if text not in words:
        raise ValueError(f"expected {on} or {off}, got {shown(written)}")
    return words[text], on if words[text] else off


def _choice(setting: Setting, written: object) -> Read:
    *others, last = setting.choices
    wanted = f"{', '.join(others)} or {last}" if others else last
    text = _scalar(written, wanted)
    if text not in setting.choices:
        hint = did_you_mean(text, setting.choices)
        raise ValueError(f"expected {wanted}, got {shown(written)}{hint}")
    return text, text


def _words(written: object) -> tuple[str, ...]:
    wanted = "words with blanks between them, or a list of words"
    match written:
        case str():
            return tuple(written.split())
        case list() | tuple() if all(isinstance(it, str) and it.split() == [it] for it in written):
            return tuple(written)
        case _:
            raise ValueError(f"expected {wanted}, got {shown(written)}")


def _fields(written: object) -> Read:
    wanted = "header fields, such as {X-Name: value}"
    match written:
        case dict():
            fields = {
                str(name): "" if value == "" else _scalar(value, wanted)
                for name, value in written.items()
            }
            return dict(fields), dict(fields)
        case _:
            raise ValueError(f"expected {wanted}, got {shown(written)}")

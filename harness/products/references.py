"""`$name` and `${expression}` in the settings of a product's faults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from harness.products.expression import Expression, ExpressionError, parse
from harness.products.values import Typed, as_yaml

_NAME = re.compile(r"\$([A-Za-z_]\w*)")
_BRACES = re.compile(r"\$\{(.*)\}", re.DOTALL)
# A quantity in a text: 60s, 4KiB, 16KiB/s.
_QUANTITY = re.compile(r"[0-9]+(?:\.[0-9]+)?[A-Za-z/]{0,5}")
_LEFT_OUT: Final = object()


def expression_in(text: str) -> Expression | None:
    """The expression that a text is; None: it is only a text.

    Raises:
        ExpressionError: It begins like an expression and is none.
    """
    if not text.startswith("$"):
        return None
    match = _NAME.fullmatch(text) or _BRACES.fullmatch(text)
    if match is None:
        raise ExpressionError(f"expected $name or ${{expression}}, got {text}")
    return parse(match[1])


def expressions_in(settings: object) -> Iterator[Expression]:
    """Every expression in a fault's settings."""
    match settings:
        case dict():
            for part in settings.values():
                yield from expressions_in(part)
        case list():
            for part in settings:
                yield from expressions_in(part)
        case str() if (found := expression_in(settings)) is not None:
            yield found
        case _:
            pass


def has_number(settings: object) -> bool:
    """Whether a number stands in a fault's settings, those in expressions included."""
    match settings:
        case dict():
            return any(map(has_number, settings.values()))
        case list():
            return any(map(has_number, settings))
        case str():
            found = expression_in(settings)
            return bool(_QUANTITY.fullmatch(settings)) if found is None else found.has_number
        case bool() | None:
            return False
        case _:
            return True


def filled(settings: object, names: Mapping[str, Typed]) -> object:
    """A fault's settings with every expression computed; what gives None is left out.

    So is a mapping or a list of which nothing is left.

    Raises:
        ExpressionError: One of them makes no sense of these values.
    """
    value = _filled(settings, names)
    return None if value is _LEFT_OUT else value


def _filled(settings: object, names: Mapping[str, Typed]) -> object:
    match settings:
        case dict():
            values = {key: _filled(it, names) for key, it in settings.items()}
            left = {key: it for key, it in values.items() if it is not _LEFT_OUT}
            return _LEFT_OUT if values and not left else left
        case list():
            kept = [it for part in settings if (it := _filled(part, names)) is not _LEFT_OUT]
            return _LEFT_OUT if settings and not kept else kept
        case str() if (found := expression_in(settings)) is not None:
            value = found.value(names)
            return _LEFT_OUT if value is None else as_yaml(value)
        case _:
            return settings

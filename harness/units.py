"""Durations, sizes and rates: what users type, what reports print.

A number without a unit is refused, because half the products of this field count in seconds and
half in milliseconds. Settings are printed the way they may be typed (`60s`, `15m`, `4KiB`), and
reading them back gives the same number; times that were measured are printed by `show_seconds`.

For pydantic there are `Duration`, `DurationOrNever`, `Size` and `Rate`. Their models are filled
from two sides, told apart by the validation context:

* `model_validate(value, context=YAML_CONTEXT)`: from YAML, where a bare number is an error;
* without that context: from Python or from JSON of ours, where a number is taken as it is, in
  seconds, bytes or bytes per second.

Their JSON form is the text, not the number: infinity has no JSON number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from harness.errors import shown

NEVER: Final = "never"
YAML_CONTEXT: Final[dict[str, Any]] = {"yaml": True}  # pydantic wants a dict

_SECONDS: Final = {
    "d": Fraction(86_400),
    "h": Fraction(3_600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1_000),
    "us": Fraction(1, 1_000_000),
}
# Largest first, and of two that are close the binary one first: that is how `format_size` tries.
_BYTES: Final = {
    "GiB": 1024**3,
    "GB": 1000**3,
    "MiB": 1024**2,
    "MB": 1000**2,
    "KiB": 1024,
    "KB": 1000,
    "kB": 1000,
    "B": 1,
}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
# Each unit at most once, the larger before the smaller. The lookahead refuses the empty string.
_DURATION_PATTERN = "(?=[0-9])" + "".join(f"(?:({_NUMBER}){unit})?" for unit in _SECONDS)
_SIZE_PATTERN = f"({_NUMBER})({'|'.join(_BYTES)})"
_DURATION = re.compile(_DURATION_PATTERN)
_SIZE = re.compile(_SIZE_PATTERN)

# The longest text `format_duration` makes of a float (5e-324 and its like) is shorter than this.
_MAX_CHARS = 400
# Vendors document limits in seconds up to about here (60 s, 120 s, 350 s), in minutes above.
_SECONDS_UP_TO_S = 600


def parse_duration(text: str, *, allow_never: bool = False) -> float:
    """Read a duration such as `30s`, `250ms`, `1.5s` or `1m30s`.

    Args:
        text: Units are d, h, m, s, ms, us; a compound names the larger first. No sign, no spaces.
        allow_never: Whether `never` is a duration too, without end.

    Returns:
        Seconds, finite and not negative; math.inf for `never`.

    Raises:
        ValueError: The text is not such a duration.
    """
    if allow_never and text == NEVER:
        return math.inf
    if len(text) <= _MAX_CHARS and (match := _DURATION.fullmatch(text)):
        parts = zip(match.groups(), _SECONDS.values(), strict=True)
        # Summed exactly and rounded once, so that 100ms is 0.1 and 1m0.1s is 60.1.
        total = sum((Fraction(part) * unit for part, unit in parts if part), Fraction())
        if (seconds := _as_float(total)) is not None:
            return seconds
    raise ValueError(_expected_duration(text, allow_never=allow_never))


def format_duration(seconds: float) -> str:
    """Write a setting so that `parse_duration` reads the same number again.

    Below one second milli- or microseconds, below ten minutes seconds, above that the largest
    unit that needs no fraction: `250ms`, `60s`, `350s`, `15m`, `1h`, `630.5s`.

    Args:
        seconds: Zero or more; math.inf is written `never`.

    Raises:
        ValueError: Negative or not a number.
    """
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"expected zero seconds or more, got {shown(seconds)}")
    if math.isinf(seconds):
        return NEVER
    # repr is the shortest decimal that gives the same float; the float itself is 0.1000000000000...
    exact = Fraction(repr(seconds))
    if exact >= _SECONDS_UP_TO_S:
        unit = next((u for u in ("d", "h", "m") if (exact / _SECONDS[u]).is_integer()), "s")
    elif exact >= 1 or exact == 0:
        unit = "s"
    else:
        unit = "ms" if exact >= _SECONDS["ms"] else "us"
    return f"{_decimal(exact / _SECONDS[unit])}{unit}"


def show_seconds(seconds: float) -> str:
    """Write a measured time for a reader: `70.0 s`; below one second `0.250 s`.

    Args:
        seconds: May be negative, as a margin is; math.inf is written `never`.
    """
    if seconds == math.inf:
        return NEVER
    return f"{seconds:.3f} s" if 0 < abs(seconds) < 1 else f"{seconds:.1f} s"


def parse_size(text: str) -> int:
    """Read a size such as `512B`, `4KiB` or `1.5MB`.

    Args:
        text: Units are B, KB (also kB), MB, GB, powers of 1000, and KiB, MiB, GiB, powers of 1024.

    Returns:
        Whole bytes.

    Raises:
        ValueError: The text is not such a size, or not a whole number of bytes.
    """
    if (exact := _exact_bytes(text)) is None:
        raise ValueError(_expected_size(text))
    if not exact.is_integer():
        raise ValueError(f"expected a whole number of bytes, got {shown(text)}")
    return int(exact)


def format_size(size_bytes: int) -> str:
    """Write a size in the largest unit that needs no fraction: `4KiB`, `1MB`, `1500B`.

    Raises:
        ValueError: Negative.
    """
    if size_bytes < 0:
        raise ValueError(f"expected zero bytes or more, got {size_bytes}")
    if size_bytes == 0:
        return "0B"
    unit = next(unit for unit, factor in _BYTES.items() if size_bytes % factor == 0)
    return f"{size_bytes // _BYTES[unit]}{unit}"


def parse_rate(text: str) -> int:
    """Read a rate such as `16KiB/s`: a size per second.

    Returns:
        Whole bytes per second.

    Raises:
        ValueError: The text is not such a rate, or not a whole number of bytes per second.
    """
    if not text.endswith("/s") or (exact := _exact_bytes(text.removesuffix("/s"))) is None:
        raise ValueError(_expected_rate(text))
    if not exact.is_integer():
        raise ValueError(f"expected a whole number of bytes per second, got {shown(text)}")
    return int(exact)


def format_rate(rate_bytes_per_s: int) -> str:
    """Write a rate so that `parse_rate` reads the same number again: `16KiB/s`.

    Raises:
        ValueError: Negative.
    """
    return f"{format_size(rate_bytes_per_s)}/s"


def _expected_duration(got: object, *, allow_never: bool) -> str:
    never = ", or never," if allow_never else ","
    return f"expected a duration with a unit such as 30s or 250ms{never} got {shown(got)}"


def _expected_size(got: object) -> str:
    return f"expected a size with a unit such as 4KiB or 512B, got {shown(got)}"


def _expected_rate(got: object) -> str:
    return f"expected a rate with a unit such as 16KiB/s or 512B/s, got {shown(got)}"


def _exact_bytes(text: str) -> Fraction | None:
    if len(text) > _MAX_CHARS or not (match := _SIZE.fullmatch(text)):
        return None
    return Fraction(match[1]) * _BYTES[match[2]]


def _as_float(exact: Fraction) -> float | None:
    try:
        return float(exact)
    except OverflowError:
        return None


def _decimal(exact: Fraction) -> str:
    """Write a fraction that has a finite decimal expansion, in full and without an exponent."""
    places = 0
    while not exact.is_integer():
        exact *= 10
        places += 1
    digits = str(int(exact)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


# -- fields of pydantic models ---------------------------------------------------------------------


def _field[T: (int, float)](
    parse: Callable[[str], T], number: Callable[[float], T], expected: Callable[[object], str]
) -> BeforeValidator:
    """Make the validator of a field: text always, a number from Python only.

    Args:
        parse: Reads text; its ValueError becomes the message.
        number: Takes a number from Python; raises ValueError where it makes no sense.
        expected: Says what is wanted instead of a value of another kind.
    """

    def read(value: object, *, from_yaml: bool) -> T:
        match value:
            case str():
                return parse(value)
            case int() | float() if not from_yaml and not isinstance(value, bool):
                return number(value)
            case _:
                raise ValueError(expected(value))

    def validate(value: object, info: ValidationInfo) -> T:
        from_yaml = isinstance(info.context, Mapping) and info.context.get("yaml") is True
        try:
            return read(value, from_yaml=from_yaml)
        except ValueError as error:
            # A plain ValueError would come out as "Value error, expected ...". The text goes in as
            # an argument, since a brace in it would be taken for a placeholder.
            raise PydanticCustomError("unit", "{text}", {"text": str(error)}) from None

    return BeforeValidator(validate)


def _parse_duration_or_never(text: str) -> float:
    return parse_duration(text, allow_never=True)


def _finite_duration(seconds: float) -> float:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"expected zero seconds or more and an end, got {shown(seconds)}")
    return float(seconds)


def _duration_or_never(seconds: float) -> float:
    return math.inf if seconds == math.inf else _finite_duration(seconds)


def _whole(number: float) -> int:
    if not (number >= 0 and number.is_integer()):
        raise ValueError(f"expected a whole number of bytes, zero or more, got {shown(number)}")
    return int(number)


def _json_schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": list(examples)})


Duration = Annotated[
    float,
    _field(
        parse_duration, _finite_duration, lambda got: _expected_duration(got, allow_never=False)
    ),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    _json_schema(_DURATION_PATTERN, "30s", "250ms", "1m30s"),
]
"""Seconds, finite and not negative."""

DurationOrNever = Annotated[
    float,
    _field(
        _parse_duration_or_never,
        _duration_or_never,
        lambda got: _expected_duration(got, allow_never=True),
    ),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    _json_schema(f"(?:{NEVER}|{_DURATION_PATTERN})", "30s", "250ms", NEVER),
]
"""Seconds, not negative; math.inf for `never`."""

Size = Annotated[
    int,
    _field(parse_size, _whole, _expected_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    _json_schema(_SIZE_PATTERN, "4KiB", "512B", "1MB"),
]
"""Whole bytes, not negative."""

Rate = Annotated[
    int,
    _field(parse_rate, _whole, _expected_rate),
    PlainSerializer(format_rate, return_type=str, when_used="json"),
    _json_schema(f"{_SIZE_PATTERN}/s", "16KiB/s", "512B/s"),
]
"""Whole bytes per second, not negative."""

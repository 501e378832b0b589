"""What a product's settings are once they are read: plain values, and two that have a unit."""

from __future__ import annotations

from harness.units import format_duration, format_size


class Seconds(float):
    """A duration; math.inf is never."""

    __slots__ = ()


class Bytes(int):
    """A size."""

    __slots__ = ()


type Typed = Seconds | Bytes | str | int | float | bool | tuple[Typed, ...] | dict[str, str] | None
"""A setting as expressions see it; None: not set."""

type Plain = str | int | float | bool | list[Plain] | dict[str, Plain] | None


def as_yaml(value: Typed) -> Plain:
    """A value as a fault's settings in YAML have it: with its unit."""
    match value:
        case Seconds():
            return format_duration(value)
        case Bytes():
            return format_size(value)
        case tuple():
            return [as_yaml(item) for item in value]
        case dict():
            return dict(value)
        case _:
            return value

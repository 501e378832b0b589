"""How products write durations, each its own way: a table, one row for each way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from harness.errors import shown

_SECONDS: Final = {
    "us": Fraction(1, 1_000_000),
    "ms": Fraction(1, 1_000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3_600),
    "d": Fraction(86_400),
}
_MAX_CHARS: Final = 100
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(\s*)([A-Za-z]*)\s*")
# Vendors document limits in seconds up to about here (60 s, 120 s, 350 s), in minutes above.
_SECONDS_UP_TO_S: Final = 600


@dataclass(frozen=True, slots=True)
class Syntax:
    """One way to write durations.

    Args:
        examples: What a message shows of it.
        units: Every unit by its name, in seconds; of two that are equal the first is written.
        bare: The unit of a number without one; "": there is none.
        is_compound: Whether several may stand together, the larger first: 1h30m.
        has_fractions: Whether 1.5s will do.
        gap: What is written between number and unit.
        has_bare_zero: Whether a 0 needs no unit where another number does.
    """

    examples: str
    units: Mapping[str, Fraction] = field(default_factory=dict)
    bare: str = "s"
    is_compound: bool = False
    has_fractions: bool = False
    gap: str = ""
    has_bare_zero: bool = False

    def read(self, text: str, bare: str | None = None) -> Fraction:
        """Read a duration.

        Args:
            text: What was written.
            bare: The unit of a bare number where the setting has its own; None: as `bare`.

        Returns:
            Seconds.

        Raises:
            ValueError: It is not written this way.
        """
        unit_of_bare = self.bare if bare is None else bare
        if text == "0" and self.has_bare_zero:
            return Fraction()
        parts = list(_PART.finditer(text)) if len(text) <= _MAX_CHARS else []
        if not parts or "".join(it[0] for it in parts) != text:
            raise ValueError(self._expected(text))
        total, last = Fraction(), None
        for number, blank, unit in (it.groups() for it in parts):
            factor = self.units.get(unit) if unit else _SECONDS.get(unit_of_bare)
            is_misplaced = len(parts) > 1 and not (self.is_compound and unit)
            is_misspelt = ("." in number and not self.has_fractions) or (blank and not self.gap)
            if factor is None or is_misplaced or is_misspelt or (last and factor >= last):
                raise ValueError(self._expected(text))
            total += Fraction(number) * factor
            last = factor
        return total

    def write(self, seconds: Fraction, bare: str | None = None) -> str:
        """Write a duration so that `read` reads the same.

        Up to ten minutes in seconds, above that in the largest unit that needs no fraction, days
        at most.
        """
        unit_of_bare = self.bare if bare is None else bare
        written = dict(reversed([(factor, unit) for unit, factor in self.units.items()]))
        factors = sorted((it for it in written if it <= _SECONDS["d"]), reverse=True)
        if seconds < _SECONDS_UP_TO_S:
            factors = [it for it in factors if it <= 1]
        exact = next((it for it in factors if (seconds / it).is_integer()), None)
        if exact is None and unit_of_bare and not self.units:
            return _decimal(seconds / _SECONDS[unit_of_bare])
        factor = Fraction(1) if exact is None else exact
        unit = written[factor]
        number = _decimal(seconds / factor)
        is_one_of_words = number == "1" and len(unit) > 2 and unit.endswith("s")
        return f"{number}{self.gap}{unit.removesuffix('s') if is_one_of_words else unit}"

    def _expected(self, text: str) -> str:
        return f"expected a duration such as {self.examples}, got {shown(text)}"


def _units(*names: str, **others: Fraction) -> dict[str, Fraction]:
    return {name: _SECONDS[name] for name in names} | others


def _decimal(number: Fraction) -> str:
    """A number of at most nine decimals."""
    return str(int(number)) if number.is_integer() else f"{float(number):.9f}".rstrip("0")


_WORDS: Final = {
    word: factor
    for name, factor in (
        ("day", _SECONDS["d"]),
        ("hour", _SECONDS["h"]),
        ("minute", _SECONDS["m"]),
        ("second", _SECONDS["s"]),
        ("millisecond", _SECONDS["ms"]),
    )
    for word in (f"{name}s", name)
}

SYNTAXES: Final[Mapping[str, Syntax]] = {
    # Ours, for a vendor who has no syntax: `unit` says what a bare number of his console is.
    "plain": Syntax(
        "60s, 15m or 500ms", _units("d", "h", "m", "s", "ms", "us"), "", is_compound=True,
        has_fractions=True,
    ),
    # Bare numbers and nothing else: `unit` says of what.
    "bare": Syntax("60", has_fractions=True),
    # https://nginx.org/en/docs/syntax.html
    "nginx": Syntax(
        "60s, 1m, 500ms or 60",
        _units("ms", "s", "m", "h", "d", w=7 * _SECONDS["d"], M=30 * _SECONDS["d"],
               y=365 * _SECONDS["d"]),
        is_compound=True,
    ),
    # https://docs.haproxy.org/2.6/configuration.html#2.5
    "haproxy": Syntax(
        "50s, 50000 (milliseconds) or 1m", _units("us", "ms", "s", "m", "h", "d"), "ms"
    ),
    # https://protobuf.dev/programming-guides/json/ (google.protobuf.Duration)
    "envoy": Syntax("15s or 0.25s", _units("s"), "", has_fractions=True),
    # https://pkg.go.dev/time#ParseDuration
    "go": Syntax(
        "1h30m, 60s or 300ms", _units("us", "ms", "s", "m", "h"), "", is_compound=True,
        has_fractions=True, has_bare_zero=True,
    ),
    # https://caddyserver.com/docs/conventions#durations (days, and what Go reads)
    "caddy": Syntax(
        "1h30m, 60s or 300ms", _units("us", "ms", "s", "m", "h", "d"), "", is_compound=True,
        has_fractions=True, has_bare_zero=True,
    ),
    # http://www.squid-cache.org/Doc/config/ ("time-units")
    "squid": Syntax("15 minutes or 60 seconds", _WORDS, gap=" "),
    # https://httpd.apache.org/docs/2.4/mod/directive-dict.html#Syntax (timeout parameters)
    "apache": Syntax(
        "60, 60s or 500ms", _units("ms", "s", "h", min=_SECONDS["m"], mi=_SECONDS["m"])
    ),
    # https://varnish-cache.org/docs/7.1/reference/vcl.html#durations
    "varnish": Syntax(
        "60s, 1m or 60",
        _units("ms", "s", "m", "h", "d", w=7 * _SECONDS["d"], y=365 * _SECONDS["d"]),
        has_fractions=True,
    ),
    # https://nodejs.org/api/http.html#servertimeout
    "node": Syntax("120000 (milliseconds)", bare="ms"),
}  # fmt: skip

"""Remarks on an nginx configuration: lines that are widely copied and do nothing for a stream.

Which lines those are, and why, stands in nginx.yaml: under `no_effect`, and with the settings that
say so of themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.products import expression
from harness.products.model import ANY_VALUE, NoEffect
from harness.products.nginx_directives import Directive, Line
from harness.products.nginx_inherit import COLLECTING, Written, in_effect, shadowed
from harness.products.nginx_route import Route
from harness.products.values import Typed

type Settings = Mapping[str, Written]


@dataclass(frozen=True, slots=True)
class Note:
    """One remark.

    Args:
        text: What is remarked, in a line.
        place: The line it is about; None: the configuration as a whole.
        source: Where it is written; "": it follows from the configuration.
    """

    text: str
    place: Line | None = None
    source: str = ""

    def __str__(self) -> str:
        return (
            self.text
            if self.place is None or str(self.place) in self.text
            else f"{self.place}: {self.text}"
        )


type Idle = tuple[Directive, NoEffect]
"""A line in effect that does nothing for a stream, and what there is to say about it."""


def idle(route: Route, known: Iterable[NoEffect], values: Mapping[str, Typed]) -> list[Idle]:
    """The lines in effect at a location that do nothing for a stream.

    Args:
        route: How a request comes there.
        known: The lines that do nothing.
        values: The product's settings as expressions have them; those that depend on the request
            are missing, and a line whose condition asks for one is taken to do something.
    """
    found: list[Idle] = []
    for it in known:
        words = it.line.lower().split()
        for line in in_effect(route.levels, words[0]):
            is_new = not any(line is one for one, _ in found)
            if is_new and _is_like(line, words) and _is_met(it.if_, values):
                found.append((line, it))
    return found


def notes(route: Route, settings: Settings, found: Iterable[Idle]) -> tuple[Note, ...]:
    """The remarks on what is in effect at a location, by place.

    Args:
        route: How a request comes there.
        settings: The known directives in effect there.
        found: The lines that do nothing.
    """
    said = [
        Note(f"{line.without_secrets()} does nothing for a stream: {it.why}", line.line, it.source)
        for line, it in found
    ]
    said += [*_shadowed(route), *_varying(settings)]
    return tuple(sorted(said, key=lambda it: (it.place.file, it.place.line) if it.place else ()))


def _is_like(line: Directive, words: list[str]) -> bool:
    """Whether a line is that one, less what its end leaves open."""
    written = [line.name, *map(str.lower, line.args)]
    if words[-1] == ANY_VALUE:
        words = words[:-1]
        written = written[: len(words)]
    return written == words


def _is_met(condition: str, values: Mapping[str, Typed]) -> bool:
    if not condition:
        return True
    parsed = expression.parse(condition)
    return parsed.names <= values.keys() and bool(parsed.value(values))


def _shadowed(route: Route) -> Iterator[Note]:
    for name in COLLECTING:
        held = in_effect(route.levels, name)
        lines = list(shadowed(route.levels, name))
        if lines:
            by = f": {name} at {held[0].line} replaces those of the levels around" if held else ""
            yield Note(f"{name} of {_places(lines)} is not in effect here{by}", lines[0].line)


def _varying(settings: Settings) -> Iterator[Note]:
    for name, setting in settings.items():
        if variables := setting.variables:
            lines = [it for it in setting.lines if Written((it,)).variables]
            said = f"{name} of {_places(lines)}: {', '.join(variables)} not evaluated"
            yield Note(said, lines[0].line)


def _places(lines: Iterable[Directive]) -> str:
    return ", ".join(dict.fromkeys(str(it.line) for it in lines))

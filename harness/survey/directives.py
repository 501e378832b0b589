"""What the operator of an intermediary can do: its own directives, and its newer versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from harness.errors import ScenarioError
from harness.model.scenario import Hop
from harness.products import settings
from harness.products.expand import hop as make_hop
from harness.products.load import product
from harness.products.model import Product
from harness.survey.cells import Cell

VERSION: Final = "version"
# A limit is raised to these, in seconds, until one of them does.
_LONGER_S = (Fraction(3600), Fraction(86_400))


@dataclass(frozen=True)
class Directive:
    """Something to set.

    Attributes:
        setting: Its name; "version" for a version of the program.
        text: As the product writes it, and where the user's own file has it.
        cell: The chain with it.
    """

    setting: str
    text: str
    cell: Cell


def directives(
    cell: Cell, number: int, names: tuple[str, ...], *, raises_limits: bool = True
) -> Iterator[Directive]:
    """Other values of some settings of one hop, and other versions of what stands there.

    Args:
        cell: The chain.
        number: The hop, 1 nearest the client.
        names: The settings that are to blame.
        raises_limits: Whether those that are times are tried.
    """
    use = cell.hops[number - 1].product
    if use is None:
        return
    found = product(use.name)
    for name in names:
        if found.settings[name].type_ == "duration" and not raises_limits:
            continue
        for other in _others(found, name):
            value = _spelt(found, name, other)
            made = _remade(found, cell.hops[number - 1], name, value)
            if made is None or made.faults == cell.hops[number - 1].faults:
                continue
            spelt = f"{name} {value}"
            yield Directive(
                name,
                f"{found.product}: {spelt}{_where(cell, number, name)}",
                _with(cell, number, made),
            )
    for version in found.versions:
        made = _made(found, version, dict(use.settings), cell.hops[number - 1])
        if made is not None and version != use.version:
            text = f"{found.product}: version {version} or later"
            yield Directive(VERSION, text, _with(cell, number, made))


def _where(cell: Cell, number: int, name: str) -> str:
    """The line of the user's own file that has a setting, or the place to which it belongs."""
    use = cell.hops[number - 1].product
    if use is None or use.config is None:
        return ""
    line = use.config.lines.get(name)
    return f", at {line}" if line else f", in {use.config.found} ({use.config.file})"


def _others(found: Product, name: str) -> Iterator[str]:
    """What else may stand under a setting, as the product writes it."""
    setting = found.settings[name]
    match setting.type_:
        case "flag":
            yield from ("on", "off")
        case "choice":
            yield from setting.choices
        case "duration":
            syntax = settings.syntax_of(found, setting)
            if setting.zero == "never":
                yield syntax.write(Fraction(0), setting.unit)
            yield from (syntax.write(it, setting.unit) for it in _LONGER_S)
        case "size":
            yield "0"
        case _:
            return


def _spelt(found: Product, name: str, value: str) -> str:
    """A value as the product writes it: its flags may be true or on."""
    try:
        return str(settings.read(found, name, value)[1])
    except ValueError:
        return value


def _remade(found: Product, hop: Hop, name: str, value: str) -> Hop | None:
    """The hop with one setting changed; None: the product would not take it."""
    use = hop.product
    assert use is not None
    return _made(found, use.version, {**use.settings, name: value}, hop, name)


def _made(
    found: Product, version: str, written: dict[str, object], hop: Hop, changed: str = ""
) -> Hop | None:
    use = hop.product
    config = None if use is None or use.config is None else use.config.without({changed})
    try:
        return make_hop(found, version, written, config)
    except (ScenarioError, ValueError):
        return None


def _with(cell: Cell, number: int, hop: Hop) -> Cell:
    return Cell(cell.name, (*cell.hops[: number - 1], hop, *cell.hops[number:]))

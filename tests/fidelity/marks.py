"""What is marked `measured` in a product has to rest on facts that agree.

A mark is backed when the facts would notice it were otherwise. The default of a setting is doubled
and halved, or another of its values; an entry under `faults:` is taken away, a number in it
doubled; and some fact that agreed has to agree no more. Only records whose hop is changed by that
are replayed, and only until one notices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness import products
from harness.errors import HarnessError
from harness.fidelity.compare import compared
from harness.fidelity.record import Record, Seen
from harness.fidelity.simulate import simulate
from harness.products.model import Product, Setting, Step
from harness.products.settings import read
from tests.fidelity.configs import Configs, chain
from tests.fidelity.held import Held
from tests.fidelity.records import of

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(\D*)")
_MEASURED = "measured"


def unbacked(it: Held) -> list[str]:
    """The marks of a product that no agreeing fact rests on, in words."""
    product = products.product(it.configs.product)
    agreed = _agreed(it)
    return [
        mark
        for mark, others in marks(product)
        if not any(_is_noticed(it.configs, other, agreed) for other in others)
    ]


def _agreed(it: Held) -> dict[str, frozenset[str]]:
    """Record → the facts in which it agrees."""
    out: dict[str, set[str]] = {}
    for fact in it.facts:
        if fact.compared.is_agreed:
            out.setdefault(fact.compared.record.name, set()).add(fact.compared.fact)
    return {name: frozenset(facts) for name, facts in out.items()}


def _is_noticed(found: Configs, other: Product, agreed: dict[str, frozenset[str]]) -> bool:
    """Whether a fact that agreed would not, if the product were `other`."""
    for config in found.configs:
        if found.configs[config].keys() == {"through"}:
            continue
        try:
            hops = chain(found, config, other)
        except HarnessError:
            continue  # not a product any more: this change says nothing
        if hops == chain(found, config):
            continue
        records = [it for it in of(found.records) if it.config == config]
        for record in sorted(records, key=lambda it: it.ask.n):
            if _disagrees(record, found.product, simulate(hops, record.ask), agreed):
                return True
    return False


def _disagrees(record: Record, product: str, seen: Seen, agreed: dict[str, frozenset[str]]) -> bool:
    held = agreed.get(record.name, frozenset())
    return any(not it.is_agreed and it.fact in held for it in compared(record, seen, product))


def marks(product: Product) -> Iterator[tuple[str, list[Product]]]:
    """Each mark in words, with what the product would be without it."""
    for name, setting in product.settings.items():
        if setting.evidence == _MEASURED and setting.default is not None:
            others = [
                _with_default(product, name, it)
                for it in _other_values(setting)
                if _is_taken(product, name, it)
            ]
            yield f"settings: {name}: {setting.default}", others
    for at, step in enumerate(product.faults):
        blamed = product.settings.get(step.setting)
        if (step.evidence or (blamed and blamed.evidence)) == _MEASURED:
            yield f"faults[{at}]: {step.fault}", [_with_step(product, at, None)]
            for path, written in _other_numbers(step.settings):
                changed = [step.model_copy(update={"settings": it}) for it in written]
                others = [_with_step(product, at, it) for it in changed]
                yield f"faults[{at}]: {step.fault}{path}", others


def _with_default(product: Product, name: str, value: object) -> Product:
    setting = product.settings[name].model_copy(update={"default": value})
    versions = {
        version: {key: it for key, it in changed.items() if key != name}
        for version, changed in product.versions.items()
    }
    settings = {**product.settings, name: setting}
    return product.model_copy(update={"settings": settings, "versions": versions})


def _with_step(product: Product, at: int, step: Step | None) -> Product:
    faults = [*product.faults[:at], *([step] if step else []), *product.faults[at + 1 :]]
    return product.model_copy(update={"faults": tuple(faults)})


def _other_values(setting: Setting) -> list[object]:
    """Defaults that this setting might have instead."""
    default = setting.default
    match setting.type_:
        case "flag":
            is_on = str(default).lower() in {"on", "true", "yes", "1"}
            return ["off" if is_on else "on"]
        case "choice":
            return [it for it in setting.choices if it != default]
        case "duration" | "size" | "count":
            if _scaled(default, 2) not in {default, "0"}:
                return [_scaled(default, 2), _scaled(default, 0.5)]
            return ["1", "1s", "1k"]  # in place of none, or of never
        case "buffers":
            number, size = str(default).split()
            return [f"{number} {_scaled(size, factor)}" for factor in (2, 0.5)]
        case "words":
            return ["*", f"{default} text/event-stream", "none"]
        case "times":
            return ["1s"]
        case "text" | "fields":
            return ["x"] if setting.type_ == "text" else [{}]


def _is_taken(product: Product, name: str, value: object) -> bool:
    """Whether the product writes such values so: not all of them take a bare number."""
    try:
        read(product, name, value)
    except ValueError:
        return False
    return True


def _scaled(value: object, factor: float) -> object:
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return value
    number = float(match[1]) * factor
    return f"{int(number) if number == int(number) else number}{match[2]}"


def _other_numbers(settings: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Where a number stands in the settings of a fault, and the settings with others there."""
    match settings:
        case dict():
            for key, value in settings.items():
                for where, others in _other_numbers(value, f"{path}.{key}"):
                    yield where, [{**settings, key: it} for it in others]
        case list():
            for at, value in enumerate(settings):
                for where, others in _other_numbers(value, f"{path}[{at}]"):
                    yield where, [[*settings[:at], it, *settings[at + 1 :]] for it in others]
        case bool():
            return
        case int() | float():
            yield path, [settings * 2, settings + 1]  # a status has no double
        case str() if _QUANTITY.fullmatch(settings):
            yield path, [_scaled(settings, 2)]
        case _:
            return

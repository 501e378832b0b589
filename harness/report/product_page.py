"""The page of a product: what its hop does to a stream, how that is known, and what rescues one."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from harness.faults.registry import FAULTS, settings_of
from harness.model.base import key_of
from harness.model.scenario import EvidenceGrade, FaultSpec
from harness.products import settings
from harness.products.expand import by_default, known_as
from harness.products.model import NoEffect, Product, Setting, Step
from harness.products.own_config import KEYS, READABLE
from harness.products.versions import listed
from harness.report.conditions import in_words
from harness.report.model_tables import summary
from harness.report.pages import Item, Page, Section, Table
from harness.report.wording import MARKS
from harness.scenario.chain import show_fault, show_value

LEGEND: Final = "● measured against the program   ○ documented   ◌ reported, which warns at most"
_WHEN: Final = "when"
# What a limit is set to so that whoever tries it need not wait long.
_SHORT_S: Final = Fraction(5)


def best_mark(product: Product) -> str:
    """The best grade that anything of a product has."""
    graded = [it.evidence for it in product.settings.values()]
    graded += [it.evidence for it in product.faults]
    return next((MARKS[it] for it in MARKS if it in graded), "")


def of_product(product: Product, version: str = "") -> Page:
    """A product: its settings, what it does to a stream and what rescues one.

    Raises:
        ScenarioError: It has no such version.
    """
    made = by_default(product, version)
    version = version or product.version
    held = listed(product, version)
    steps = list(zip(product.faults, made, strict=True))
    does = tuple(_acting(product, step, spec) for step, spec in steps if spec is not None)
    name = product.product if version == product.version else f"{product.product}@{version}"
    return Page(
        f"{product.product}@{version}" if version else product.product,
        product.title,
        (
            Section("", _how_known(product, held)),
            Section(
                "Settings",
                "",
                Table.of(
                    ("setting", "default", "", "what it does"),
                    (_setting_row(product, held, it) for it in product.settings),
                ),
            ),
            Section(
                "Settings from your own file",
                "",
                Table.of(("key", "what it is"), _own_keys(product)),
            ),
            _versions(product),
            Section(
                "What it does by default, in the order bytes from upstream meet it",
                "" if does else "Nothing: it passes a stream on as it comes.",
                items=does,
            ),
            Section(
                "What it does only where it is set so",
                items=tuple(_optional(product, held, it) for it, spec in steps if spec is None),
            ),
            Section(
                "Lines that do nothing for a stream",
                items=tuple(_idle(product, it) for it in product.idle_lines),
            ),
            Section(
                "Known to be otherwise",
                items=tuple(Item(it.what, more=(("", it.source),)) for it in product.deviations),
            ),
            Section("Sources", items=tuple(_sources(product))),
            Section("Try it", commands=tuple(_commands(product, name))),
        ),
    )


def _how_known(product: Product, held: str) -> str:
    if not product.measured:
        return "Not measured: what is known of it is documented or reported."
    is_measured = known_as(product, held, "measured") == "measured"
    other = "" if is_measured else ": what is known of this version is documented at best"
    return f"Measured with version {product.measured}{other}."


def _setting_row(product: Product, held: str, name: str) -> tuple[str, str, str, str]:
    setting = product.settings[name]
    grade = known_as(product, held, setting.evidence)
    return name, _default(product, held, name), _mark(grade), _meaning(product, held, name)


def _default(product: Product, held: str, name: str) -> str:
    """What holds where nobody writes it, as the product would."""
    written = _written_default(product, held, name)
    if written is None:
        return "not set"
    _, spelt = settings.read(product, name, written)
    return f"{show_value(spelt)} (never)" if _is_never(product, held, name) else show_value(spelt)


def _written_default(product: Product, held: str, name: str) -> object:
    return product.versions.get(held, {}).get(name, product.settings[name].default)


def _is_never(product: Product, held: str, name: str) -> bool:
    """Whether the setting is a limit that there is none of by default."""
    written = _written_default(product, held, name)
    return written is not None and settings.read(product, name, written)[0] == math.inf


def _meaning(product: Product, held: str, name: str) -> str:
    """What a setting does, and what it takes where the default does not show that."""
    setting = product.settings[name]
    is_set = _written_default(product, held, name) is not None
    taken = " or ".join(setting.choices) or ("" if is_set else _takes(product, setting))
    return f"{setting.meaning} ({taken})" if taken else setting.meaning


def _takes(product: Product, setting: Setting) -> str:
    match setting.type_:
        case "duration":
            return f"such as {settings.syntax_of(product, setting).examples}"
        case "size":
            return "such as 4k"
        case "flag":
            return "on or off"
        case "fields":
            return "header fields"
        case _:
            return ""


def _own_keys(product: Product) -> Iterable[tuple[str, str]]:
    return KEYS.items() if product.product in READABLE else ()


def _versions(product: Product) -> Section:
    """Where more than one is listed, what each of them changes."""
    if len(product.versions) < 2:
        return Section("Versions")
    name, bare = product.product, product.version
    return Section(
        "Versions",
        f"A bare {name} is {name}@{bare}; each holds until the next one.",
        Table.of(
            ("from", "is different in"),
            (
                (
                    version,
                    ", ".join(f"{it} {_default(product, version, it)}" for it in changes)
                    or "nothing that is set by default",
                )
                for version, changes in product.versions.items()
            ),
        ),
    )


def _acting(product: Product, step: Step, spec: FaultSpec) -> Item:
    """A fault that stands in a hop as it is set by default."""
    bare = {key: it for key, it in (spec.settings or {}).items() if key != _WHEN}
    condition = in_words(step.if_, product) if step.if_ else ""
    more = {"while": condition, "where": _where(spec.settings), "rescue": step.rescue}
    if step.setting not in condition:
        more = {"set by": step.setting, **more}
    return Item(
        summary(FAULTS[spec.name]),
        show_fault(spec.model_copy(update={"settings": bare})),
        _mark(spec.evidence),
        _said(more),
    )


def _optional(product: Product, held: str, step: Step) -> Item:
    """A fault that does not."""
    blamed = product.settings.get(step.setting)
    grade = known_as(product, held, step.evidence or (blamed.evidence if blamed else None))
    conditions = [in_words(step.if_, product)] if step.if_ else []
    if blamed and _is_never(product, held, step.setting):
        written = _written_default(product, held, step.setting)
        _, spelt = settings.read(product, step.setting, written)
        conditions.append(f"{step.setting} is not {spelt}")
    condition = " and ".join(conditions)
    more = {"when": condition, "where": _where(step.settings), "rescue": step.rescue}
    if step.setting not in condition:
        more = {"set by": step.setting, **more}
    return Item(summary(FAULTS[step.fault]), _as_written(step), _mark(grade), _said(more))


def _idle(product: Product, line: NoEffect) -> Item:
    """A line that does nothing."""
    condition = in_words(line.if_, product) if line.if_ else ""
    return Item(line.why, line.line, more=_said({"when": condition, "": line.source}))


def _where(written: Any) -> str:
    """In which exchanges a fault stands, as YAML has it."""
    when = written.get(_WHEN) if isinstance(written, dict) else None
    return show_value(when).removeprefix("{").removesuffix("}") if when else ""


def _as_written(step: Step) -> str:
    """A fault with its settings, `$name` where one is another's value."""
    words = [step.fault]
    written = step.settings if isinstance(step.settings, dict) else {}
    for at, (name, field) in enumerate(settings_of(FAULTS[step.fault])):
        key = key_of(name, field)
        if key in written:
            value = show_value(written[key])
            words.append(value if at == 0 else f"{key}={value}")
    return " ".join(words)


def _said(more: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, words) for label, words in more.items() if words)


def _sources(product: Product) -> Iterator[Item]:
    seen: dict[str, list[str]] = {}
    for name, setting in product.settings.items():
        if setting.source:
            seen.setdefault(setting.source, []).append(name)
    for step in product.faults:
        if step.source:
            seen.setdefault(step.source, []).append(step.fault)
    for source, names in seen.items():
        yield Item(", ".join(dict.fromkeys(names)), more=(("", source),))


def _commands(product: Product, name: str) -> Iterable[str]:
    yield f"sse-harness run --url URL --through {name}"
    yield f"sse-harness trace URL --through {name}"
    if product.product in READABLE:
        own = f"[{{{name}: {{config: ./FILE, location: /PATH}}}}]"
        yield f"sse-harness run --url URL --through '{own}'"
    for setting, it in product.settings.items():
        if it.type_ == "duration" and it.default is not None:
            short = settings.syntax_of(product, it).write(_SHORT_S, it.unit)
            changed = shlex.quote(f"{product.product}.{setting}={short}")
            yield f"sse-harness run --url URL --through {name} --set {changed}"
            return


def _mark(evidence: EvidenceGrade | None) -> str:
    return MARKS[evidence] if evidence else ""

"""What there is to say of a product, a fault, a check, a flaw or a scenario: pages from the tables.

Nothing here is written by hand that stands in a table, a docstring or a product file already; the
catalogue in `docs/` and `sse-harness explain` show the same pages.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from harness import products as shelf
from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.errors import UsageError, did_you_mean, shown
from harness.faults.registry import FAULTS, settings_of
from harness.model.scenario import EvidenceGrade, FaultSpec
from harness.products.expand import hop
from harness.products.model import Product, Setting, Step
from harness.products.own_config import KEYS, READABLE
from harness.products.versions import listed
from harness.report.model_tables import Key, keys
from harness.report.pages import Page, Section, Table
from harness.scenario.chain import show_chain, show_fault
from harness.scenario.load import Loaded

MARKS: Final[Mapping[EvidenceGrade, str]] = {
    "measured": "●",
    "documented": "○",
    "reported": "◌",
}
LEGEND: Final = "● measured against the program   ○ documented   ◌ reported"


def page(name: str, scenarios: Sequence[Loaded]) -> Page:
    """The page of one thing.

    Args:
        name: A product, with `@version` or without, a fault, a check, a flaw, or the id of a
            scenario or of one of its cases.
        scenarios: The suite.

    Raises:
        UsageError: Nothing has that name.
        ScenarioError: The product has no such version.
    """
    bare, _, version = name.partition("@")
    if bare in shelf.names():
        return of_product(shelf.product(bare), version)
    if name in FAULTS:
        return of_fault(name)
    if name in CHECKS:
        return of_check(name)
    if name in FLAWS:
        flaw = FLAWS[name]
        text = f"Caught by {flaw.caught_by}."
        return Page(
            name,
            f"a flaw of the reference server: it {flaw.what}",
            (Section("", text, commands=(f"sse-harness run --flaw {name}",)),),
        )
    for loaded in scenarios:
        if name == loaded.scenario.id or name in loaded.case_ids:
            return of_scenario(loaded)
    known = [*shelf.names(), *FAULTS, *CHECKS, *FLAWS, *(it.scenario.id for it in scenarios)]
    raise UsageError(f"nothing is called {shown(name)}{did_you_mean(name, known)}")


def contents(scenarios: Sequence[Loaded]) -> Page:
    """Everything that has a page."""
    products = shelf.products()
    return Page(
        "sse-harness",
        "What stands in a chain, what is asked of a server, and what the suite is made of. "
        "sse-harness explain NAME tells more of each.",
        (
            Section(
                "Intermediaries", LEGEND, _table(("name", "", "what"), map(_product_row, products))
            ),
            Section("Faults", "", _table(("name", "what"), _fault_rows())),
            Section(
                "Checks",
                "",
                _table(("name", "holds when"), ((it.name, it.summary) for it in CHECKS.values())),
            ),
            Section(
                "Flaws of the reference server",
                "",
                _table(("name", "the server"), ((name, it.what) for name, it in FLAWS.items())),
            ),
            Section(
                "Scenarios",
                "",
                _table(("id", "why"), ((it.scenario.id, it.scenario.why) for it in scenarios)),
            ),
        ),
    )


# -- one page each -----------------------------------------------------------------------------


def of_fault(name: str) -> Page:
    """A fault: what it does, what it models, and its settings."""
    fault = FAULTS[name]
    summary, more = _doc(fault)
    conserves = f"Conserves {fault.conserves.value}."
    return Page(
        name,
        summary,
        (
            Section("", f"{more}\n{conserves}".strip()),
            Section(
                "Settings", "Every fault also takes when:.", _keys(keys(fault, settings_of(fault)))
            ),
        ),
    )


def of_check(name: str) -> Page:
    """A check: when it holds, how strict it is, and its bounds."""
    check = CHECKS[name]
    summary, more = _doc(check)
    rule = f"{check.level}: {check.summary}. Source: {check.source}"
    return Page(
        name,
        summary,
        (Section("", f"{more}\n{rule}".strip()), Section("Bounds", "", _keys(keys(check)))),
    )


def of_scenario(loaded: Loaded) -> Page:
    """A scenario: why it is there, its chain, and what it asks."""
    scenario = loaded.scenario
    asked = ((name, _bound(it)) for name, it in scenario.expect.items())
    twins = ((it.flaw, it.fails) for it in scenario.twin)
    return Page(
        scenario.id,
        scenario.why,
        (
            Section("", "\n".join(filter(None, (scenario.source, str(loaded.place))))),
            Section(
                "Chain",
                "" if scenario.through else "none: the client asks the target itself",
                _table(("hop", "is"), _numbered(show_chain(scenario.through))),
            ),
            Section("Expected", "", _table(("check", "bound"), asked)),
            Section("Twins", "", _table(("flaw", "has to fail"), twins)),
            Section("Cases", "", _table(("id",), ((it,) for it in loaded.case_ids))),
            Section("", "", None, (f"sse-harness run {scenario.id}",)),
        ),
    )


def of_product(product: Product, version: str = "") -> Page:
    """A product: its settings, what it does to a stream and what rescues one.

    Raises:
        ScenarioError: It has no such version.
    """
    made = hop(product, version)
    assert made.product is not None
    version = made.product.version
    name = str(made.product)
    measured = f"Measured with version {product.measured}." if product.measured else ""
    return Page(
        name,
        product.title,
        (
            Section("", "\n".join(filter(None, (measured, LEGEND)))),
            Section(
                "Settings",
                "",
                _table(
                    ("setting", "default", "", "what it does"),
                    (_setting_row(product, version, it) for it in product.settings),
                ),
            ),
            Section(
                "Settings from your own file", "", _table(("key", "what it is"), _own_keys(product))
            ),
            Section("Versions", "", _table(("from", "changes"), _version_rows(product))),
            Section(
                "What it does to a stream, as it is set by default",
                "" if made.faults else "nothing: it passes a stream on as it comes",
                _table(
                    ("", "set by", "fault, and what rescues a stream"),
                    (_fault_row(product, it) for it in made.faults),
                ),
            ),
            Section(
                "And only when it is set so",
                "",
                _table(("", "fault", "where"), _optional_rows(product, made.faults)),
            ),
            Section(
                "Lines that do nothing for a stream",
                "",
                _table(("line", "why"), ((it.line, it.why) for it in product.no_effect)),
            ),
            Section(
                "Known to be otherwise",
                "",
                _table(("what", "source"), ((it.what, it.source) for it in product.deviations)),
            ),
            Section("Sources", "", _table(("of", "address"), _sources(product, made.faults))),
            Section("Try it", "", None, tuple(_commands(product, name))),
        ),
    )


# -- rows ----------------------------------------------------------------------------------------


def _product_row(product: Product) -> tuple[str, str, str]:
    graded = [it.evidence for it in product.settings.values()]
    graded += [it.evidence for it in product.faults]
    best = next((MARKS[it] for it in MARKS if it in graded), "")
    return product.product, best, product.title


def _fault_rows() -> Iterable[tuple[str, str]]:
    return ((name, _doc(fault)[0]) for name, fault in FAULTS.items())


def _setting_row(product: Product, version: str, name: str) -> tuple[str, str, str, str]:
    setting = product.settings[name]
    return name, _default(product, version, name, setting), _mark(setting.evidence), setting.says


def _default(product: Product, version: str, name: str, setting: Setting) -> str:
    held = product.versions.get(listed(product, version), {})
    value = held.get(name, setting.default)
    return "not set" if value is None else _bound(value)


def _own_keys(product: Product) -> Iterable[tuple[str, str]]:
    return KEYS.items() if product.product in READABLE else ()


def _version_rows(product: Product) -> Iterable[tuple[str, str]]:
    for version, changes in product.versions.items():
        said = ", ".join(f"{name} {_bound(it)}" for name, it in changes.items())
        yield version, said or "as above"


def _fault_row(product: Product, spec: FaultSpec) -> tuple[str, str, str]:
    said = {(it.fault, it.setting): it.rescue for it in product.faults}
    rescue = said[spec.name, spec.setting]
    words = f"{show_fault(spec)}; rescued by {rescue}" if rescue else show_fault(spec)
    return _mark(spec.evidence), spec.setting or "nothing", words


def _optional_rows(product: Product, made: Sequence[FaultSpec]) -> Iterable[tuple[str, str, str]]:
    there = {(it.name, it.setting) for it in made}
    for step in product.faults:
        if (step.fault, step.setting) not in there:
            yield (
                _mark(_grade(product, step)),
                step.fault,
                step.if_ or f"{step.setting} is not never",
            )


def _grade(product: Product, step: Step) -> EvidenceGrade | None:
    blamed = product.settings.get(step.setting)
    return step.evidence or (blamed.evidence if blamed else None)


def _sources(product: Product, made: Sequence[FaultSpec]) -> Iterable[tuple[str, str]]:
    seen: dict[str, list[str]] = {}
    for name, setting in product.settings.items():
        if setting.source:
            seen.setdefault(setting.source, []).append(name)
    for spec in made:
        if spec.source:
            seen.setdefault(spec.source, []).append(spec.name)
    return ((", ".join(dict.fromkeys(names)), source) for source, names in seen.items())


def _commands(product: Product, name: str) -> Iterable[str]:
    yield f"sse-harness run --url URL --through {name}"
    yield f"sse-harness trace URL --through {name}"
    if product.product in READABLE:
        own = f"[{{{name}: {{config: ./FILE, location: /PATH}}}}]"
        yield f"sse-harness run --url URL --through '{own}'"
    for setting, it in product.settings.items():
        if it.type_ == "duration" and it.default is not None:
            short = f"--set '{product.product}.{setting}=5s'"
            yield f"sse-harness run --url URL --through {name} {short}"
            return


# -- words -----------------------------------------------------------------------------------------


def _doc(model: type[BaseModel]) -> tuple[str, str]:
    """A docstring's first line, and its paragraphs before the arguments, one a line."""
    doc = (inspect.getdoc(model) or "").partition("\nArgs:")[0].partition("\nConserves:")[0]
    first, _, rest = doc.partition("\n")
    paragraphs = (" ".join(it.split()) for it in rest.strip().split("\n\n"))
    return first, "\n".join(it.replace("Models: ", "\nModels: ") for it in paragraphs).strip()


def _keys(of: Iterable[Key]) -> Table:
    return _table(
        ("key", "takes", "default", "meaning"),
        (
            (it.name, it.takes, "required" if it.default is None else it.default, it.meaning)
            for it in of
        ),
    )


def _bound(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case dict():
            return ", ".join(f"{key}: {_bound(it)}" for key, it in value.items()) or "none"
        case list() | tuple():
            return " ".join(map(str, value)) or "none"
        case _:
            return str(value)


def _mark(evidence: EvidenceGrade | None) -> str:
    return MARKS[evidence] if evidence else ""


def _numbered(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((str(number), text) for number, text in enumerate(texts, 1))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    return Table(head, tuple(rows))

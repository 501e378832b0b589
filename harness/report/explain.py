"""What there is to say of a product, a fault, a check, a flaw or a scenario: pages from the tables.

Nothing here is written by hand that stands in a table, a docstring or a product file already; the
catalogue in `docs/` and `sse-harness explain` show the same pages.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import BaseModel

from harness import products as shelf
from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.errors import UsageError, did_you_mean, shown
from harness.faults.registry import FAULTS, settings_of
from harness.report.model_tables import Key, keys, summary
from harness.report.pages import Page, Section, Table
from harness.report.product_page import LEGEND, best_mark, of_product
from harness.scenario.chain import show_chain, show_value
from harness.scenario.load import Loaded


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
        found = of_product(shelf.product(bare), version)
        first, *others = found.sections
        legend = replace(first, text=f"{first.text}\n{LEGEND}")
        return replace(found, sections=(legend, *others))
    if name in FAULTS:
        return of_fault(name)
    if name in CHECKS:
        return of_check(name)
    if name in FLAWS:
        flaw = FLAWS[name]
        text = f"Caught by {flaw.caught_by}."
        return Page(
            name,
            f"a flaw of the reference server: {flaw.what}",
            (Section("", text, commands=(f"sse-harness run --flaw {name}",)),),
        )
    for loaded in scenarios:
        if name == loaded.scenario.id or name in loaded.case_ids:
            return of_scenario(loaded)
    known = [*shelf.names(), *FAULTS, *CHECKS, *FLAWS, *(it.scenario.id for it in scenarios)]
    raise UsageError(f"nothing is called {shown(name)}{did_you_mean(name, known)}")


def contents(scenarios: Sequence[Loaded]) -> Page:
    """Everything that has a page."""
    products = ((it.product, best_mark(it), it.title) for it in shelf.products())
    return Page(
        "sse-harness",
        "What stands in a chain, what is asked of a server, and what the suite is made of. "
        "`sse-harness explain NAME` tells more of each.",
        (
            Section(
                "Intermediaries",
                LEGEND,
                Table.of(("name", "", "what"), products),
            ),
            Section("Faults", "", Table.of(("name", "what"), _fault_rows())),
            Section(
                "Checks",
                "",
                Table.of(("name", "holds when"), ((it.name, it.summary) for it in CHECKS.values())),
            ),
            Section(
                "Flaws of the reference server",
                "",
                Table.of(("name", "the server"), ((name, it.what) for name, it in FLAWS.items())),
            ),
            Section(
                "Scenarios",
                "",
                Table.of(("id", "why"), ((it.scenario.id, it.scenario.why) for it in scenarios)),
            ),
            Section(
                "Try it",
                commands=(
                    "sse-harness explain nginx",
                    "sse-harness run --through cloudflare,nginx",
                    "sse-harness run idle/proxy-60s --flaw no-heartbeat",
                ),
            ),
        ),
    )


# -- one page each -----------------------------------------------------------------------------


def of_fault(name: str) -> Page:
    """A fault: what it does, what it models, and its settings."""
    fault = FAULTS[name]
    more = _more(fault)
    conserves = f"Conserves {fault.conserves.value}."
    return Page(
        name,
        summary(fault),
        (
            Section("", f"{more}\n{conserves}".strip()),
            Section(
                "Settings",
                "Every fault also takes `when`, a condition on the exchange.",
                _keys(keys(fault, settings_of(fault))),
            ),
        ),
    )


def of_check(name: str) -> Page:
    """A check: when it holds, how strict it is, and its bounds."""
    check = CHECKS[name]
    more = _more(check)
    rule = f"{check.level}: {check.summary}. Source: {check.source}"
    return Page(
        name,
        summary(check),
        (Section("", f"{more}\n{rule}".strip()), Section("Bounds", "", _keys(keys(check)))),
    )


def of_scenario(loaded: Loaded) -> Page:
    """A scenario: why it is there, its chain, and what it asks."""
    scenario = loaded.scenario
    asked = ((name, show_value(it)) for name, it in scenario.expect.items())
    twins = ((it.flaw, it.fails) for it in scenario.twin)
    return Page(
        scenario.id,
        scenario.why,
        (
            Section("", "\n".join(filter(None, (scenario.source, str(loaded.place))))),
            Section(
                "Chain",
                "" if scenario.through else "none: the client asks the target itself",
                Table.of(("hop", "is"), _numbered(show_chain(scenario.through))),
            ),
            Section("Expected", "", Table.of(("check", "bound"), asked)),
            Section("Twins", "", Table.of(("flaw", "has to fail"), twins)),
            Section("Cases", "", Table.of(("id",), ((it,) for it in loaded.case_ids))),
            Section("", "", None, (f"sse-harness run {scenario.id}",)),
        ),
    )


# -- rows ----------------------------------------------------------------------------------------


def _fault_rows() -> Iterable[tuple[str, str]]:
    return ((name, summary(fault)) for name, fault in FAULTS.items())


# -- words -----------------------------------------------------------------------------------------


def _more(model: type[BaseModel]) -> str:
    """A docstring's paragraphs between its first line and the arguments, one a line."""
    doc = (inspect.getdoc(model) or "").partition("\nArgs:")[0].partition("\nConserves:")[0]
    _, _, rest = doc.partition("\n")
    paragraphs = (" ".join(it.split()) for it in rest.strip().split("\n\n"))
    return "\n".join(it.replace("Models: ", "\nModels: ") for it in paragraphs).strip()


def _keys(of: Iterable[Key]) -> Table:
    return Table.of(
        ("key", "takes", "default", "meaning"),
        (
            (it.name, it.takes, "required" if it.default is None else it.default, it.meaning)
            for it in of
        ),
    )


def _numbered(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((str(number), text) for number, text in enumerate(texts, 1))

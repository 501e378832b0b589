"""`reports/fidelity/stored.md`: how far each product agrees with its measurements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from harness import products
from harness.fidelity.compare import Compared
from harness.fidelity.held import Fact
from tests.fidelity import configs, records
from tests.fidelity.held import Held, held

# What the report says where nobody has given a reason yet; a test holds that it says so nowhere.
UNEXPLAINED = "not explained"

_TOTAL = "all"
_ROW = re.compile(r"\| (?P<name>[\w-]+) \|.*\| (?P<share>[\d.]+) % \| \d+ \| [\d.]+ % \|")


@cache
def held_whole(product: str) -> Held:
    """A product held against all of its records."""
    return held(configs.configs(product))


def compared_products() -> tuple[str, ...]:
    """The products that are there and have a file of configs."""
    return tuple(filter(configs.is_there, configs.names()))


def shares(report: str) -> dict[str, float]:
    """What a report says of each product, and of `all`: the share of facts that agree."""
    found = map(_ROW.fullmatch, report.splitlines())
    return {it["name"]: float(it["share"]) / 100 for it in found if it}


def text() -> str:
    """The report."""
    every = [held_whole(it) for it in compared_products()]
    return "\n\n".join([*_head(every), *(part for it in every for part in _product(it))]) + "\n"


def _head(every: Sequence[Held]) -> Iterator[str]:
    yield "# Held against the stored measurements"
    yield "<!-- made by `python -m tests.generated`; do not edit -->"
    yield (
        "Each probe of `tests/fidelity/records.json.gz` is replayed through the simulated product, "
        "and every fact that the measurement has is set beside the simulation's: status, instants "
        "of the head and the end, arrival pattern, events, end, framing, content coding, fields "
        "added and lost, what became of the upstream connection, cache sharing. "
        "`harness/fidelity/tolerances.py` says how far apart is the same."
    )
    yield records.stored().provenance
    yield (
        "A plain relay would get many of these facts right as well. *Own* are those that it gets "
        "wrong: what the program does."
    )
    rows = [_row(it) for it in every]
    facts = [fact for it in every for fact in it.facts]
    total = (_TOTAL, "", "", str(sum(it.records for it in every)), *_figures(facts))
    head = ("product", "simulated", "measured", "records", "facts", "agree", "own", "agree")
    yield _table(head, [*rows, total])
    yield "Not compared, for there is no such product: " + ", ".join(_without_product()) + "."


def _row(it: Held) -> tuple[str, ...]:
    measured = sorted({it.version for it in records.of(it.configs.records) if it.version})
    return (
        it.configs.product,
        it.configs.version,
        ", ".join(measured),
        str(it.records),
        *_figures(it.facts),
    )


def _figures(facts: Sequence[Fact]) -> tuple[str, str, str, str]:
    own = [it for it in facts if it.is_own]
    return str(len(facts)), _share(facts), str(len(own)), _share(own)


def _share(facts: Sequence[Fact]) -> str:
    agreed = sum(it.compared.is_agreed for it in facts)
    return f"{100 * agreed / len(facts) if facts else 100:.1f} %"


def _without_product() -> list[str]:
    compared = {
        (it.intermediary, it.config)
        for name in compared_products()
        for it in records.of(configs.configs(name).records)
    }
    counts: dict[str, int] = {}
    for it in records.stored().records:
        if (it.intermediary, it.config) not in compared:
            counts[it.intermediary] = counts.get(it.intermediary, 0) + 1
    return [f"{name} ({count} records)" for name, count in sorted(counts.items())]


def _product(it: Held) -> Iterator[str]:
    yield f"## {it.configs.product}"
    groups: dict[tuple[str, str, str, str], list[Compared]] = {}
    for fact in it.facts:
        if not (both := fact.compared).is_agreed:
            key = (both.fact, both.measured, both.simulated, fact.why or UNEXPLAINED)
            groups.setdefault(key, []).append(both)
    if groups:
        rows = [
            (fact, measured, simulated, _places(found), why)
            for (fact, measured, simulated, why), found in sorted(groups.items())
        ]
        yield _table(("fact", "measured", "simulated", "where", "why"), rows)
    else:
        yield "Every fact agrees."
    if it.left_out:
        yield "Not modelled:"
        yield "\n".join(f"* `{config}`: {why}" for config, why in it.left_out.items())
    if deviations := products.product(it.configs.product).deviations:
        yield "Known to be otherwise:"
        yield "\n".join(f"* {deviation.what} ({deviation.source})" for deviation in deviations)


def _places(found: Iterable[Compared]) -> str:
    by_config: dict[str, list[str]] = {}
    for it in found:
        by_config.setdefault(it.record.config, []).append(it.record.probe)
    return "; ".join(f"{config}: {', '.join(probes)}" for config, probes in by_config.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

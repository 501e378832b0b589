"""Cases for the engine's tests, and performances of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.ends.flaws import FLAWS
from harness.engine.case import perform
from harness.engine.judge import judge
from harness.engine.settling import settle_s
from harness.engine.stage import Props
from harness.hops.mitm import make_ca
from harness.model.journal import Entry, Journal
from harness.model.scenario import Case, Scenario, Target
from harness.model.verdict import CaseVerdict
from harness.scenario.builtin import suite
from harness.scenario.chain import show_chain
from harness.scenario.expand import expand
from harness.scenario.select import select
from harness.units import YAML_CONTEXT

SEED = 1

# A thousand events and more, or hours of reconnects: what takes most of the time, and tells nothing
# that others do not.
LONG = frozenset({"duration/limit-300s", "duration/limit-900s", "products/cut-in-hours"})
# Of matrices with many products the first combination stands for the others where a test would
# perform them a second time: `sse-harness run`, and the tests on the real clock, perform all.
MANY = 6
# Folders that put products together: of each, one scenario stands for the others in such a test.
PUT_TOGETHER = ("chains", "settings")


@cache
def built_in() -> dict[str, Case]:
    """Every case of the built-in suite, twins too, by id."""
    chosen = select((), suite=suite().resolve(), flaws=FLAWS)
    return {
        case.id: case
        for one in chosen
        for case in expand(one.loaded, target=Target(), clock="virtual", seed=SEED, has_twins=True)
    }


@cache
def representatives() -> frozenset[str]:
    """The ids of all cases and twins, but of a matrix of `MANY` combinations of the first one."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for case in built_in().values():
        alike[case.scenario.id, "" if case.twin is None else case.twin.flaw].append(case.id)
    few = (ids[:1] if len(ids) >= MANY else ids for ids in alike.values())
    return frozenset(case_id for ids in few for case_id in ids)


@cache
def samples() -> tuple[str, ...]:
    """The representatives, but of products put together those of one scenario: all differ."""
    first: dict[str, str] = {}
    return tuple(
        case_id
        for case_id, case in built_in().items()
        if case_id in representatives() and _stands_for_others(case.scenario.id, first)
    )


def _stands_for_others(scenario_id: str, first: dict[str, str]) -> bool:
    folder = scenario_id.partition("/")[0]
    return folder not in PUT_TOGETHER or first.setdefault(folder, scenario_id) == scenario_id


def case_of(
    *,
    clock: Literal["real", "virtual"] = "virtual",
    target: Target | None = None,
    seed: int = SEED,
    **scenario: Any,
) -> Case:
    """A case of a scenario as YAML writes it; without anything else one hop, ten events.

    Args:
        clock: What it runs under.
        target: The server under test; None: the reference server.
        seed: The case's.
        **scenario: Keys of a scenario file.
    """
    written: dict[str, Any] = {
        "id": "test/case",
        "why": "a test",
        "traffic": {"every": "1s", "end_after": "10s"},
        "expect": {"no_event_lost": True},
    } | scenario
    return Case(
        id=written["id"],
        scenario=Scenario.model_validate(written, context=YAML_CONTEXT),
        target=target or Target(),
        clock=clock,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Performance:
    """A case that was performed, and what was made of it."""

    case: Case
    journal: Journal
    path: Path
    verdict: CaseVerdict


def performance_of(case: Case, directory: Path, ca: Path | None = None) -> Performance:
    """Perform a case as `run` does, with a journal on disk, and judge it.

    Args:
        case: What to perform.
        directory: Where its journal goes; scripts of a case without a place are found there too.
        ca: See `Props`.
    """
    path = directory / "journal.jsonl"
    entries, wall_s = perform(case, props_of(case, directory, ca), path)
    verdict = judge(
        entries,
        wall_s=wall_s,
        shown_path=path.name,
        through=show_chain(case.scenario.through),
        again="",
    )
    return Performance(case, entries, path, verdict)


def props_of(case: Case, base: Path = Path(), ca: Path | None = None) -> Props:
    """What a case needs beside itself."""
    if case.place:
        base = Path(case.place.rsplit(":", 2)[0]).parent
    return Props(base=base, ca=ca, settle_s=settle_s(case))


def authority(cases: Iterable[Case], directory: Path) -> Path | None:
    """A CA in `directory` if any of the cases needs one."""
    clients = [client for case in cases for client in case.scenario.client]
    if not any(client.tls or client.http == "2" for client in clients):
        return None
    make_ca(directory)
    return directory


def entries_of[E: Entry](entries: Iterable[Entry], kind: type[E]) -> list[E]:
    """The entries of one kind."""
    return [it for it in entries if isinstance(it, kind)]


def failures(verdict: CaseVerdict) -> Collection[str]:
    """What a verdict holds against its case: check, outcome and what was seen."""
    return [
        f"{it.check} {it.outcome}: expected {it.expected}, {it.observed}"
        for it in verdict.findings
        if it.outcome not in {"PASS", "SKIP"}
    ]

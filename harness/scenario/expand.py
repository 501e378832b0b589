"""From a scenario to the cases a run is made of."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from harness.checks import registry
from harness.checks.base import CheckConfig
from harness.model.scenario import Case, Hop, Scenario, Target, Traffic
from harness.scenario.chain import limit_paths, longest_limit_s
from harness.scenario.load import Loaded, Variant, twin_id
from harness.scenario.override import Override, overridden

AD_HOC = "ad-hoc"
AD_HOC_PLACE = "--through:1:1"  # a script in it is found from the current directory

# How long an ad-hoc chain is watched: its slowest limit three times over, so that what fires once,
# and what comes back after a reconnect, is both seen.
_WATCHED_LIMITS = 3
_LEAST_WATCH_S = 10.0
# Of a limit of hours one life and half an hour is enough: Squid's is a day.
_MOST_BEYOND_S = 1800.0
# Events an ad-hoc case has at most, about: a day of one a second would be more than is kept of it.
_MOST_EVENTS = 3600
_CHAIN_PATH = re.compile(r"through\b")


def expand(
    loaded: Loaded,
    *,
    target: Target,
    clock: Literal["real", "virtual"],
    seed: int,
    has_twins: bool = False,
    through: tuple[Hop, ...] | None = None,
    overrides: Sequence[Override] = (),
) -> list[Case]:
    """Make the cases of a scenario: one for each combination of its matrix, each with its twins.

    Args:
        loaded: The scenario.
        target: The server under test.
        clock: What the cases run under.
        seed: The run's. Each case has its own from it and its id, whatever else is selected.
        has_twins: Whether twins are asked for. There are none unless the target is the reference
            server without flaws, nor with a chain other than their own.
        through: A chain in place of the scenario's; combinations of the matrix that differ in the
            chain only are one case then.
        overrides: Settings of products in place of the chain's. Likewise: what they change has no
            twins, and combinations that differ in nothing else are one case.
    """
    has_twins = has_twins and target == Target()
    cases: list[Case] = []
    for variant in _rerouted(loaded, through, overrides):
        is_own = variant in loaded.variants
        case = case_of(
            variant.scenario,
            target=target,
            clock=clock,
            seed=seed,
            place=str(loaded.place),
            case_id=variant.case_id,
        )
        cases += [case, *(_twins(case) if has_twins and is_own else ())]
    return cases


def ad_hoc(chain: tuple[Hop, ...], *, is_reference: bool) -> Scenario:
    """Make the scenario of a bare `--through`: whatever the target says, and every check.

    The reference server says an event a second, and fewer where that would be a day of them.

    A fault that ends every response asks the impossible of `stays_open`: there a response has had
    its time when such a fault ends it.

    Args:
        chain: The hops, client first.
        is_reference: Whether the target is the reference server.
    """
    limit_s = longest_limit_s(chain)
    watch_s = max(_LEAST_WATCH_S, min(_WATCHED_LIMITS * limit_s, limit_s + _MOST_BEYOND_S))
    every_s = math.ceil(watch_s / _MOST_EVENTS)
    return Scenario(
        id=AD_HOC,
        why="the chain given with --through",
        traffic=Traffic(every_s=every_s) if is_reference and every_s > 1 else None,
        through=chain,
        expect={
            check.name: _bound(check) for check in registry.ad_hoc(watch_s, limit_paths(chain))
        },
        watch_s=watch_s,
    )


def case_seed(seed: int, case_id: str) -> int:
    """The seed of a case, from the run's: stable, whatever is selected and in which order.

    48 bits, so that it is exact wherever JSON is read.
    """
    digest = hashlib.sha256(f"{seed}/{case_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6])


def case_of(
    scenario: Scenario,
    *,
    target: Target,
    clock: Literal["real", "virtual"],
    seed: int,
    place: str,
    case_id: str = "",
) -> Case:
    """Make one case of a scenario without a matrix.

    Args:
        scenario: What happens.
        target: The server under test.
        clock: What the case runs under.
        seed: The run's.
        place: `file:line:col` of the scenario; scripts are found from there.
        case_id: Its id; "": the scenario's.
    """
    case_id = case_id or scenario.id
    return Case(
        id=case_id,
        scenario=scenario,
        target=target,
        clock=clock,
        seed=case_seed(seed, case_id),
        place=place,
        is_ad_hoc=place == AD_HOC_PLACE,
    )


def _twins(case: Case) -> Iterator[Case]:
    for twin in case.scenario.twin:
        # The seed stays: nothing but the flaw may differ.
        changed = {
            "id": twin_id(case.id, twin.flaw),
            "target": Target(flaws=(twin.flaw,)),
            "twin": twin,
        }
        yield case.model_copy(update=changed)


def _rerouted(
    loaded: Loaded, through: tuple[Hop, ...] | None, overrides: Sequence[Override]
) -> list[Variant]:
    """The variants with another chain; those that differed in what is replaced only are one."""
    variants: dict[str, Variant] = {}
    for variant in loaded.variants:
        own = variant.scenario.through
        hops = overridden(own if through is None else through, overrides)
        chosen = tuple(
            (path, label)
            for path, label in variant.chosen
            if not (through is not None and _CHAIN_PATH.match(path))
            and not any(it.is_about(path) for it in overrides)
        )
        scenario = variant.scenario.model_copy(update={"through": hops})
        rerouted = replace(variant, scenario=scenario, chosen=chosen)
        variants.setdefault(rerouted.case_id, rerouted)
    return list(variants.values())


def _bound(check: CheckConfig) -> dict[str, Any]:
    """A check's bounds as YAML writes them."""
    return check.model_dump(mode="json", by_alias=True)

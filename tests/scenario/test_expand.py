from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.checks.registry import CHECKS, build_all
from harness.checks.stays_open import StaysOpen
from harness.model.scenario import Case, Target
from harness.scenario.chain import parse_chain
from harness.scenario.expand import AD_HOC_PLACE, ad_hoc, case_of, case_seed, expand
from tests.scenario.files import VALID, loaded, scenario

CHAIN = parse_chain("[{latency: {delay: 1s}}]")


def expanded(directory: Path, text: str = VALID, **how: Any) -> list[Case]:
    plain: dict[str, Any] = {"target": Target(), "clock": "virtual", "seed": 7}
    return expand(loaded(directory, text), **plain | how)


def ids(cases: list[Case]) -> list[str]:
    return [case.id for case in cases]


def test_each_combination_is_a_case(tmp_path: Path) -> None:
    cases = expanded(tmp_path)
    assert ids(cases) == ["idle/quiet[60s]", "idle/quiet[20s]"]
    assert [case.scenario.through[0].faults[0].settings["after"] for case in cases] == [
        "60s",
        "20s",
    ]
    assert {case.place for case in cases} == {f"{tmp_path}/x.yaml:1:1"}


def test_a_twin_follows_its_case_and_differs_in_the_flaw_alone(tmp_path: Path) -> None:
    case, twin, *_ = expanded(tmp_path, has_twins=True)
    assert twin.id == "idle/quiet[60s]+no-heartbeat"
    assert twin.target == Target(flaws=("no-heartbeat",))
    assert twin.twin == case.scenario.twin[0]
    assert (twin.scenario, twin.seed, twin.place) == (case.scenario, case.seed, case.place)


@pytest.mark.parametrize(
    "how",
    [
        {"has_twins": False},
        {"target": Target(url="http://target/")},
        {"target": Target(flaws=("no-ids",))},
        {"through": CHAIN},
    ],
)
def test_twins_are_for_the_plain_reference_server_and_their_own_chain(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    assert all(case.twin is None for case in expanded(tmp_path, **{"has_twins": True, **how}))


def test_a_case_is_told_the_target_and_the_clock(tmp_path: Path) -> None:
    target = Target(url="http://target/")
    case = expanded(tmp_path, target=target, clock="real")[0]
    assert (case.target, case.clock) == (target, "real")


# -- another chain ---------------------------------------------------------------------------------


def test_another_chain_takes_the_place_of_the_scenarios(tmp_path: Path) -> None:
    (case,) = expanded(tmp_path, through=CHAIN)
    assert case.id == "idle/quiet"  # its combinations differed in their chains only
    assert case.scenario.through == CHAIN


def test_combinations_of_other_settings_stay(tmp_path: Path) -> None:
    text = scenario(
        "a",
        "through: [{idle_timeout: {after: 5s}}]",
        "traffic: {every: 1s}",
        "matrix: {traffic.every: [1s, 2s], 'through[0].idle_timeout.after': [5s, 9s]}",
    )
    cases = expanded(tmp_path, text, through=CHAIN)
    assert ids(cases) == ["a[1s]", "a[2s]"]
    assert [case.scenario.traffic.every_s for case in cases if case.scenario.traffic] == [1.0, 2.0]


# -- seeds -----------------------------------------------------------------------------------------


def test_a_case_has_its_own_seed_whatever_else_there_is() -> None:
    assert case_seed(7, "idle/quiet[60s]") == 0xC333377869E1
    seeds = {case_seed(seed, name) for seed in (7, 8) for name in ("a", "b", "7/a")}
    assert len(seeds) == 6
    assert max(seeds) < 2**48


def test_the_seed_does_not_hang_on_selection_or_order(tmp_path: Path) -> None:
    all_of_them = {case.id: case.seed for case in expanded(tmp_path, has_twins=True)}
    fewer = {case.id: case.seed for case in expanded(tmp_path)}
    assert fewer.items() <= all_of_them.items()


# -- journals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_alias", [False, True])
def test_a_case_is_read_back_from_json(tmp_path: Path, *, by_alias: bool) -> None:
    for case in expanded(tmp_path, has_twins=True):
        assert Case.model_validate(case.model_dump(mode="json", by_alias=by_alias)) == case


# -- a bare chain ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "watch_s"),
    [
        ("[]", 10.0),
        ("[{idle_timeout: {after: 1s}}]", 10.0),
        ("[{idle_timeout: {after: 20s}}, {max_duration: {after: 1m}}]", 180.0),
        ("[{max_duration: {after: 15m}}]", 2700.0),
        ("[{max_duration: {after: 1d}}]", 88_200.0),
    ],
)
def test_a_bare_chain_is_watched_for_three_times_its_longest_limit(
    chain: str, watch_s: float
) -> None:
    found = ad_hoc(parse_chain(chain), is_reference=False)
    assert (found.id, found.traffic, found.watch_s) == ("ad-hoc", None, watch_s)


def test_a_bare_chain_is_asked_every_check_as_it_is_meant_there() -> None:
    found = ad_hoc(CHAIN, is_reference=True)
    assert set(found.expect) == set(CHECKS)
    watched = {check.name: check for check in build_all(found.expect)}
    assert watched == {name: check.ad_hoc(10.0, ()) for name, check in CHECKS.items()}


@pytest.mark.parametrize(
    ("chain", "is_reference", "every_s"),
    [("nginx", True, None), ("squid", True, 25.0), ("squid", False, None)],
)
def test_a_day_is_watched_with_fewer_events(
    chain: str, is_reference: bool, every_s: float | None
) -> None:
    traffic = ad_hoc(parse_chain(chain), is_reference=is_reference).traffic
    assert (None if traffic is None else traffic.every_s) == every_s


def test_a_response_of_a_bare_chain_lasts_until_what_always_ends_it() -> None:
    chain = parse_chain(
        "[{idle_timeout: {after: 5s}}, {cut: {after: 9s}, max_duration: {after: 8s}}]"
    )
    asked = build_all(ad_hoc(chain, is_reference=True).expect)
    (found,) = [it for it in asked if isinstance(it, StaysOpen)]
    assert found.until == ("through[1].cut", "through[1].max_duration")


def test_a_response_lasts_until_a_products_directive_ends_it() -> None:
    expect = ad_hoc(parse_chain("nginx,cloud-run"), is_reference=True).expect
    assert expect["stays_open"]["until"] == ["through[1].cloud-run.timeout"]


def test_a_bare_chain_is_a_case_like_any_other() -> None:
    case = case_of(
        ad_hoc(CHAIN, is_reference=True),
        target=Target(),
        clock="virtual",
        seed=7,
        place=AD_HOC_PLACE,
    )
    assert (case.id, case.seed, case.is_ad_hoc) == ("ad-hoc", case_seed(7, "ad-hoc"), True)
    assert Case.model_validate(case.model_dump(mode="json")) == case

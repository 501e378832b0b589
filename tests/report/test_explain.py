"""Everything has a page, made from the tables."""

from __future__ import annotations

from functools import cache

import pytest

from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.errors import ScenarioError, UsageError
from harness.faults.registry import FAULTS, settings_of
from harness.model.base import key_of
from harness.products import names, product
from harness.products.own_config import KEYS, READABLE
from harness.report.explain import contents, of_product, page
from harness.report.pages import Page, lines
from harness.scenario.builtin import suite
from harness.scenario.load import Loaded, load
from harness.scenario.select import scenario_files


@cache
def scenarios() -> tuple[Loaded, ...]:
    return tuple(load(file, flaws=FLAWS) for file in scenario_files(suite()))


def text(of: Page, width: int = 300) -> str:
    return "\n".join(line.plain for line in lines(of, width))


@pytest.mark.parametrize("name", [*names(), *FAULTS, *CHECKS, *FLAWS])
def test_whatever_has_a_name_has_a_page_and_stands_in_the_list(name: str) -> None:
    found = page(name, scenarios())
    assert found.name.partition("@")[0] == name
    assert found.summary
    assert list(found.parts())
    assert any(line.split()[0] == name for line in text(contents(scenarios())).splitlines() if line)


@pytest.mark.parametrize("name", names())
def test_a_product_shows_every_setting_with_its_default_and_every_source(name: str) -> None:
    shown = text(of_product(product(name)))
    for setting, it in product(name).settings.items():
        assert f"\n{setting}  " in shown
        assert it.source in shown
    for line in product(name).no_effect:
        assert line.line in shown
        assert line.why in shown


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_every_setting(name: str) -> None:
    shown = text(page(name, ()))
    for field, it in settings_of(FAULTS[name]):
        assert f"\n{key_of(field, it)}  " in shown


def test_a_version_has_a_page_of_its_own() -> None:
    old, new = (text(page(name, ())) for name in ("nginx@1.22", "nginx@1.29.7"))
    assert "proxy_http_version    1.0" in old
    assert "proxy_http_version    1.1" in new


@pytest.mark.parametrize("name", names())
def test_a_product_that_reads_its_own_files_says_how(name: str) -> None:
    shown = text(of_product(product(name)))
    own = [key for key, said in KEYS.items() if f"\n{key}" in shown and said in shown]
    assert own == (list(KEYS) if name in READABLE else [])
    assert ("config: ./FILE" in shown) is (name in READABLE)


def test_a_scenario_shows_its_chain_and_its_cases() -> None:
    shown = text(page("idle/proxy-60s", scenarios()))
    for words in ("idle_timeout 60s", "stays_open", "no-heartbeat", "idle/proxy-60s"):
        assert words in shown


def test_a_name_that_nothing_has_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="nothing is called ngnix; did you mean nginx"):
        page("ngnix", scenarios())


def test_a_version_that_is_none_is_told() -> None:
    with pytest.raises(ScenarioError, match=r"expected nginx@1\.22 or newer"):
        page("nginx@0.1", scenarios())

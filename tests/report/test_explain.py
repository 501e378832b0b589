"""Everything has a page, made from the tables."""

from __future__ import annotations

import re
import shlex
from functools import cache

import pytest

from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.errors import ScenarioError, UsageError
from harness.faults.registry import FAULTS, settings_of
from harness.model.base import key_of
from harness.products import names, product
from harness.products.own_config import KEYS, READABLE
from harness.report.explain import contents, page
from harness.report.pages import Page, lines
from harness.report.product_page import of_product
from harness.scenario.builtin import suite
from harness.scenario.load import Loaded, load
from harness.scenario.override import parse_override
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
    for line in product(name).idle_lines:
        assert line.line in shown
        assert line.why in shown


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_every_setting(name: str) -> None:
    shown = text(page(name, ()))
    for field, it in settings_of(FAULTS[name]):
        assert f"\n{key_of(field, it)}  " in shown


def test_a_version_has_a_page_of_its_own() -> None:
    old, new = (text(page(name, ())) for name in ("nginx@1.22", "nginx@1.29.7"))
    assert re.search(r"proxy_http_version +1\.0 ", old)
    assert re.search(r"proxy_http_version +1\.1 ", new)


@pytest.mark.parametrize("name", names())
def test_a_product_that_reads_its_own_files_says_how(name: str) -> None:
    shown = text(of_product(product(name)))
    own = [key for key, said in KEYS.items() if f"\n{key}" in shown and said in shown]
    assert own == (list(KEYS) if name in READABLE else [])
    assert ("config: ./FILE" in shown) is (name in READABLE)


def part(of: Page, heading: str) -> str:
    """What stands under a heading that begins so."""
    _, _, rest = text(of).partition(f"\n{heading}")
    return rest.partition("\n\n")[0]


def test_what_a_product_does_and_what_only_when_set_so_are_told_apart() -> None:
    """Caddy has two ways to notice a leaving client, of which one setting chooses."""
    caddy = of_product(product("caddy"))
    assert "client_gone\n" in part(caddy, "What it does by default")
    optional = part(caddy, "What it does only where it is set so")
    assert "client_gone next_write writes=4" in optional
    assert "when    flush_interval is -1" in optional
    assert "when    read_timeout is not 0s" in optional


def test_what_rescues_and_where_a_fault_stands_are_told_with_it() -> None:
    does = part(of_product(product("nginx")), "What it does by default")
    _, _, buffer = does.partition("●  buffer 4KiB ")
    unless = "unless_response_header={X-Accel-Buffering: no}"
    assert buffer.partition("●")[0].split("\n   ") == [
        f"first_block=4KiB head_counts=true hold_head=true {unless}",
        "Hold the response's bytes back: until a block is full, until a time is up, or to the end.",
        "while   proxy_buffering is on",
        "where   framing: [close, length], client_version: [HTTP/1.0, HTTP/1.1]",
        "rescue  X-Accel-Buffering: no in the response, or proxy_http_version 1.1 and chunks\n",
    ]


def test_a_version_that_was_not_measured_has_no_mark_of_measurement() -> None:
    assert "●" in text(of_product(product("nginx")))
    assert "●" not in text(of_product(product("nginx"), "1.29.7"))


@pytest.mark.parametrize("name", names())
def test_a_product_takes_what_its_page_sets_to_try_it(name: str) -> None:
    for line in text(of_product(product(name))).splitlines():
        if " --set " in line:
            *_, changed = shlex.split(line)
            assert parse_override(changed).product == name


@pytest.mark.parametrize("name", names())
def test_a_product_is_tried_by_its_bare_name_and_a_version_by_its_own(name: str) -> None:
    assert f"--through {name}\n" in text(of_product(product(name)))
    for version in product(name).versions:
        typed = name if version == product(name).version else f"{name}@{version}"
        assert f"--through {typed}\n" in text(of_product(product(name), version))


def test_a_setting_says_what_it_takes_where_its_default_does_not() -> None:
    shown = text(of_product(product("yarp")))
    assert "(such as 60s, 15m or 500ms)" in shown
    assert "(1.0 or 1.1)" in text(of_product(product("nginx")))
    assert "0s (never)" in text(of_product(product("caddy")))


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

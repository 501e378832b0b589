from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.scenario import Case, Target
from harness.scenario.chain import parse_chain, show_chain
from harness.scenario.expand import expand
from harness.scenario.override import check_used, overridden, parse_override
from tests.scenario.files import loaded, scenario

IDLE = "nginx.proxy_read_timeout=5s"


def shown(chain: str, *texts: str) -> tuple[str, ...]:
    return show_chain(overridden(parse_chain(chain), [parse_override(it) for it in texts]))


@pytest.mark.parametrize(
    ("chain", "texts", "words"),
    [
        ("nginx", [IDLE], ("nginx@1.22 proxy_read_timeout=5s",)),
        ("nginx", ["nginx.proxy_read_timeout=60"], ("nginx@1.22 proxy_read_timeout=60s",)),
        ("nginx@1.29.7", [IDLE], ("nginx@1.29.7 proxy_read_timeout=5s",)),
        (
            "nginx,haproxy,nginx",
            [IDLE],
            ("nginx@1.22 proxy_read_timeout=5s", "haproxy@2.6", "nginx@1.22 proxy_read_timeout=5s"),
        ),
        (
            "[{nginx: {proxy_read_timeout: 9s, gzip: on}}]",
            [IDLE],
            ("nginx@1.22 proxy_read_timeout=5s gzip=on",),
        ),
        ("nginx", [IDLE, "nginx.proxy_read_timeout=7s"], ("nginx@1.22 proxy_read_timeout=7s",)),
        ("haproxy", ["haproxy.timeout server=5000"], ("haproxy@2.6 timeout server=5s",)),
        (
            "nginx",
            ["nginx.gzip_types=text/plain text/event-stream"],
            ("nginx@1.22 gzip_types=text/plain text/event-stream",),
        ),
        ("[{idle_timeout: {after: 9s}}]", [IDLE], ("idle_timeout 9s",)),
    ],
)
def test_every_hop_of_the_product_has_the_setting(
    chain: str, texts: list[str], words: tuple[str, ...]
) -> None:
    assert shown(chain, *texts) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nginx", "--set nginx: expected PRODUCT.SETTING=VALUE, as in nginx.proxy_read_timeout=5s"),
        ("nginx=5s", "--set nginx=5s: expected PRODUCT.SETTING=VALUE, as in nginx.proxy_read_tim"),
        ("ngnix.gzip=on", "--set ngnix.gzip: unknown product ngnix; did you mean nginx?"),
        (
            "nginx.proxy_raed_timeout=5s",
            "--set nginx.proxy_raed_timeout: unknown setting; did you mean proxy_read_timeout?",
        ),
        (
            "nginx.zz=5s",
            "--set nginx.zz: unknown setting; nginx has proxy_http_version, ",
        ),
        (
            "nginx.proxy_read_timeout=1.5s",
            "--set nginx.proxy_read_timeout: expected a duration such as 60s, 1m, 500ms or 60, ",
        ),
        ("nginx.gzip=", "--set nginx.gzip: expected on or off, got an empty string"),
    ],
)
def test_what_is_no_setting_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        parse_override(text)


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        (["haproxy", "[]"], f"--set {IDLE}: no chain goes through nginx; there are haproxy"),
        (["[]", "[{latency: {delay: 1s}}]"], f"--set {IDLE}: no chain goes through nginx"),
    ],
)
def test_a_setting_of_a_product_that_no_chain_has_is_a_mistake(
    chains: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        check_used([parse_override(IDLE)], map(parse_chain, chains))


def test_one_chain_that_has_the_product_is_enough() -> None:
    check_used([parse_override(IDLE)], [parse_chain("[]"), parse_chain("nginx")])


# -- in cases --------------------------------------------------------------------------------------

MATRIX = scenario(
    "a",
    "through: [nginx, {latency: {delay: 1s}}]",
    "matrix:",
    "  through[0].nginx.proxy_read_timeout: [60s, 20s]",
    "  through[1].latency.delay: [1s, 2s]",
    "expect: {stays_open: 5s}",
    "twin: {flaw: no-heartbeat, fails: stays_open}",
)


def cases(directory: Path, *texts: str) -> list[Case]:
    overrides = [parse_override(it) for it in texts]
    return expand(
        loaded(directory, MATRIX),
        target=Target(),
        clock="virtual",
        seed=1,
        has_twins=True,
        overrides=overrides,
    )


def test_combinations_that_differ_in_that_setting_alone_are_one_case(tmp_path: Path) -> None:
    found = cases(tmp_path, IDLE)
    assert [it.id for it in found] == ["a[1s]", "a[2s]"]
    assert {show_chain(it.scenario.through)[0] for it in found} == {
        "nginx@1.22 proxy_read_timeout=5s"
    }


def test_a_case_that_is_changed_has_no_twin_and_another_keeps_its_own(tmp_path: Path) -> None:
    assert all(it.twin is None for it in cases(tmp_path, "nginx.gzip=on"))
    assert sum(it.twin is not None for it in cases(tmp_path, "haproxy.timeout server=5s")) == 4

"""Real hops in a chain, as they are written and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.scenario.chain import longest_limit_s, parse_chain, show_chain
from harness.scenario.override import overridden, parse_override
from harness.yamlio import dump
from tests.scenario.files import loaded, scenario

TWO = "[{real: {nginx: {proxy_read_timeout: 2s}}}]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[{real: nginx}]", ("nginx (real)",)),
        ("[{real: {nginx: }}]", ("nginx (real)",)),
        (TWO, ("nginx (real) proxy_read_timeout=2s",)),
        (
            "[nginx, {real: nginx}, {latency: {delay: 1s}}]",
            ("nginx@1.22", "nginx (real)", "latency 1s"),
        ),
    ],
)
def test_a_real_hop_stands_among_others(text: str, words: tuple[str, ...]) -> None:
    hops = parse_chain(text)

    assert show_chain(hops) == words
    assert parse_chain(dump([hop.as_yaml() for hop in hops])) == hops


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[{real: [nginx]}]",
            "1:9: [0].real: expected a product, nginx or {nginx: {…}}, got a list",
        ),
        ("[{real: ngin}]", "1:3: [0].real: unknown product ngin; did you mean nginx?"),
        ("[{real: {nginx: 2s}}]", "1:17: [0].real.nginx: expected settings, got 2s"),
        (
            "[{real: {nginx: {proxy_raed_timeout: 2s}}}]",
            "1:18: [0].real.nginx.proxy_raed_timeout: "  # noqa: ISC004 - one line of output
            "unknown setting; did you mean proxy_read_timeout?",
        ),
        (
            "[{real: {nginx: {proxy_read_timeout: soon}}}]",
            "1:38: [0].real.nginx.proxy_read_timeout: "  # noqa: ISC004 - one line of output
            "expected a duration such as 60s, 1m, 500ms or 60, got soon",
        ),
        (
            "[{real: nginx@1.22}]",
            "1:3: [0].real: a real nginx is the one that is installed; write it without @",
        ),
    ],
)
def test_what_is_wrong_with_one_is_said_where_it_stands(text: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_chain(text)

    assert str(caught.value) == f"--through:{line}"


def test_an_option_sets_what_a_real_hop_is_given() -> None:
    hops = overridden(parse_chain("[{real: nginx}]"), [parse_override("nginx.gzip=on")])

    assert show_chain(hops) == ("nginx (real) gzip=on",)
    assert [hop.is_real for hop in hops] == [True]


def test_a_bare_chain_is_watched_for_as_long_as_its_simulation() -> None:
    assert longest_limit_s(parse_chain(TWO)) == 2.0


def test_a_matrix_leads_into_a_real_hop(tmp_path: Path) -> None:
    matrix = "matrix: {'through[0].real.nginx.proxy_read_timeout': [2s, 3s]}"
    text = scenario("idle/real", f"through: {TWO}", matrix)
    it = loaded(tmp_path, text)

    assert [show_chain(variant.scenario.through) for variant in it.variants] == [
        ("nginx (real) proxy_read_timeout=2s",),
        ("nginx (real) proxy_read_timeout=3s",),
    ]

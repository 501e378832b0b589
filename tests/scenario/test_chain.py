from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.scenario.chain import longest_limit_s, parse_chain, script_path, show_chain


def told(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_chain(text)
    return [str(caught.value), *map(str, caught.value.also)]


def test_an_option_holds_a_chain_client_first() -> None:
    hops = parse_chain("[{latency: {delay: 1s}}, {idle_timeout: {after: 5s}, cut: {after: 9s}}]")
    assert [[fault.name for fault in hop.faults] for hop in hops] == [
        ["latency"],
        ["idle_timeout", "cut"],
    ]


def test_a_chain_of_no_hops_is_a_direct_one() -> None:
    assert parse_chain("[]") == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["1:1: expected a value, got nothing"]),
        ("[{}]", ["1:2: [0]: expected one fault or more, got an empty hop"]),
        (
            "{latency: {delay: 1s}}",
            ["1:1: expected a list of hops, got a mapping; write a list, [{…}]"],
        ),
        (
            "[{latency: {delay: 1, jittr: 2s}}, {}]",
            [
                "1:20: [0].latency.delay: expected a duration with a unit such as 30s",
                "1:23: [0].latency.jittr: unknown key; did you mean jitter?",
                "1:36: [1]: expected one fault or more, got an empty hop",
            ],
        ),
        ("latncy", ["1:1: unknown fault latncy; did you mean latency?"]),
        ("  cut", ["1:3: cut is a fault, not an intermediary; write {cut: {…}}"]),
        ("[latency", ["1:9: expected ',' or ']', but got '<stream end>' while parsing a flow "]),
    ],
)
def test_a_mistake_has_its_place_in_the_option(text: str, lines: list[str]) -> None:
    found = told(text)
    assert len(found) == len(lines)
    assert all(
        line.startswith(f"--through:{wanted}") for line, wanted in zip(found, lines, strict=True)
    )


def test_bare_words_name_products_and_there_are_none_yet() -> None:
    first, second = told("cloudflare, nginx@1.22")
    assert first.startswith("--through:1:1: unknown fault cloudflare; there are answer, buffer, ")
    assert second.startswith("--through:1:13: unknown fault nginx@1.22; there are answer, ")


def test_a_script_is_found_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    (hop,) = parse_chain("[{script: mine.py, latency: {delay: 1s}}]")
    assert hop.as_yaml() == {"script": "mine.py", "latency": {"delay": "1s"}}


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("suite/idle/x.yaml:1:1", "suite/idle/mine.py"),
        ("C:/suite/x.yaml:12:3", "C:/suite/mine.py"),
        ("suite/x.yaml", "suite/mine.py"),
        ("--through:1:1", "mine.py"),
        ("", "mine.py"),
    ],
)
def test_a_script_stands_beside_the_scenario(place: str, path: str) -> None:
    assert script_path("mine.py", place) == Path(path)


def test_an_absolute_script_stands_where_it_says() -> None:
    assert script_path("/opt/mine.py", "suite/x.yaml:1:1") == Path("/opt/mine.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[{idle_timeout: {after: 5s}, buffer: {block: 4KiB}}]",
            ("idle_timeout 5s + buffer 4KiB",),
        ),
        ("[{latency: {jitter: 50ms, delay: 1s}}]", ("latency 1s jitter=50ms",)),
        ("[{answer: {status: 503}}, {cut: {after: 5s}}]", ("answer 503", "cut after=5s")),
        (
            "[{idle_timeout: {after: 5s, before_head: {status: 502}}}]",
            ("idle_timeout 5s before_head={status: 502}",),
        ),
        ("[{max_duration: {after: 5s, mid_stream: reset}}]", ("max_duration 5s mid_stream=reset",)),
        (
            "[{rewrite_headers: {response: {remove: [X-A, X-B]}}}]",
            ("rewrite_headers response={remove: [X-A, X-B]}",),
        ),
        ("[{idle_timeout: {after: 5s, mid_stream: truncation}}]", ("idle_timeout 5s",)),
        ("[{buffer: {until_end: true}}]", ("buffer until_end=true",)),
        ("[]", ()),
    ],
)
def test_a_chain_is_told_in_a_few_words(text: str, words: tuple[str, ...]) -> None:
    assert show_chain(parse_chain(text)) == words


@pytest.mark.parametrize(
    ("text", "limit_s"),
    [
        ("[]", 0.0),
        ("[{idle_timeout: {after: 5s}}, {max_duration: {after: 1m}, latency: {delay: 1s}}]", 60.0),
    ],
)
def test_the_slowest_fault_gives_the_longest_limit(text: str, limit_s: float) -> None:
    assert longest_limit_s(parse_chain(text)) == limit_s

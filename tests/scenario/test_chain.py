from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.scenario.chain import longest_limit_s, parse_chain, show_chain
from harness.scenario.fault_settings import script_path
from harness.yamlio import dump


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
        (
            "[{latency: {delay: 1s}, resend: {}}]",
            ["1:25: [0].resend: resend makes attempts of its own: it has to stand first in its"],
        ),
        ("latncy", ["1:1: [0]: unknown product latncy; did you mean latency?"]),
        ("  cut", ["1:3: [0]: cut is a fault, not a product; write {cut: {…}}"]),
        ("[latency", ["1:9: expected ',' or ']', but got '<stream end>' while parsing a flow "]),
    ],
)
def test_a_mistake_has_its_place_in_the_option(text: str, lines: list[str]) -> None:
    found = told(text)
    assert len(found) == len(lines)
    assert all(
        line.startswith(f"--through:{wanted}") for line, wanted in zip(found, lines, strict=True)
    )


def test_bare_words_name_products() -> None:
    assert show_chain(parse_chain("haproxy, nginx@1.29.7")) == ("haproxy@2.6", "nginx@1.29.7")


def test_each_bare_word_has_its_place() -> None:
    assert told("ngnix@1.22 , cut") == [
        "--through:1:1: [0]: unknown product ngnix@1.22; did you mean nginx?",
        "--through:1:14: [1]: cut is a fault, not a product; write {cut: {…}}",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[nginx]", ("nginx@1.22",)),
        ("[{nginx: }]", ("nginx@1.22",)),
        ("[{nginx@1.29.8: {}}]", ("nginx@1.29.8",)),
        ("[{nginx: {proxy_read_timeout: 5}}]", ("nginx@1.22 proxy_read_timeout=5s",)),
        ("[{nginx: {proxy_buffering: false}}]", ("nginx@1.22 proxy_buffering=off",)),
        (
            "[nginx, {idle_timeout: {after: 5s}}, haproxy]",
            ("nginx@1.22", "idle_timeout 5s", "haproxy@2.6"),
        ),
    ],
)
def test_a_product_is_a_hop_among_others(text: str, words: tuple[str, ...]) -> None:
    assert show_chain(parse_chain(text)) == words


def test_what_was_written_of_a_product_can_be_written_again() -> None:
    (hop,) = parse_chain("[{haproxy: {timeout server: 5000}}]")
    assert hop.as_yaml() == {"haproxy@2.6": {"timeout server": "5s"}}
    assert parse_chain(dump([hop.as_yaml()])) == (hop,)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "[{nginx: {proxy_raed_timeout: 5s, proxy_buffering: maybe}}]",
            [
                "1:11: [0].nginx.proxy_raed_timeout: unknown setting; did you mean proxy_read_time",
                "1:52: [0].nginx.proxy_buffering: expected on or off, got maybe",
            ],
        ),
        ("[{nginx: {zz: 5s}}]", ["1:11: [0].nginx.zz: unknown setting; nginx has proxy_http_ver"]),
        (
            "[{nginx: {}, cut: {after: 5s}}]",
            ["1:2: [0]: nginx is a hop of its own; write it and the rest as two hops"],
        ),
        ("[{nginx: 5s}]", ["1:10: [0].nginx: expected a mapping of settings, got 5s"]),
        ("[{nginx@x: {}}]", ["1:3: [0].nginx@x: expected a version such as 1.22, got x"]),
        ("[nginx@1.0]", ["1:2: [0]: expected nginx@1.22 or newer, got 1.0"]),
        ("[{ngixn: {}}]", ["1:3: [0].ngixn: unknown product or fault ngixn; did you mean nginx?"]),
        (
            "[{haproxy: {compression algo: 1.10}}]",
            ["1:31: [0].haproxy['compression algo']: expected gzip, deflate or identity, got 1.10"],
        ),
    ],
)
def test_a_mistake_in_a_product_has_its_place(text: str, lines: list[str]) -> None:
    found = told(text)
    assert len(found) == len(lines)
    assert all(
        line.startswith(f"--through:{wanted}") for line, wanted in zip(found, lines, strict=True)
    )


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
        ("[{idle_timeout: {after: 1m}}, {max_duration: {after: 5s}}]", 60.0),
        ("nginx", 60.0),
        ("aws-lambda", 900.0),
        ("nginx,aws-lambda", 900.0),
        ("[nginx, {aws-lambda: {Timeout: 30}}]", 30.0),
    ],
)
def test_the_slowest_fault_gives_the_longest_limit(text: str, limit_s: float) -> None:
    assert longest_limit_s(parse_chain(text)) == limit_s

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario.files import loaded, scenario


def warnings(directory: Path, *lines: str) -> list[str]:
    found = loaded(directory, scenario("a", *lines)).warnings
    return [line.removeprefix(f"{directory}/x.yaml:") for line in found]


def idle(after: str) -> str:
    return f"through: [{{latency: {{delay: 1s}}}}, {{idle_timeout: {{after: {after}}}}}]"


@pytest.mark.parametrize(
    ("lines", "start"),
    [
        ([idle("30s"), "traffic: {every: 30s}"], "4:18: traffic.every: events come every 30s"),
        (
            [idle("20s"), "server: {heartbeat: 20s}"],
            "4:21: server.heartbeat: heartbeats come every 20s",
        ),
        ([idle("15s")], "1:1: server.heartbeat: heartbeats come every 15s"),
        (
            [idle("61s"), "traffic: {every: 1s, silence: [{from: 10s, to: 70s}]}"],
            "4:32: traffic.silence[0]: this silence is 61s",
        ),
        (
            [idle("70s"), "traffic: {every: 1s, first: 20s, silence: [{from: 10s, to: 70s}]}"],
            "4:44: traffic.silence[0]: this silence is 70s",
        ),
        (
            [idle("5s"), "traffic: {head_after: 5s}"],
            "4:23: traffic.head_after: the head comes after 5s",
        ),
    ],
)
def test_a_cadence_that_equals_a_limit_is_told(
    tmp_path: Path, lines: list[str], start: str
) -> None:
    (line,) = warnings(tmp_path, *lines)
    assert line == (
        f"{start}, the very limit of idle_timeout in hop 2: "
        "which comes first is a matter of a millisecond"
    )


@pytest.mark.parametrize(
    "lines",
    [
        [idle("60s"), "traffic: {every: 1s, silence: [{from: 10s, to: 70s}]}"],
        [idle("60s"), "traffic: {every: 1s}"],  # so is the delay of hop 1, but that is no limit
        ["traffic: {every: 15s}"],
        [idle("15s"), "server: {heartbeat: }"],
    ],
)
def test_what_is_no_tie_is_not_told(tmp_path: Path, lines: list[str]) -> None:
    assert warnings(tmp_path, *lines) == []


def test_the_limit_of_a_product_has_the_name_of_its_directive(tmp_path: Path) -> None:
    (line,) = warnings(tmp_path, "through: [nginx]", "traffic: {every: 60s}")
    assert "events come every 60s, the very limit of proxy_read_timeout in hop 1" in line


def test_a_tie_of_one_combination_is_told_once(tmp_path: Path) -> None:
    matrix = "matrix: {'through[1].idle_timeout.after': [30s, 60s], traffic.burst: [1, 2]}"
    (line,) = warnings(tmp_path, idle("20s"), "traffic: {every: 30s}", matrix)
    assert "traffic.every" in line

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import ScenarioError
from harness.model.scenario import EventSource, Leave, Twin
from harness.scenario.load import load
from tests.scenario.files import FLAWS, VALID, loaded, scenario, written

BOMB = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
)


def lines(directory: Path, text: str) -> list[str]:
    """What a user reads of a wrong file, without the file's name."""
    file = written(directory, text)
    with pytest.raises(ScenarioError) as caught:
        load(file, flaws=FLAWS)
    told = [str(caught.value), *map(str, caught.value.also)]
    assert all(line.startswith(f"{file}:") for line in told)
    return [line.removeprefix(f"{file}:") for line in told]


# -- what is right ---------------------------------------------------------------------------------


def test_a_scenario_is_what_its_file_says(tmp_path: Path) -> None:
    found = loaded(tmp_path, VALID).scenario
    assert found.id == "idle/quiet"
    assert found.traffic is not None
    assert (found.traffic.every_s, found.traffic.silence[0].to_s) == (1.0, 130.0)
    assert [fault.name for fault in found.through[0].faults] == ["idle_timeout", "buffer"]
    assert found.through[1].as_yaml() == {"latency": {"delay": "200ms"}}
    assert found.expect == {"stays_open": "200s", "no_event_lost": True, "heartbeat_within": "30s"}
    assert found.twin == (Twin(flaw="no-heartbeat", fails="stays_open"),)


def test_its_place_is_where_it_starts(tmp_path: Path) -> None:
    found = loaded(tmp_path, f"# a comment\n\n{VALID}")
    assert str(found.place) == f"{tmp_path}/x.yaml:3:1"


def test_its_cases_and_twins_have_ids(tmp_path: Path) -> None:
    found = loaded(tmp_path, VALID)
    assert found.case_ids == ("idle/quiet[60s]", "idle/quiet[20s]")
    assert found.twin_ids == ("idle/quiet[60s]+no-heartbeat", "idle/quiet[20s]+no-heartbeat")


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("eventsource", (EventSource(),)),
        ("{eventsource: }", (EventSource(),)),
        ("[eventsource, {eventsource: {}}]", (EventSource(), EventSource())),
        (
            "{eventsource: {start: 5s, leave: {at: 30s, by: rst}}}",
            (EventSource(start_s=5.0, leave=Leave(at_s=30.0, by="rst")),),
        ),
    ],
)
def test_a_client_is_one_or_several(
    tmp_path: Path, client: str, expected: tuple[EventSource, ...]
) -> None:
    assert loaded(tmp_path, scenario("a", f"client: {client}")).scenario.client == expected


@pytest.mark.parametrize("why", ["on", "no", "1:30", "2026-01-01", "0777", "=", "~x"])
def test_a_string_is_never_taken_for_something_else(tmp_path: Path, why: str) -> None:
    assert loaded(tmp_path, f"id: a\nwhy: {why}\n").scenario.why == why


def test_a_check_that_is_false_is_not_asked_but_may_stand_there(tmp_path: Path) -> None:
    found = loaded(tmp_path, scenario("a", "expect: {no_event_lost: false}"))
    assert found.scenario.expect == {"no_event_lost": False}


def test_a_script_is_found_beside_the_file_and_kept_as_written(tmp_path: Path) -> None:
    written(tmp_path, "", "deep/scripts/mine.py")
    text = scenario("a", "through: [{script: scripts/mine.py}]")
    found = loaded(tmp_path, text, "deep/x.yaml").scenario
    assert found.through[0].faults[0].settings == "scripts/mine.py"


# -- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("", "1:1: expected a scenario, got nothing", id="empty"),
        pytest.param("- id: a\n", "1:1: expected a scenario, got a list", id="list"),
        pytest.param(
            scenario("a", "through: [{cut: {after: 9s}, idle_timeout: {after: 5s}}]")
            + "expect: {stays_open: {until: ['through[0].cut', 'through[0].idle_timeout']}}\n",
            "4:49: expect.stays_open.until[1]: expected a fault of through that ends every "
            "response, got through[0].idle_timeout; there are through[0].cut",
            id="until what may not come",
        ),
        pytest.param("id: a\n", "1:1: why: required, but missing", id="missing"),
        pytest.param(
            "id: a\nwhy: b\nid: c\n", "3:1: duplicate key id, first on line 1", id="duplicate key"
        ),
        pytest.param("id: a\nwhy: b\n\ttraffic: {}\n", "3:1: expected spaces, got a tab", id="tab"),
        pytest.param(
            f"id: a\nwhy: b\n{BOMB}\n", "expected at most 10000 keys and values", id="anchor bomb"
        ),
        pytest.param("id: a\nwhy: b\n---\nid: c\n", "expected one document", id="two documents"),
        pytest.param("id: a\nwhy: !!str b\n", "2:6: expected no tag, got !!str", id="tag"),
        pytest.param("id: [a\nwhy: b\n", "2:4: expected ',' or ']'", id="syntax"),
        pytest.param("id: a\nwhy: 5\n", "2:6: why: expected a string, got 5", id="number"),
        pytest.param("id: a\nwhy: true\n", "2:6: why: expected a string, got true", id="bool"),
        pytest.param(
            "id: Idle/Quiet\nwhy: b\n",
            "1:5: id: expected an id such as idle/quiet-60s, of lower-case letters, "
            "digits and . _ - /, got Idle/Quiet",
            id="id",
        ),
        pytest.param('id: "a\\n"\nwhy: b\n', r"1:5: id: expected an id such as", id="id line end"),
        pytest.param("id: a//b\nwhy: b\n", "1:5: id: expected an id such as", id="id folders"),
    ],
)
def test_a_file_that_is_no_scenario_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (told,) = lines(tmp_path, text)
    assert line in told


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("expct: {}", "3:1: expct: unknown key; did you mean expect?"),
        ("traffic: {evry: 1s}", "3:11: traffic.evry: unknown key; did you mean every?"),
        ("traffic: {every_s: 1s}", "3:11: traffic.every_s: unknown key; did you mean every?"),
        (
            "traffic: {every: 1:30}",
            "3:18: traffic.every: expected a duration with a unit such as 30s or 250ms, got 1:30",
        ),
        (
            "traffic: {every: 30}",
            "3:18: traffic.every: expected a duration with a unit such as 30s or 250ms, got 30",
        ),
        (
            "traffic: {every: 30 s}",
            "3:18: traffic.every: expected a duration with a unit such as 30s or 250ms, got 30 s",
        ),
        (
            "traffic: {size: 4kb}",
            "3:17: traffic.size: expected a size with a unit such as 4KiB or 512B, got 4kb",
        ),
        ("traffic: {every: 0s}", "3:18: traffic.every: expected greater than 0, got"),
        ("traffic: {count: on}", "3:18: traffic.count: expected an integer, got on"),
        (
            "traffic: {silence: [{from: 5s, to: 5s}]}",
            "3:21: traffic.silence[0]: a silence ends after it begins",
        ),
        ("server: {heartbeet: 1s}", "3:10: server.heartbeet: unknown key; did you mean heartbeat?"),
        ("watch: 0s", "3:8: watch: expected greater than 0, got"),
        # -- chains
        ("through: nginx", "3:10: through: expected a list of hops, got nginx"),
        (
            "through: {latency: {delay: 1s}}",
            "3:10: through: expected a list of hops, got a mapping; write a list, [{…}]",
        ),
        ("through: [{}]", "3:11: through[0]: expected one fault or more, got an empty hop"),
        ("through: [{latency: {delay: 1s}}, ~]", "3:35: through[1]: expected one fault or more"),
        ("through: [5]", "3:11: through[0]: expected a product or a mapping of faults, got 5"),
        (
            "through: [{idle_timout: {after: 1s}}]",
            "3:12: through[0].idle_timout: unknown product or fault idle_timout; did you mean idle",
        ),
        ("through: [{faults: []}]", "3:12: through[0].faults: unknown product or fault faults"),
        (
            "through: [latency]",
            "3:11: through[0]: latency is a fault, not a product; write {latency: {…}}",
        ),
        (
            "through: [{idle_timeout: {aftr: 1s}}]",
            "3:27: through[0].idle_timeout.aftr: unknown key; did you mean after?",
        ),
        (
            "through: [{idle_timeout: {after_s: 1s}}]",
            "3:27: through[0].idle_timeout.after_s: unknown key; did you mean after?",
        ),
        (
            "through: [{latency: {delay: 200}}]",
            "3:29: through[0].latency.delay: expected a duration with a unit such as 30s or 250ms",
        ),
        ("through: [{latency: }]", "3:12: through[0].latency.delay: required, but missing"),
        ("through: [{script: gone.py}]", "3:20: through[0].script: expected a file, found none at"),
        ("through: [{script: .}]", "3:20: through[0].script: expected a file, found none at"),
        (f"through: [{{script: {'x' * 5000}}}]", "3:20: through[0].script: expected a file, found"),
        (
            "through: [{script: }]",
            "3:19: through[0].script: expected the path of a mitmproxy addon, got nothing",
        ),
        # -- clients
        ("client: []", "3:9: client: expected one client or more, got an empty list"),
        ("client: eventsrc", "3:9: client: unknown client eventsrc; did you mean eventsource?"),
        ("client: {http: '2'}", "3:9: client: expected eventsource or {eventsource: {…}}, got a"),
        ("client: [eventsource, 5]", "3:23: client[1]: expected eventsource or {eventsource: {…}}"),
        (
            "client: {eventsource: {strat: 5s}}",
            "3:24: client.eventsource.strat: unknown key; did you mean start?",
        ),
        (
            "client: [{eventsource: {leave: {at: 5s, by: rts}}}]",
            "3:45: client[0].eventsource.leave.by: expected fin, rst or half-close, got rts",
        ),
        # -- checks
        ("expect: [stays_open]", "3:9: expect: expected a mapping of checks, got a list"),
        (
            "expect: {stay_open: 5s}",
            "3:10: expect.stay_open: unknown check stay_open; did you mean stays_open?",
        ),
        ("expect: {stays_open: 200}", "3:22: expect.stays_open"),
        ("expect: {no_event_lost: {in_fligt: 5s}}", "3:26: expect.no_event_lost.in_fligt: unknown"),
        ("expect: {no_event_lost: }", "3:24: expect.no_event_lost: expected true, false or a map"),
        # -- twins
        (
            "twin: {flaw: no-heartbeat, fails: stays_open}",
            "3:35: twin.fails: expected a check that stands in expect, got stays_open",
        ),
        (
            "{expect: {stays_open: 5s}, twin: [{flaw: no-heartbeats, fails: stays_open}]}",
            "twin[0].flaw: unknown flaw no-heartbeats; did you mean no-heartbeat?",
        ),
        ("twin: {flaw: no-heartbeat}", "3:1: twin.fails: required, but missing"),
        # -- matrices
        ("matrix: [a]", "3:9: matrix: expected a mapping"),
        ("matrix: {traffic: 5s}", "3:19: matrix.traffic: expected a list, got 5s"),
        ("matrix: {traffic: []}", "3:19: matrix.traffic: expected a list of values, got an empty"),
    ],
)
def test_one_mistake_is_one_line_with_its_place(tmp_path: Path, wrong: str, line: str) -> None:
    text = scenario("a", wrong) if not wrong.startswith("{") else f"{{id: a, why: b, {wrong[1:]}"
    (told,) = lines(tmp_path, text)
    assert line in told


def test_every_mistake_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = scenario(
        "Bad",
        "expect: {stay_open: 1s, nothing: 1}",
        "through: [{}, {latncy: {}}]",
        "client: [a, b]",
        "traffic: {every: 5, count: x}",
        "more: 1",
    )
    told = lines(tmp_path, text)
    assert [line.split(":")[0] for line in told] == list("1334455667")


def test_a_twin_is_asked_for_once(tmp_path: Path) -> None:
    twin = "{flaw: no-heartbeat, fails: stays_open}"
    told = lines(tmp_path, scenario("a", "expect: {stays_open: 5s}", f"twin: [{twin}, {twin}]"))
    assert told == ["4:56: twin[1].flaw: second twin with no-heartbeat"]


def test_a_file_that_cannot_be_read_is_a_scenario_error_too(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"gone.yaml:1:1: cannot be read: no such file"):
        load(tmp_path / "gone.yaml", flaws=FLAWS)


# -- whatever is in the file -----------------------------------------------------------------------

PIECES = [
    "",
    "{}",
    "[]",
    "~",
    "on",
    "1:30",
    "-1",
    "0",
    "1e400",
    "5s",
    "4KiB",
    "'",
    '"',
    "\t",
    "\n",
    "- ",
    ": ",
    "#",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "[0]",
    "through",
    "matrix",
    "\0",
    "\ufeff",
    "💥",
    "null",
    "true",
    "x" * 300,
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    at=st.integers(0, len(VALID)),
    length=st.integers(0, 40),
    piece=st.sampled_from(PIECES) | st.text(max_size=8),
)
@example(at=VALID.index("4KiB"), length=4, piece="{}")
@example(at=VALID.index("through[0]"), length=30, piece="through")
@example(at=VALID.index("[60s, 20s]"), length=10, piece="[{}, [], ~, on]")
def test_a_spoilt_file_is_loaded_or_refused_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, piece: str
) -> None:
    text = VALID[:at] + piece + VALID[at + length :]
    file = tmp_path_factory.getbasetemp() / "spoilt.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    error = refused(file)
    if error is not None:
        assert error.place is not None
        assert error.place.line <= text.count("\n") + text.count("\r") + 2
        assert "\n" not in str(error)


def refused(file: Path) -> ScenarioError | None:
    """Why a file is not loaded; None: it is, and so is each of its cases."""
    try:
        assert load(file, flaws=FLAWS).variants
    except ScenarioError as error:
        return error
    return None

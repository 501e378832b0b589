"""Scenarios: their short forms, their defaults, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.model.base import yaml_key
from harness.model.scenario import (
    Case,
    EventSource,
    FaultSpec,
    Hop,
    Leave,
    Reads,
    ReferenceSettings,
    Scenario,
    Silence,
    Target,
    Traffic,
    Twin,
)
from harness.units import YAML_CONTEXT


def scenario(**fields: Any) -> Scenario:
    """A scenario, as YAML writes it."""
    written = {"id": "a", "why": "a test", **fields}
    return Scenario.model_validate(written, context=YAML_CONTEXT)


def problems(**fields: Any) -> list[tuple[str, str]]:
    """What is wrong with it, and where."""
    with pytest.raises(ValidationError) as error:
        scenario(**fields)
    return [(".".join(map(str, it["loc"])), it["msg"]) for it in error.value.errors()]


def test_a_scenario_needs_an_id_and_a_reason_only() -> None:
    assert scenario() == Scenario(
        id="a",
        why="a test",
        source="",
        traffic=None,
        server=ReferenceSettings(heartbeat_s=15.0, retry_s=1.0, history=100_000, queue=1024),
        through=(),
        client=(EventSource(),),
        expect={},
        twin=(),
        matrix={},
        watch_s=None,
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("after_s", "after"),
        ("block_bytes", "block"),
        ("from_", "from"),
        ("from_s", "from"),
        ("id", "id"),
        ("bytes_per_read", "bytes_per_read"),
    ],
)
def test_units_stand_in_the_name_here_and_in_the_value_there(name: str, key: str) -> None:
    assert yaml_key(name) == key


# -- clients ---------------------------------------------------------------------------------------

ONE = (EventSource(),)
LATE = EventSource(start_s=5.0)


@pytest.mark.parametrize(
    ("written", "clients"),
    [
        ("eventsource", ONE),
        ({"eventsource": None}, ONE),
        ({"eventsource": {}}, ONE),
        ({"eventsource": {"start": "5s"}}, (LATE,)),
        (["eventsource", {"eventsource": {"start": "5s"}}], (EventSource(), LATE)),
        ({}, ONE),
        ({"start": "5s"}, (LATE,)),
        ({"tls": True}, (EventSource(tls=True),)),
        ([{"start": "5s"}, {"tls": True, "http": "2"}], (LATE, EventSource(tls=True, http="2"))),
    ],
)
def test_the_forms_of_a_client(written: object, clients: tuple[EventSource, ...]) -> None:
    assert scenario(client=written).client == clients


def test_a_client_with_everything() -> None:
    written = {
        "start": "1s",
        "leave": {"at": "30s", "by": "half-close"},
        "accept_encoding": "br",
        "http": "2",
        "tls": True,
        "reconnect": False,
        "retry_5xx": True,
        "max_attempts": 3,
        "last_event_id": "7",
        "reads": {"bytes_per_read": 1, "every": "10ms"},
    }
    assert scenario(client={"eventsource": written}).client == (
        EventSource(
            start_s=1.0,
            leave=Leave(at_s=30.0, by="half-close"),
            accept_encoding="br",
            http="2",
            tls=True,
            reconnect=False,
            retry_5xx=True,
            max_attempts=3,
            last_event_id="7",
            reads=Reads(bytes_per_read=1, every_s=0.01),
        ),
    )


@pytest.mark.parametrize(
    ("written", "place", "why"),
    [
        ("browser", "client", "unknown client 'browser'; there is eventsource"),
        ("http", "client", "unknown client 'http'; there is eventsource"),
        ({"browser": {}}, "client", "unknown client 'browser'; there is eventsource"),
        (["eventsource", "browser"], "client", "unknown client 'browser'"),
        ([], "client", "at least 1 item"),
        (None, "client.0", "valid dictionary"),
        ({"eventsource": []}, "client.0", "valid dictionary"),
        ({"eventsource": {"strat": "5s"}}, "client.0.strat", "Extra inputs"),
        ({"eventsource": {"start": 5}}, "client.0.start", "expected a duration with a unit"),
        ({"eventsource": {"http": "3"}}, "client.0.http", "Input should be '1.1' or '2'"),
        ({"eventsource": {"leave": {"by": "fin"}}}, "client.0.leave.at", "Field required"),
        (
            {"eventsource": {"leave": {"at": "1s", "by": "train"}}},
            "client.0.leave.by",
            "Input should be 'fin', 'rst' or 'half-close'",
        ),
        ({"eventsource": {"max_attempts": 0}}, "client.0.max_attempts", "greater than or equal"),
        ({"eventsource": {"reads": {"bytes_per_read": 0}}}, "client.0.reads.bytes_per_read", "1"),
    ],
)
def test_what_is_no_client_is_refused(written: object, place: str, why: str) -> None:
    [(where, what)] = problems(client=written)
    assert where == place
    assert why in what


# -- the chain -------------------------------------------------------------------------------------


def test_a_hop_is_its_faults_in_order() -> None:
    settings = {"after": "5s"}
    hop = scenario(through=[{"idle_timeout": settings, "compress": None}]).through[0]
    assert hop == Hop(
        faults=(FaultSpec(name="idle_timeout", settings=settings), FaultSpec(name="compress"))
    )


def test_a_hop_is_written_as_it_was_read() -> None:
    written = {"cut": {"at": "5s"}, "script": "a.py", "buffer": None}
    [hop] = scenario(through=[written]).through
    assert list(hop.as_yaml().items()) == list(written.items())


@pytest.mark.parametrize(
    ("written", "count"), [([], 0), ([{"buffer": None}] * 3, 3), (({"buffer": None},), 1)]
)
def test_a_chain_has_as_many_hops_as_it_lists(written: object, count: int) -> None:
    assert len(scenario(through=written).through) == count


@pytest.mark.parametrize(
    ("written", "place", "why"),
    [
        ({"buffer": {}}, "through", "valid tuple"),
        ("nginx", "through", "valid tuple"),
        (["nginx"], "through.0", "valid dictionary"),
        ([None], "through.0", "valid dictionary"),
        ([{"faults": [{"settings": 1}]}], "through.0.faults.0.name", "Field required"),
        ([{"faults": [], "more": 1}], "through.0.more", "Extra inputs"),
    ],
)
def test_what_is_no_chain_is_refused(written: object, place: str, why: str) -> None:
    [(where, what)] = problems(through=written)
    assert where == place
    assert why in what


# -- twins -----------------------------------------------------------------------------------------

TWIN = {"flaw": "no-heartbeat", "fails": "stays_open"}


@pytest.mark.parametrize(("written", "count"), [(TWIN, 1), ([TWIN], 1), ([TWIN, TWIN], 2), ([], 0)])
def test_the_forms_of_twins(written: object, count: int) -> None:
    assert scenario(twin=written).twin == (Twin(**TWIN),) * count


@pytest.mark.parametrize(
    ("written", "place", "why"),
    [
        ("no-heartbeat", "twin", "valid tuple"),
        (None, "twin", "valid tuple"),
        ({"flaw": "no-heartbeat"}, "twin.0.fails", "Field required"),
        ({**TWIN, "why": ""}, "twin.0.why", "Extra inputs"),
    ],
)
def test_what_is_no_twin_is_refused(written: object, place: str, why: str) -> None:
    [(where, what)] = problems(twin=written)
    assert where == place
    assert why in what


# -- the rest --------------------------------------------------------------------------------------


def test_traffic_with_everything() -> None:
    written = {
        "every": "2s",
        "first": "0s",
        "count": 3,
        "burst": 2,
        "size": "1KiB",
        "text": "multibyte",
        "lines": 2,
        "silence": [{"from": "1s", "to": "2s"}],
        "end_after": "1m",
        "head_after": "500ms",
        "recycle_after": "10s",
        "end_marker": "[DONE]",
    }
    assert scenario(traffic=written).traffic == Traffic(
        every_s=2.0,
        first_s=0.0,
        count=3,
        burst=2,
        size_bytes=1024,
        text="multibyte",
        lines=2,
        silence=(Silence(from_s=1.0, to_s=2.0),),
        end_after_s=60.0,
        head_after_s=0.5,
        recycle_after_s=10.0,
        end_marker="[DONE]",
    )


@pytest.mark.parametrize(
    ("field", "value", "place", "why"),
    [
        ("id", "Upper", "id", "match pattern"),
        ("id", "a//b", "id", "match pattern"),
        ("id", "../a", "id", "match pattern"),
        ("id", "", "id", "match pattern"),
        ("why", None, "why", "valid string"),
        ("watch", "0s", "watch", "greater than 0"),
        ("expext", {}, "expext", "Extra inputs"),
        ("traffic", {"every": "0s"}, "traffic.every", "greater than 0"),
        ("traffic", {"every": 1}, "traffic.every", "expected a duration with a unit"),
        ("traffic", {"size": "17MiB"}, "traffic.size", "less than or equal"),
        ("traffic", {"burst": 0}, "traffic.burst", "greater than or equal to 1"),
        ("traffic", {"text": "utf-7"}, "traffic.text", "'ascii' or 'multibyte'"),
        (
            "traffic",
            {"silence": [{"from": "2s", "to": "2s"}]},
            "traffic.silence.0",
            "a silence ends after it begins",
        ),
        ("server", {"queue": 0}, "server.queue", "greater than or equal to 1"),
        ("server", {"heart_beat": "5s"}, "server.heart_beat", "Extra inputs"),
    ],
)
def test_what_is_no_scenario_is_refused(field: str, value: object, place: str, why: str) -> None:
    [(where, what)] = problems(**{field: value})
    assert where == place
    assert why in what


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        scenario().watch_s = 5.0  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("target", "is_reference"), [(Target(), True), (Target(url="http://h/"), False)]
)
def test_a_target_without_a_url_is_the_reference_server(target: Target, is_reference: bool) -> None:
    assert target.is_reference is is_reference


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"client": [{}, {"eventsource": {"start": "5s"}}]},
        {"client": {"eventsource": {"leave": {"at": "1s", "by": "rst"}}}},
        {"client": {"eventsource": {"reads": {}}}},
        {"through": [{"buffer": {"block": "4KiB"}, "cut": None}, {"script": "a.py"}]},
        {
            "twin": TWIN,
            "matrix": {"through[0].buffer.block": ["1KiB"]},
            "expect": {"resumes": True},
        },
        {"server": {"heartbeat": None, "retry": None, "history": 0, "queue": 1}},
        {"traffic": {"silence": [{"from": "1s", "to": "2s"}], "count": 0, "end_marker": ""}},
        {"traffic": {"every": "0.1s", "first": "1us"}, "watch": "1d"},
    ],
)
def test_a_case_is_read_back_from_its_journal_as_it_was_written(written: dict[str, Any]) -> None:
    case = Case(
        id="a[1]+flaw",
        scenario=scenario(**written),
        target=Target(url="http://h/", method="POST", body="", headers=(("A", "b"), ("A", "c"))),
        clock="real",
        seed=7,
        twin=Twin(**TWIN),
        place="a.yaml:1:1",
    )
    in_journal = case.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert Case.model_validate(in_journal) == case

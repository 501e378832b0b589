"""What is said of a target's streams: where they end, and where their events have numbers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.model.promises import Promises
from harness.units import YAML_CONTEXT
from harness.wire.sse import Event, Parser


def _event(data: str, *, event: str = "message", event_id: str = "") -> Event:
    name = f"id: {event_id}\n" if event_id else ""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    (item,) = Parser().feed(f"event: {event}\n{name}{lines}\n".encode())
    assert isinstance(item, Event)
    return item


def _promises(**said: Any) -> Promises:
    return Promises.model_validate(said, context=YAML_CONTEXT, by_alias=True, by_name=False)


@pytest.mark.parametrize(
    ("marker", "last", "others"),
    [
        ("[DONE]", [_event("[DONE]"), _event(" [DONE] ")], [_event("[DONE]!"), _event("done")]),
        ({"event": "done"}, [_event("x", event="done")], [_event("done")]),
        (
            "$.choices[0].finish_reason",
            [_event('{"choices": [{"finish_reason": "stop"}]}')],
            [
                _event('{"choices": [{"finish_reason": null}]}'),
                _event('{"choices": []}'),
                _event("$.choices[0].finish_reason"),
                _event('{"choices": '),
            ],
        ),
        (
            {"json_path": "$.type", "equals": "message_stop"},
            [_event('{"type": "message_stop"}')],
            [_event('{"type": "message_delta"}'), _event("message_stop")],
        ),
        (
            {"json_path": "$.left", "equals": 0},
            [_event('{"left": 0}')],
            [_event('{"left": false}'), _event('{"left": 1}'), _event('{"left": "0"}')],
        ),
        (
            {"event": "state", "json_path": "$.done"},
            [_event('{"done": true}', event="state")],
            [_event('{"done": true}'), _event('{"done": false}', event="state")],
        ),
    ],
)
def test_an_end_marker_fits_the_last_event_and_no_other(
    marker: object, last: list[Event], others: list[Event]
) -> None:
    made = _promises(end_marker=marker).end_marker
    assert made is not None
    assert [made.is_in(it) for it in last] == [True] * len(last)
    assert [made.is_in(it) for it in others] == [False] * len(others)


@pytest.mark.parametrize(
    ("sequence", "event", "number"),
    [
        ("id", _event("x", event_id="17"), 17),
        ("id", _event("17"), None),
        ("id", _event("x", event_id="a17"), None),
        ("$.meta.seq", _event('{"meta": {"seq": 4}}'), 4),
        ("$.meta.seq", _event('{"meta": {"seq": "4"}}'), 4),
        ("$.meta.seq", _event('{"meta": {"seq": true}}'), None),
        ("$.meta.seq", _event('{"meta": {}}'), None),
        ("$..seq", _event('{"a": {"seq": 1}, "b": {"seq": 2}}'), None),
        (r"no\. (\d+)", _event("this is no. 12 of many"), 12),
        (r"no\. (\d+)", _event("nothing"), None),
    ],
)
def test_a_number_is_read_where_it_is_said_to_be(
    sequence: object, event: Event, number: int | None
) -> None:
    made = _promises(sequence=sequence).sequence
    assert made is not None
    assert made.of(event) == number


@pytest.mark.parametrize("data", ["[" * 60_000, '{"a":' * 150 + "1" + "}" * 150])
def test_what_is_nested_deeper_than_anybodys_has_no_number_and_is_no_marker(data: str) -> None:
    said = _promises(end_marker="$..done", sequence="$..seq")
    assert said.end_marker is not None
    assert said.sequence is not None
    assert not said.end_marker.is_in(_event(data))
    assert said.sequence.of(_event(data)) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"end_marker": {}}, "expected data:, event: or json_path:"),
        ({"end_marker": {"data": "x", "equals": 1}}, "equals: goes with json_path:"),
        ({"end_marker": "$.a["}, "is no JSON path"),
        ({"end_marker": {"typo": 1}}, "typo"),
        ({"sequence": "$["}, "is no JSON path"),
        ({"sequence": r"\d+"}, "expected one group"),
        ({"sequence": "("}, "is no regular expression"),
        ({"sequence": {"id": True, "regex": "(a)"}}, "and one of them"),
        ({"resume_window": "0s"}, "greater than 0"),
        ({"broadcast": "perhaps"}, "broadcast"),
    ],
)
def test_what_cannot_be_meant_is_said(said: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("(", r"\(")):
        _promises(**said)


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("[DONE]", "[DONE]"),
        ({"event": "done"}, "event: done"),
        ({"json_path": "$.type", "equals": "stop"}, "$.type = stop"),
    ],
)
def test_a_marker_is_named_as_a_reader_looks_for_it(marker: object, text: str) -> None:
    assert str(_promises(end_marker=marker).end_marker) == text


def test_what_is_said_comes_back_from_a_journal() -> None:
    said = _promises(end_marker="$.a", sequence="id", broadcast=True, resume_window="5m")
    assert said.resume_window_s == 300.0
    assert Promises.model_validate(said.model_dump(mode="json", by_alias=True)) == said

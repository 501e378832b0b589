from __future__ import annotations

import pytest

from harness.checks.numbering import is_consecutive, number_in_data, number_in_id
from harness.model.promises import as_number
from harness.wire.sse import Event


def said(*data: str) -> list[Event]:
    return [Event("message", it, "", 0, 0) for it in data]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("007", 7),
        ("-7", None),
        ("7.0", None),
        ("", None),
        ("\u0667", None),
        ("9" * 19, None),
    ],
)
def test_a_number_is_ascii_digits(text: str, number: int | None) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("streams", "numbers"),
    [
        ([said("1", "2", "3")], [1, 2, 3]),
        ([said('{"seq":4}', '{"seq":5}', '{"seq":6}')], [4, 5, 6]),
        ([said('{"t":9,"n":4}', '{"t":9,"n":5}', '{"t":9,"n":6}')], [4, 5, 6]),
        ([said("1", "3", "4")], None),
        ([said("1", "2")], None),
        ([said('{"ok":true}', '{"ok":true}', '{"ok":true}')], None),
        ([said("{not json", "{not json", "{not json")], None),
        ([said('{"seq":1}', "[DONE]", '{"seq":2}')], None),
        ([], None),
    ],
)
def test_finds_where_the_data_counts(streams: list[list[Event]], numbers: list[int] | None) -> None:
    number = number_in_data(streams)
    found = None if number is None else [number(it) for it in streams[0]]
    assert found == numbers


def test_each_response_counts_on_its_own_as_far_as_steps_go() -> None:
    ids = [[Event("message", "", it, 0, 0, it) for it in row] for row in ("123", "78")]
    assert is_consecutive(ids, number_in_id)
    assert not is_consecutive([[*ids[0], *ids[1]]], number_in_id)

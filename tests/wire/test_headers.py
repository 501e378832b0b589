from __future__ import annotations

import pytest

from harness.wire import headers
from harness.wire.headers import Headers

FIELDS: Headers = (
    ("Content-Type", "text/event-stream"),
    ("Vary", "Origin"),
    ("vary", "Accept-Encoding, Cookie"),
    ("Cache-Control", "no-cache"),
)


@pytest.mark.parametrize("name", ["vary", "Vary", "VARY"])
def test_names_compare_without_case(name: str) -> None:
    assert headers.values(FIELDS, name) == ["Origin", "Accept-Encoding, Cookie"]
    assert headers.value(FIELDS, name) == "Origin, Accept-Encoding, Cookie"


def test_an_absent_field_has_no_value() -> None:
    assert headers.values(FIELDS, "age") == []
    assert headers.value(FIELDS, "age") is None


def test_an_empty_field_is_not_an_absent_one() -> None:
    assert headers.value((("Last-Event-ID", ""),), "last-event-id") == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), []),
        ((("Connection", ""),), []),
        (
            (("Connection", "Keep-Alive,  X-A "), ("connection", ",x-b,")),
            ["keep-alive", "x-a", "x-b"],
        ),
        ((("Other", "x"),), []),
    ],
    ids=["none", "empty", "two-fields", "another-field"],
)
def test_tokens_are_members_of_all_fields(fields: Headers, expected: list[str]) -> None:
    assert headers.tokens(fields, "Connection") == expected


def test_fields_are_taken_out_whatever_their_case() -> None:
    assert headers.without(FIELDS, ["VARY", "absent"]) == (FIELDS[0], FIELDS[3])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cache-control", (*FIELDS[:3], ("Cache-Control", "new"))),
        ("VARY", (FIELDS[0], ("Vary", "new"), FIELDS[3])),
        ("Age", (*FIELDS, ("Age", "new"))),
    ],
    ids=["in-its-place", "the-first-of-several", "at-the-end"],
)
def test_a_replaced_field_stands_once(name: str, expected: Headers) -> None:
    assert headers.replaced(FIELDS, name, "new") == expected


@pytest.mark.parametrize("name", sorted(headers.HOP_BY_HOP))
def test_hop_by_hop_fields_are_not_passed_on(name: str) -> None:
    assert headers.end_to_end((*FIELDS, (name.title(), "x"))) == FIELDS


def test_fields_that_connection_names_are_not_passed_on() -> None:
    fields = (("Connection", "close, X-Mine"), ("x-mine", "1"), ("X-Yours", "2"))
    assert headers.end_to_end(fields) == (("X-Yours", "2"),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), None),
        ((("Content-Type", "Text/Event-Stream ; charset=utf-8"),), "text/event-stream"),
        ((("content-type", ""),), ""),
        ((("Content-Type", "text/a"), ("Content-Type", "text/b")), "text/a, text/b"),
    ],
    ids=["none", "parameters", "empty", "two"],
)
def test_the_media_type_has_no_parameters(fields: Headers, expected: str | None) -> None:
    assert headers.media_type(fields) == expected

"""Durations, sizes and rates: read, written, and as fields of a model."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.units import (
    YAML_CONTEXT,
    Duration,
    DurationOrNever,
    Rate,
    Size,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
    show_seconds,
)

FIELDS: dict[str, TypeAdapter[Any]] = {
    "duration": TypeAdapter(Duration),
    "duration or never": TypeAdapter(DurationOrNever),
    "size": TypeAdapter(Size),
    "rate": TypeAdapter(Rate),
}

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)


def problem(field: str, value: object, context: dict[str, Any] | None = None) -> str:
    with pytest.raises(ValidationError) as caught:
        FIELDS[field].validate_python(value, context=context)
    (details,) = caught.value.errors()
    return details["msg"]


# -- durations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("250us", 0.00025),
        ("250ms", 0.25),
        ("100ms", 0.1),
        ("30s", 30.0),
        ("1.5s", 1.5),
        ("15m", 900.0),
        ("1h", 3600.0),
        ("2d", 172_800.0),
        ("1m30s", 90.0),
        ("1m0.1s", 60.1),
        ("1h30m", 5400.0),
        ("1d1h1m1s1ms1us", 90_061.001001),
        ("007s", 7.0),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "30", "1.5", "-1s", "+1s", "nan", "inf", "nans", "infs", "30 s", " 30s", "30s ", "30s\n",
        "30sec", "30S", "30min", "1s1s", "30s1m", "1..5s", ".5s", "5.s", "1e3s", "1_000s", "s",
        "1:30", "on", "never", "٣s", "1,5s",
    ],
)  # fmt: skip
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration with a unit such as 30s or 250ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("30", "30"),
        ("", "an empty string"),
        ("1 m\n30", r"'1 m\n30'"),
        ("9" * 401 + "s", "9" * 60 + "…"),
        ("1" + "0" * 309 + "s", "1" + "0" * 59 + "…"),  # no float is that large
    ],
)
def test_the_message_says_what_was_got_on_one_line(text: str, got: str) -> None:
    with pytest.raises(ValueError, match="expected a duration") as caught:
        parse_duration(text)

    assert str(caught.value) == f"expected a duration with a unit such as 30s or 250ms, got {got}"


def test_never_is_a_duration_only_where_asked_for() -> None:
    assert parse_duration("never", allow_never=True) == math.inf
    with pytest.raises(ValueError, match=r"or 250ms, got never$"):
        parse_duration("never")
    with pytest.raises(ValueError, match=r"or 250ms, or never, got 30$"):
        parse_duration("30", allow_never=True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (-0.0, "0s"),
        (5e-7, "0.5us"),
        (0.00025, "250us"),
        (0.001, "1ms"),
        (0.1, "100ms"),
        (0.25, "250ms"),
        (0.9995, "999.5ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "60s"),
        (90, "90s"),
        (350, "350s"),
        (600, "10m"),
        (630, "630s"),
        (630.5, "630.5s"),
        (900, "15m"),
        (3600, "1h"),
        (5400, "90m"),
        (86_400, "1d"),
        (math.inf, "never"),
    ],
)
def test_a_duration_is_written_as_vendors_document_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1.0, -math.inf, math.nan])
def test_a_negative_duration_cannot_be_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected zero seconds or more, got"):
        format_duration(seconds)


@SETTINGS
@given(st.floats(min_value=0))
@example(5e-324)
@example(1.7976931348623157e308)
@example(2.2250738585072014e-308)
def test_a_duration_that_was_written_reads_the_same(seconds: float) -> None:
    assert parse_duration(format_duration(seconds), allow_never=True) == seconds


@SETTINGS
@given(st.text(alphabet="0123456789.dhmsu-e ", max_size=12) | st.text(max_size=12))
def test_a_text_is_a_duration_or_a_value_error_says_it_is_not(text: str) -> None:
    seconds, message = 0.0, "expected a duration"
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        message = str(error)

    assert message.startswith("expected a duration")
    assert 0 <= seconds < math.inf


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (70.0, "70.0 s"),
        (59.96, "60.0 s"),
        (0, "0.0 s"),
        (0.25, "0.250 s"),
        (-0.25, "-0.250 s"),
        (-3, "-3.0 s"),
        (86_400, "86400.0 s"),
        (math.inf, "never"),
    ],
)
def test_a_measured_time_is_shown_in_seconds(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


# -- sizes and rates -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0B", 0),
        ("512B", 512),
        ("1KB", 1000),
        ("1kB", 1000),
        ("4KiB", 4096),
        ("1.5KiB", 1536),
        ("1MB", 1_000_000),
        ("8MiB", 8_388_608),
        ("2GB", 2_000_000_000),
        ("1GiB", 1_073_741_824),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4096", "expected a size with a unit such as 4KiB or 512B, got 4096"),
        ("4kib", "expected a size with a unit such as 4KiB or 512B, got 4kib"),
        ("4K", "expected a size with a unit such as 4KiB or 512B, got 4K"),
        ("4 KiB", "expected a size with a unit such as 4KiB or 512B, got 4 KiB"),
        ("-1B", "expected a size with a unit such as 4KiB or 512B, got -1B"),
        ("1KiB1B", "expected a size with a unit such as 4KiB or 512B, got 1KiB1B"),
        ("", "expected a size with a unit such as 4KiB or 512B, got an empty string"),
        ("9" * 401 + "B", f"expected a size with a unit such as 4KiB or 512B, got {'9' * 60}…"),
        ("0.5B", "expected a whole number of bytes, got 0.5B"),
        ("1.0001KB", "expected a whole number of bytes, got 1.0001KB"),
    ],
)
def test_anything_else_is_not_a_size(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (1000, "1KB"),
        (1024, "1KiB"),
        (1500, "1500B"),
        (65_536, "64KiB"),
        (1_000_000, "1MB"),
        (1_048_576, "1MiB"),
        (3 * 1024**3, "3GiB"),
    ],
)
def test_a_size_is_written_in_the_largest_unit_that_fits(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text
    assert format_rate(size_bytes) == f"{text}/s"


def test_a_negative_size_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="expected zero bytes or more, got -1"):
        format_size(-1)


@SETTINGS
@given(st.integers(min_value=0, max_value=2**80) | st.integers(0, 4096).map(lambda n: n * 1024))
def test_a_size_or_rate_that_was_written_reads_the_same(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes
    assert parse_rate(format_rate(size_bytes)) == size_bytes


def test_a_rate_is_a_size_per_second() -> None:
    assert parse_rate("16KiB/s") == 16_384
    assert parse_rate("1.5kB/s") == 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("16KiB", "expected a rate with a unit such as 16KiB/s or 512B/s, got 16KiB"),
        ("16KiB/m", "expected a rate with a unit such as 16KiB/s or 512B/s, got 16KiB/m"),
        ("16/s", "expected a rate with a unit such as 16KiB/s or 512B/s, got 16/s"),
        ("/s", "expected a rate with a unit such as 16KiB/s or 512B/s, got /s"),
        ("0.5B/s", "expected a whole number of bytes per second, got 0.5B/s"),
    ],
)
def test_anything_else_is_not_a_rate(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_rate(text)


# -- fields of pydantic models ---------------------------------------------------------------------

VALUES = [
    ("duration", "1m30s", 90.0),
    ("duration or never", "1m30s", 90.0),
    ("duration or never", "never", math.inf),
    ("size", "4KiB", 4096),
    ("rate", "16KiB/s", 16_384),
]


@pytest.mark.parametrize("context", [None, YAML_CONTEXT])
@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_a_field_takes_text_from_anywhere(
    field: str, text: str, value: float, context: dict[str, Any] | None
) -> None:
    assert FIELDS[field].validate_python(text, context=context) == value


@pytest.mark.parametrize("context", [None, {}, {"yaml": False}])
@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_a_field_takes_a_number_from_python(
    field: str, text: str, value: float, context: dict[str, Any] | None
) -> None:
    assert FIELDS[field].validate_python(value, context=context) == value


def test_a_field_has_the_type_it_says() -> None:
    assert type(FIELDS["duration"].validate_python(30)) is float
    assert type(FIELDS["size"].validate_python(4096.0)) is int


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("duration", 30, "expected a duration with a unit such as 30s or 250ms, got 30"),
        ("duration", 1.5, "expected a duration with a unit such as 30s or 250ms, got 1.5"),
        (
            "duration or never",
            30,
            "expected a duration with a unit such as 30s or 250ms, or never,",
        ),
        ("size", 4096, "expected a size with a unit such as 4KiB or 512B, got 4096"),
        ("rate", 16_384, "expected a rate with a unit such as 16KiB/s or 512B/s, got 16384"),
    ],
)
def test_a_bare_number_in_yaml_is_an_error(field: str, value: object, message: str) -> None:
    assert problem(field, value, YAML_CONTEXT).startswith(message)


@pytest.mark.parametrize("context", [None, YAML_CONTEXT])
@pytest.mark.parametrize(
    ("value", "got"),
    [(None, "nothing"), (True, "true"), ([1], "a list"), ({}, "a mapping"), ("{x}", "{x}")],
)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_says_what_it_got_and_nothing_of_pydantic(
    field: str, value: object, got: str, context: dict[str, Any] | None
) -> None:
    message = problem(field, value, context)

    assert message.startswith("expected a ")
    assert message.endswith(f", got {got}")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("duration", -1, "expected zero seconds or more and an end, got -1"),
        ("duration", math.nan, "expected zero seconds or more and an end, got nan"),
        ("duration", math.inf, "expected zero seconds or more and an end, got inf"),
        ("duration or never", -math.inf, "expected zero seconds or more and an end, got -inf"),
        ("size", -1, "expected a whole number of bytes, zero or more, got -1"),
        ("size", 0.5, "expected a whole number of bytes, zero or more, got 0.5"),
        ("rate", math.nan, "expected a whole number of bytes, zero or more, got nan"),
        ("rate", math.inf, "expected a whole number of bytes, zero or more, got inf"),
    ],
)
def test_a_senseless_number_from_python_is_an_error(field: str, value: float, message: str) -> None:
    assert problem(field, value) == message


@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_json_holds_the_text_so_that_infinity_survives(field: str, text: str, value: float) -> None:
    adapter = FIELDS[field]

    assert adapter.validate_json(adapter.dump_json(value)) == value
    assert isinstance(adapter.dump_python(value, mode="json"), str)
    assert adapter.dump_python(value) == value


@pytest.mark.parametrize("mode", ["validation", "serialization"])
@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_the_json_schema_describes_the_text(field: str, text: str, value: float, mode: Any) -> None:
    schema = FIELDS[field].json_schema(mode=mode)

    assert schema["type"] == "string"
    assert re.search(schema["pattern"], text)
    assert all(re.search(schema["pattern"], example) for example in schema["examples"])


@pytest.mark.parametrize("field", FIELDS)
@SETTINGS
@given(text=st.text(alphabet="0123456789.dhmsukKMGiB/nevr ", max_size=8))
def test_the_pattern_of_the_schema_refuses_nothing_that_is_accepted(field: str, text: str) -> None:
    accepted = True
    try:
        FIELDS[field].validate_python(text)
    except ValidationError as error:
        # A fraction of a byte looks like a size.
        accepted = "whole number" in str(error)

    assert accepted == bool(re.search(FIELDS[field].json_schema()["pattern"], text))

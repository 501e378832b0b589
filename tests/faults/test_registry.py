from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.errors import ScenarioError
from harness.faults.buffer import Buffer
from harness.faults.registry import FAULTS, build


@pytest.mark.parametrize("name", FAULTS)
def test_the_key_the_file_and_the_class_are_one_word(name: str) -> None:
    assert FAULTS[name].__module__ == f"harness.faults.{name}"
    assert FAULTS[name].__name__ == name.title().replace("_", "")


def test_the_table_is_sorted() -> None:
    assert list(FAULTS) == sorted(FAULTS)


def test_builds_what_yaml_writes() -> None:
    settings = {"block": "4KiB", "unless_response_header": {"X-Accel-Buffering": "no"}}
    assert build("buffer", settings) == Buffer(
        block_bytes=4096, unless_response_header={"X-Accel-Buffering": "no"}
    )


def test_a_bare_number_is_no_duration() -> None:
    with pytest.raises(ValidationError, match="expected a duration with a unit"):
        build("latency", {"delay": 5})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("idle_timout", "unknown fault idle_timout; did you mean idle_timeout?"),
        ("teapot", "unknown fault teapot"),
    ],
)
def test_refuses_an_unknown_fault(name: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        build(name, {})
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["buffer", "rewrite_headers"])
def test_nothing_at_all_is_no_settings(name: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        build(name, None)

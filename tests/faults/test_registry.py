from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.errors import ScenarioError
from harness.faults.base import Conserves
from harness.faults.buffer import Buffer
from harness.faults.registry import FAULTS, Setting, build, catalogue


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


def test_the_catalogue_shows_keys_and_defaults_as_yaml_writes_them() -> None:
    latency = next(row for row in catalogue() if row.name == "latency")
    assert latency.summary == "Deliver everything later, in order."
    assert latency.conserves is Conserves.BYTES_AND_ORDER
    assert latency.settings == (
        Setting("delay", None),
        Setting("jitter", '"0s"'),
        Setting("direction", '"down"'),
    )


def test_the_catalogue_knows_defaults_that_are_mappings() -> None:
    idle = next(row for row in catalogue() if row.name == "idle_timeout")
    assert idle.settings[1] == Setting(
        "before_head", '{"how": "answer", "status": 504, "body": null, "headers": {}}'
    )

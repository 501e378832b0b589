"""The documentation's tables say of every key what it takes, and what it means."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from harness.checks.registry import CHECKS
from harness.faults.latency import Latency
from harness.faults.registry import FAULTS, settings_of
from harness.faults.when import When
from harness.model.scenario import EventSource, ReferenceSettings, Traffic, Twin
from harness.report.model_tables import Key, keys

MODELS: dict[str, type[BaseModel]] = {
    it.__name__: it for it in (Traffic, ReferenceSettings, EventSource, Twin, When)
}
DOCUMENTED: dict[str, type[BaseModel]] = {**MODELS, **FAULTS, **CHECKS}


def key(model: type[BaseModel], name: str) -> Key:
    return next(it for it in keys(model) if it.name == name)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_key_says_what_it_means(name: str) -> None:
    model = DOCUMENTED[name]
    fields = settings_of(model) if name in FAULTS else None  # type: ignore[arg-type]  # a fault then
    assert [it.name for it in keys(model, fields) if not it.meaning] == []


def test_a_fault_is_told_with_its_choices_units_and_defaults() -> None:
    assert list(keys(Latency, settings_of(Latency))) == [
        Key("delay", "a time", None, "Delay of each read."),
        Key("jitter", "a time", '"0s"', "Added to it, uniformly between 0 and this."),
        Key(
            "direction",
            "`down`, `up`, `both`",
            '"down"',
            "down (responses), up (requests and leaving clients), or both.",
        ),
    ]


@pytest.mark.parametrize(
    ("model", "name", "takes", "default"),
    [
        (FAULTS["idle_timeout"], "after", "a time, more than 0", None),
        (FAULTS["idle_timeout"], "before_head.status", "a whole number, 200 to 599", "504"),
        (FAULTS["buffer"], "block", "a size, more than 0", "null"),
        (FAULTS["compress"], "coding", "`gzip`, `deflate`, `br`, `zstd`; one or a list", None),
        (FAULTS["answer"], "on", "a whole number, 1 or more; one or a list", "null"),
        (FAULTS["rewrite_headers"], "response.remove", "a list of text", "[]"),
        (Traffic, "size", "a size, 0B to 16MiB", '"32B"'),
        (Traffic, "silence[].from", "a time", None),
        (ReferenceSettings, "heartbeat", "a time or `null`", '"15s"'),
        (EventSource, "leave.by", "`fin`, `rst`, `half-close`", '"fin"'),
        (EventSource, "tls", "`true` or `false`", "false"),
        (When, "status", "a whole number; one or a list", "null"),
        (CHECKS["stays_open"], "for", "a time", "null"),
    ],
)
def test_a_key_is_told_by_what_it_takes(
    model: type[BaseModel], name: str, takes: str, default: str | None
) -> None:
    found = key(model, name)
    assert (found.takes, found.default) == (takes, default)


def test_what_a_fault_has_of_another_class_is_told_there() -> None:
    told = key(FAULTS["idle_timeout"], "upstream").meaning
    assert told == "How the connection to upstream is closed when the limit is up."


def test_prose_about_python_is_prose_about_yaml() -> None:
    told = [it.meaning for model in DOCUMENTED.values() for it in keys(model)]
    assert [it for it in told if "None" in it or "in seconds" in it or "See `" in it] == []
    assert "`ignore` or nothing: the limit" in key(FAULTS["max_duration"], "before_head").meaning


def test_the_same_keys_are_not_told_twice() -> None:
    assert [it.name for it in keys(When) if it.name.startswith("not")] == ["not"]

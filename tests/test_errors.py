"""What the user is told, and where it is said to be."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from enum import Enum
from threading import Event
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.errors import (
    HarnessError,
    HopError,
    LocalEnvironmentError,
    MissingExtraError,
    Place,
    ScenarioError,
    StageError,
    TargetError,
    UsageError,
    did_you_mean,
    explain_validation,
    format_path,
    nearest,
    shown,
)
from harness.units import YAML_CONTEXT, Duration
from harness.yamlio import load

ONE_OF_EACH = [
    (UsageError("unknown verb runn"), 2, "unknown verb runn"),
    (
        ScenarioError("unknown key", Place("a.yaml", 3, 7), "through[0].aftr"),
        2,
        "a.yaml:3:7: through[0].aftr: unknown key",
    ),
    (TargetError("it refuses", "connection-refused"), 4, "it refuses"),
    (HopError("script.py raised KeyError", 2), 4, "hop 2: script.py raised KeyError"),
    (StageError("more than 9 entries"), 4, "more than 9 entries"),
    (LocalEnvironmentError("no space left on device"), 4, "no space left on device"),
    (
        MissingExtraError("mitmproxy", "run"),
        4,
        "run needs the extra mitmproxy: pip install 'sse-harness[mitmproxy]'",
    ),
]


@pytest.mark.parametrize(("error", "exit_code", "text"), ONE_OF_EACH)
def test_every_error_prints_as_one_line_and_knows_the_exit_code(
    error: HarnessError, exit_code: int, text: str
) -> None:
    assert (str(error), error.exit_code) == (text, exit_code)


@pytest.mark.parametrize("error", [error for error, _, _ in ONE_OF_EACH])
@pytest.mark.parametrize("through", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_survives_copy_and_pickle(
    error: HarnessError, through: Callable[[HarnessError], HarnessError]
) -> None:
    twin = through(error)

    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_a_missing_extra_is_a_fault_of_the_local_environment() -> None:
    error = MissingExtraError("mitmproxy", "run")

    assert isinstance(error, LocalEnvironmentError)
    assert error.install_command == "pip install 'sse-harness[mitmproxy]'"


def test_a_target_error_carries_its_reason_and_a_hop_error_its_hop() -> None:
    assert TargetError("it refuses", "connection-refused").reason == "connection-refused"
    assert HopError("it broke", 3).hop == 3


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ScenarioError("wrong"), "wrong"),
        (ScenarioError("wrong", path="client"), "client: wrong"),
        (ScenarioError("wrong", Place("a.yaml", 1, 1)), "a.yaml:1:1: wrong"),
    ],
)
def test_a_scenario_error_leaves_out_what_it_does_not_know(error: ScenarioError, text: str) -> None:
    assert str(error) == text


def test_a_scenario_error_prints_only_itself_and_not_what_else_is_wrong() -> None:
    assert str(ScenarioError("first", also=(ScenarioError("second"),))) == "first"


# -- suggestions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("aftr", "after"),
        ("After", "after"),
        ("max-duration", "max_duration"),
        ("MAXDURATION", "max_duration"),
        ("zzz", None),
        ("", None),
        ("after" * 1000, None),  # would take difflib seconds
    ],
)
def test_nearest_finds_what_was_meant(name: str, suggestion: str | None) -> None:
    assert nearest(name, ["after", "max_duration", "mid_stream"]) == suggestion


def test_nearest_of_no_candidates_is_none() -> None:
    assert nearest("after", []) is None


def test_a_suggestion_ends_the_message_and_is_absent_when_there_is_none() -> None:
    assert did_you_mean("aftr", ["after"]) == "; did you mean after?"
    assert did_you_mean("zzz", ["after"]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (30, "30"),
        (30.0, "30"),
        (1.5, "1.5"),
        ("1:30", "1:30"),
        ("two words", "two words"),
        ("", "an empty string"),
        (" padded", "' padded'"),
        ("two\nlines", r"'two\nlines'"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ((1,), "a list"),
        (b"raw", "a value of type bytes"),
    ],
)
def test_a_value_is_shown_as_it_would_be_typed(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("text", ["x" * 10_000, "\n" * 10_000])
def test_a_long_value_is_shown_in_part(text: str) -> None:
    assert len(shown(text)) == 61
    assert shown(text).endswith("…")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("through", 0, "buffer", "block"), "through[0].buffer.block"),
        (("matrix", "through[0].nginx"), "matrix['through[0].nginx']"),
        (("headers", "X-Accel-Buffering"), "headers.X-Accel-Buffering"),
        ((1, 2), "[1][2]"),
        (("two\nlines",), r"['two\nlines']"),
    ],
)
def test_a_path_is_written_the_way_a_scenario_writes_it(
    path: tuple[str | int, ...], text: str
) -> None:
    assert format_path(path) == text


# -- what pydantic found wrong ---------------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IdleTimeout(Strict):
    after: Duration
    status: Annotated[int, Field(ge=100, lt=600)] = 504


class End(Enum):
    RESET = "reset"
    TRUNCATION = "truncation"


class Cut(Strict):
    kind: Literal["cut"] = "cut"
    end: End = End.RESET


class Stall(Strict):
    kind: Literal["stall"]


class Hop(Strict):
    idle_timeout: IdleTimeout | None = None
    fault: Annotated[Cut | Stall, Field(discriminator="kind")] | None = None
    retries: int = 0
    ratio: float = 0.5
    cached: bool = False
    version: str = ""
    methods: list[str] = []
    pair: tuple[int, Duration] | None = None
    limits: dict[Annotated[str, Field(max_length=5)], IdleTimeout] = {}
    by: Literal["fin", "rst"] = "fin"
    inner: Hop | None = None
    source: str = Field("", alias="from")

    @field_validator("version")
    @classmethod
    def known(cls, version: str) -> str:
        if version not in ("", "1.29"):
            raise ValueError(f"unknown version\n{version}")
        return version


class Scenario(Strict):
    through: list[str | Hop]


def wrong(hop: str, *, model: type[BaseModel] | None = Scenario) -> list[str]:
    """The lines a user sees of a scenario with this hop in it."""
    document = load(f"through:\n- {hop}\n", "x.yaml")
    with pytest.raises(ValidationError) as caught:
        Scenario.model_validate(document.value, context=YAML_CONTEXT)
    error = explain_validation(caught.value, document, model)
    return [str(error), *map(str, error.also)]


@pytest.mark.parametrize(
    ("hop", "line"),
    [
        (
            "idle_timeout: {aftr: 30s}",
            "2:18: through[0].idle_timeout.aftr: unknown key; did you mean after?",
        ),
        ("frmo: here", "2:3: through[0].frmo: unknown key; did you mean from?"),
        ("inner: {inner: {retreis: 1}}", "2:19: through[0].inner.inner.retreis: unknown key;"),
        ("limits: {a: {aftr: 1s}}", "2:16: through[0].limits.a.aftr: unknown key; did you mean"),
        ("zzz: 1", "2:3: through[0].zzz: unknown key"),
        ("idle_timeout: {}", "2:3: through[0].idle_timeout.after: required, but missing"),
        ("idle_timeout: {after: 1:30}", "2:25: through[0].idle_timeout.after: expected a duration"),
        ("pair: [1]", "2:3: through[0].pair[1]: required, but missing"),
        ("pair: [1, 30]", "2:13: through[0].pair[1]: expected a duration with a unit such as 30s"),
        ("retries: on", "2:12: through[0].retries: expected an integer, got on"),
        ("retries: 1.50", "2:12: through[0].retries: expected an integer, got 1.50"),
        ("retries: '0777x'", "2:12: through[0].retries: expected an integer, got 0777x"),
        ("ratio: [1]", "2:10: through[0].ratio: expected a number, got a list"),
        ("ratio: '1.2.3'", "2:10: through[0].ratio: expected a number, got '1.2.3'"),
        ("cached: maybe", "2:11: through[0].cached: expected true or false, got maybe"),
        ("version: 1.30", "2:12: through[0].version: expected a string, got 1.30"),
        ("version:", "2:11: through[0].version: expected a string, got nothing"),
        ("methods: GET", "2:12: through[0].methods: expected a list, got GET"),
        ("inner: 5", "2:10: through[0].inner: expected a mapping, got 5"),
        ("by: rts", "2:7: through[0].by: expected fin or rst, got rts; did you mean rst?"),
        ("fault: {kind: cut, end: rest}", "2:27: through[0].fault.end: expected reset or trunc"),
        ("fault: {kind: cot}", "2:10: through[0].fault: expected cut or stall, got cot; did you"),
        (
            "idle_timeout: {after: 1s, status: 99}",
            "2:37: through[0].idle_timeout.status: expected greater than or equal to 100, got 99",
        ),
        ("version: '2'", "2:12: through[0].version: unknown version 2"),
        (
            "limits: {too long: {after: 1s}}",
            "2:12: through[0].limits['too long']: string should have at most 5 characters",
        ),
    ],
)
def test_one_mistake_is_one_line_with_its_place(hop: str, line: str) -> None:
    (only,) = wrong(hop)

    assert only.startswith(f"x.yaml:{line}")


def test_the_members_of_a_union_share_one_line() -> None:
    assert wrong("30") == ["x.yaml:2:3: through[0]: expected a string or a mapping, got 30"]


def test_a_key_of_another_member_of_a_union_is_not_suggested_for_itself() -> None:
    class Either(Strict):
        fault: IdleTimeout | Cut

    document = load("fault: {after: 1s, end: rest}", "x.yaml")
    with pytest.raises(ValidationError) as caught:
        Either.model_validate(document.value)

    error = explain_validation(caught.value, document, Either)

    assert [str(error), *map(str, error.also)] == [
        "x.yaml:1:9: fault.after: unknown key",
        "x.yaml:1:25: fault.end: expected reset or truncation, got rest; did you mean reset?",
    ]


def test_the_mistakes_are_told_in_the_order_they_stand_in_the_file() -> None:
    assert wrong("{by: no, idle_timeout: {status: 1}, zzz: 1}") == [
        "x.yaml:2:8: through[0].by: expected fin or rst, got no",
        "x.yaml:2:12: through[0].idle_timeout.after: required, but missing",
        "x.yaml:2:35: through[0].idle_timeout.status: expected greater than or equal to 100, got 1",
        "x.yaml:2:39: through[0].zzz: unknown key",
    ]


def test_without_a_model_an_unknown_key_has_no_suggestion() -> None:
    assert wrong("retreis: 1", model=None) == ["x.yaml:2:3: through[0].retreis: unknown key"]


def test_a_mistake_in_an_aliased_value_is_placed_where_it_is_written() -> None:
    assert wrong("{limits: {a: &a {after: 1s, status: 1.5}}, idle_timeout: *a}") == [
        "x.yaml:2:39: through[0].idle_timeout.status: expected an integer, got 1.5",
        "x.yaml:2:39: through[0].limits.a.status: expected an integer, got 1.5",
    ]


def test_a_part_of_a_document_is_explained_with_the_path_from_its_root() -> None:
    document = load("through:\n- idle_timeout: {aftr: 30s}\n", "x.yaml")
    root_path = ("through", 0, "idle_timeout")
    with pytest.raises(ValidationError) as caught:
        IdleTimeout.model_validate({"aftr": "30s"}, context=YAML_CONTEXT)

    error = explain_validation(caught.value, document, IdleTimeout, root_path)

    assert (error.place, error.path) == (
        Place("x.yaml", 2, 18),
        "through[0].idle_timeout.aftr",
    )


def test_a_key_with_the_name_of_its_parent_is_not_taken_for_it() -> None:
    class Outer(Strict):
        after: IdleTimeout

    document = load("after: {}", "x.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.value)

    error = explain_validation(caught.value, document, Outer)

    assert str(error) == "x.yaml:1:1: after.after: required, but missing"


def test_a_model_without_a_json_schema_costs_only_the_suggestion() -> None:
    class Odd(Strict):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        after: Event | None = None

    document = load("aftr: 1", "x.yaml")
    with pytest.raises(ValidationError) as caught:
        Odd.model_validate(document.value)

    assert str(explain_validation(caught.value, document, Odd)) == "x.yaml:1:1: aftr: unknown key"


def test_a_hundred_problems_are_enough() -> None:
    document = load("\n".join(f"k{n}: 1" for n in range(500)), "x.yaml")
    with pytest.raises(ValidationError) as caught:
        IdleTimeout.model_validate(document.value)

    error = explain_validation(caught.value, document, IdleTimeout)

    assert len(error.also) <= 99
    assert str(error.also[0]).startswith("x.yaml:")

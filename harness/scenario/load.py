"""One scenario file, read and checked as far as it can be without running it.

Every mistake of a file is found in one go: the error raised is the one that stands first, and has
the others as its `also`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from harness.checks import registry
from harness.checks.base import CheckConfig
from harness.checks.registry import CHECKS
from harness.checks.stays_open import StaysOpen
from harness.errors import (
    Place,
    ScenarioError,
    YamlPath,
    did_you_mean,
    explain_validation,
    format_path,
    shown,
)
from harness.model.base import key_of
from harness.model.scenario import EventSource, Hop, Scenario
from harness.scenario import builtin, matrix
from harness.scenario.chain import limit_paths, raise_all, read_chain, remarks
from harness.scenario.ties import ties
from harness.units import YAML_CONTEXT
from harness.yamlio import Document, Value, load_file

_CLIENT: Final = "eventsource"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Variant:
    """A scenario with one combination of its matrix filled in.

    Args:
        scenario: The scenario, without a matrix of its own.
        chosen: The paths of the matrix in order, each with the name of its value.
    """

    scenario: Scenario
    chosen: tuple[tuple[str, str], ...] = ()

    @property
    def case_id(self) -> str:
        """The id of its case: `idle/quiet`, with a matrix `idle/quiet[60s,gzip]`."""
        labels = ",".join(label for _, label in self.chosen)
        return f"{self.scenario.id}[{labels}]" if labels else self.scenario.id


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario and where it comes from.

    Args:
        scenario: As the file writes it.
        document: The file.
        place: Where the scenario starts.
        variants: One for each combination of the matrix; one without a matrix.
        warnings: What is allowed and probably not meant, a line each.
    """

    scenario: Scenario
    document: Document
    place: Place
    variants: tuple[Variant, ...]
    warnings: tuple[str, ...]

    @property
    def case_ids(self) -> tuple[str, ...]:
        """The ids of its cases, twins apart."""
        return tuple(variant.case_id for variant in self.variants)

    @property
    def twin_ids(self) -> tuple[str, ...]:
        """The ids of its twins."""
        return tuple(twin_id(it, twin.flaw) for it in self.case_ids for twin in self.scenario.twin)


def twin_id(case_id: str, flaw: str) -> str:
    """The id of the twin of a case."""
    return f"{case_id}+{flaw}"


def load(path: str | os.PathLike[str], *, flaws: Collection[str]) -> Loaded:
    """Load a scenario file.

    Args:
        path: The file; messages have it as it is given.
        flaws: The flaws the reference server can have, for twins.

    Raises:
        ScenarioError: The file cannot be read, is not YAML, or is not a scenario.
    """
    document = load_file(path, is_known=builtin.holds(path))
    if not isinstance(document.value, dict):
        raise document.error((), f"expected a scenario, got {shown(document.value)}")
    scenario = _checked(document, flaws)
    variants = tuple(
        Variant(_checked(filled, flaws).model_copy(update={"matrix": {}}), chosen)
        for chosen, filled in matrix.fill(document)
    )
    warnings = (
        line
        for variant in variants
        for line in (
            *ties(variant.scenario, document),
            *(f"{path}: {it}" for it in remarks(variant.scenario.through)),
        )
    )
    place = document.place(())
    return Loaded(scenario, document, place, variants, tuple(dict.fromkeys(warnings)))


def _checked(document: Document, flaws: Collection[str]) -> Scenario:
    """The scenario in a document, every part of it checked."""
    written = document.value
    assert isinstance(written, dict)
    rest: dict[str, Value] = dict(written)
    parts: dict[str, Any] = {}
    problems: list[ScenarioError] = []
    checks = {"through": _through, "client": _clients, "expect": _expect}
    for key, check in checks.items():
        if key in rest:
            try:
                parts[key] = check(document, rest.pop(key))
            except ScenarioError as error:
                problems.append(error)
    if isinstance(rest.get("id"), str) and not _ID.fullmatch(str(rest["id"])):
        message = (
            "expected an id such as idle/quiet-60s, of lower-case letters, digits and . _ - /, "
            f"got {shown(rest['id'])}"
        )
        problems.append(document.error(("id",), message))
        rest["id"] = "id"
    try:
        scenario = _validated(Scenario, document, (), rest)
    except ScenarioError as error:
        raise_all([*problems, error])
        raise
    scenario = scenario.model_copy(update=parts)
    problems += _twin_problems(document, scenario, flaws)
    problems += _until_problems(document, scenario)
    raise_all(problems)
    return scenario


def _through(document: Document, value: Value) -> tuple[Hop, ...]:
    return read_chain(document, ("through",), value)


def _clients(document: Document, value: Value) -> tuple[EventSource, ...]:
    if value == []:
        raise document.error(("client",), "expected one client or more, got an empty list")
    clients: list[EventSource] = []
    problems: list[ScenarioError] = []
    for path, item in _listed(("client",), value):
        try:
            clients.append(_client(document, path, item))
        except ScenarioError as error:
            problems.append(error)
    raise_all(problems)
    return tuple(clients)


def _client(document: Document, path: YamlPath, item: Value) -> EventSource:
    match item:
        case "eventsource":
            return EventSource()
        case {"eventsource": settings, **others} if not others:
            value = {} if settings is None else settings
            return _validated(EventSource, document, (*path, _CLIENT), value)
        case str():
            message = f"unknown client {shown(item)}{did_you_mean(item, [_CLIENT])}"
            raise document.error(path, message)
        case _:
            message = f"expected {_CLIENT} or {{{_CLIENT}: {{…}}}}, got {shown(item)}"
            raise document.error(path, message)


def _expect(document: Document, value: Value) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise document.error(("expect",), f"expected a mapping of checks, got {shown(value)}")
    problems: list[ScenarioError] = []
    for name, bound in value.items():
        path = ("expect", name)
        check = CHECKS.get(name)
        if check is None:
            message = f"unknown check {shown(name)}{did_you_mean(name, CHECKS)}"
            problems.append(ScenarioError(message, document.key_place(path), format_path(path)))
        else:
            problems += _bound_problems(document, path, check, bound)
    raise_all(problems)
    return value


def _bound_problems(
    document: Document, path: YamlPath, check: type[CheckConfig], bound: Value
) -> Iterator[ScenarioError]:
    # The check itself turns a bare value into a field by its Python name, so that these names
    # cannot be refused there.
    aliases = {name: key_of(name, field) for name, field in check.model_fields.items()}
    for key in bound if isinstance(bound, dict) else ():
        if (alias := aliases.get(key, key)) != key:
            inner = (*path, key)
            message = f"unknown key; did you mean {alias}?"
            yield ScenarioError(message, document.key_place(inner), format_path(inner))
            return
    try:
        registry.build(check.name, bound)
    except ValidationError as error:
        yield explain_validation(error, document, check, path)


def _twin_problems(
    document: Document, scenario: Scenario, flaws: Collection[str]
) -> list[ScenarioError]:
    written = document.value
    assert isinstance(written, dict)
    expect = written.get("expect", {})
    asked = (
        [name for name, bound in expect.items() if bound is not False]
        if isinstance(expect, dict)
        else None
    )
    problems = []
    seen: set[str] = set()
    paths = [path for path, _ in _listed(("twin",), written.get("twin", []))]
    for path, twin in zip(paths, scenario.twin, strict=True):
        if twin.flaw not in flaws:
            message = f"unknown flaw {shown(twin.flaw)}{did_you_mean(twin.flaw, flaws)}"
            problems.append(document.error((*path, "flaw"), message))
        elif twin.flaw in seen:
            problems.append(document.error((*path, "flaw"), f"second twin with {twin.flaw}"))
        seen.add(twin.flaw)
        if asked is not None and twin.fails not in asked:
            hint = did_you_mean(twin.fails, asked)
            message = f"expected a check that stands in expect, got {shown(twin.fails)}{hint}"
            problems.append(document.error((*path, "fails"), message))
    return problems


def _until_problems(document: Document, scenario: Scenario) -> Iterator[ScenarioError]:
    """What `until` of `stays_open` names and is no such fault of the chain."""
    bound = scenario.expect.get(StaysOpen.name)
    written = bound.get("until", ()) if isinstance(bound, dict) else ()
    known = limit_paths(scenario.through)
    for at, name in enumerate(written):
        if name not in known:
            path = ("expect", StaysOpen.name, "until", at)
            hint = f"; there are {', '.join(known)}" if known else ""
            message = f"expected a fault of through that ends every response, got {shown(name)}"
            yield document.error(path, message + hint)


def _listed(path: YamlPath, value: Value) -> list[tuple[YamlPath, Value]]:
    """The items of what may be one thing or a list of them, each with its path."""
    if isinstance(value, list):
        return [((*path, at), item) for at, item in enumerate(value)]
    return [(path, value)]


def _validated[T: BaseModel](model: type[T], document: Document, path: YamlPath, value: Value) -> T:
    try:
        # Names of Python, such as every_s, are no keys of YAML.
        return model.model_validate(value, context=YAML_CONTEXT, by_alias=True, by_name=False)
    except ValidationError as error:
        raise explain_validation(error, document, model, path) from error

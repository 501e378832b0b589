"""`sse-harness.yaml`, found from a directory upwards, with variables of the environment in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.errors import ScenarioError, explain_validation, shown
from harness.model.project import Project
from harness.scenario.schema import DIALECT
from harness.units import YAML_CONTEXT
from harness.yamlio import Document, Value, YamlPath, load_file

NAME: Final = "sse-harness.yaml"
# `$${` is a `${` that is meant as it stands.
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and what it says.

    Args:
        path: The file, as messages name it.
        project: What is in it.
    """

    path: Path
    project: Project

    def beside(self, path: str) -> str:
        """A path that is relative to the file, as an absolute one."""
        return str((self.path.absolute().parent / path).resolve())


def find(start: Path) -> Found | None:
    """The nearest file, from a directory upwards; None: there is none.

    Raises:
        ScenarioError: It cannot be read, or is wrong; says where.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        path = folder / NAME
        if path.is_file():
            shown_path = Path(os.path.relpath(path, start))
            return Found(path, read(load_file(shown_path if start == Path.cwd() else path)))
    return None


def read(document: Document, env: Mapping[str, str] = os.environ) -> Project:
    """What a document says.

    Args:
        document: The file.
        env: The variables that `${NAME}` stands for.

    Raises:
        ScenarioError: It is wrong, or a variable is not set.
    """
    if document.value is None:
        raise document.error((), "expected target: and what it says, got nothing")
    filled = replace(document, value=_filled(document, (), document.value, env))
    try:
        return Project.model_validate(
            filled.value, context=YAML_CONTEXT, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise explain_validation(error, filled, Project) from error


def _filled(document: Document, path: YamlPath, value: Value, env: Mapping[str, str]) -> Value:
    """A value with variables filled in; what they hold is text, and is not read as YAML."""
    match value:
        case str():
            return _VARIABLE.sub(lambda found: _variable(document, path, found, env), value)
        case dict():
            return {key: _filled(document, (*path, key), it, env) for key, it in value.items()}
        case list():
            return [_filled(document, (*path, at), it, env) for at, it in enumerate(value)]
        case _:
            return value


def _variable(
    document: Document, path: YamlPath, found: re.Match[str], env: Mapping[str, str]
) -> str:
    if found[1]:
        return found[1]
    name = found[2]
    if not _NAME.fullmatch(name):
        raise document.error(path, f"expected ${{NAME}}, got {shown(found[0])}")
    if name not in env:
        raise _unset(document, path, name)
    return env[name]


def _unset(document: Document, path: YamlPath, name: str) -> ScenarioError:
    return document.error(path, f"the environment variable {name} is not set")


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    described = Project.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **described}

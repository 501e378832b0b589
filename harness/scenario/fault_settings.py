"""The settings of one fault in a chain, and the user's script that stands like one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness import products
from harness.errors import (
    ScenarioError,
    YamlPath,
    did_you_mean,
    explain_validation,
    format_path,
    shown,
)
from harness.faults.registry import FAULTS
from harness.model.scenario import FaultSpec
from harness.units import YAML_CONTEXT
from harness.yamlio import Document, Value

SCRIPT: Final = "script"  # a user's mitmproxy addon: no fault of ours, but written like one


def check_fault(document: Document, path: YamlPath, spec: FaultSpec) -> None:
    """See that a fault is known, and its settings make sense.

    Raises:
        ScenarioError: It is not, or they do not.
    """
    if spec.name == SCRIPT:
        _check_script(document, path, spec.settings)
        return
    fault = FAULTS.get(spec.name)
    if fault is None:
        message = unknown("product or fault", spec.name, (*products.names(), *FAULTS, SCRIPT))
        raise ScenarioError(message, document.key_place(path), format_path(path))
    try:
        # Names of Python, such as after_s, are no keys of YAML.
        fault.model_validate(
            {} if spec.settings is None else spec.settings,
            context=YAML_CONTEXT,
            by_alias=True,
            by_name=False,
        )
    except ValidationError as error:
        raise explain_validation(error, document, fault, path) from error


def _check_script(document: Document, path: YamlPath, settings: Value) -> None:
    if not isinstance(settings, str) or not settings:
        message = f"expected the path of a mitmproxy addon, got {shown(settings)}"
        raise document.error(path, message)
    file = script_path(settings, document.file)
    try:
        is_file = file.is_file()
    except (OSError, ValueError):  # a name no file can have
        is_file = False
    if not is_file:
        raise document.error(path, f"expected a file, found none at {shown(str(file))}")


def unknown(what: str, name: str, kinds: Iterable[str]) -> str:
    """What to say of a name that is neither a product's nor a fault's."""
    hint = did_you_mean(name.partition("@")[0], (*products.names(), *FAULTS, SCRIPT))
    return f"unknown {what} {shown(name)}{hint or f'; there are {", ".join(sorted(kinds))}'}"


def script_path(written: str, place: str) -> Path:
    """Find a user's script, which a scenario names relative to its own file.

    Cases and journals keep the path as it is written, so that neither holds a path of the machine
    it was made on; what runs a case resolves it with this.

    Args:
        written: The setting.
        place: `Case.place`, or only its file: that of the scenario, or an option such as
            `--through`, which stands for the current directory.
    """
    return Path(re.sub(r":[0-9]+:[0-9]+\Z", "", place)).parent / written

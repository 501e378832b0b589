"""Find product files and read them: each once, when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from harness.errors import ScenarioError, UsageError, YamlPath, did_you_mean, format_path, shown
from harness.faults import registry
from harness.faults.registry import FAULTS
from harness.products import settings
from harness.products.expand import defaults, is_never
from harness.products.expression import Expression, ExpressionError, parse
from harness.products.model import Product, Step
from harness.products.references import expressions_in, filled, has_number
from harness.products.syntax import SYNTAXES
from harness.products.versions import key_of, listed
from harness.units import NEVER, YAML_CONTEXT
from harness.yamlio import Document, explain_validation, load_file

DIRECTORY: Final = Path(str(resources.files("harness.products")))
_SUFFIX: Final = ".yaml"
# No dot: paths of a matrix are taken apart at dots.
_SETTING = re.compile(r"[A-Za-z][\w -]*")


@cache
def names() -> tuple[str, ...]:
    """The name of every product, sorted; no file is read for it."""
    return tuple(sorted(file.stem for file in DIRECTORY.glob(f"*{_SUFFIX}")))


def products() -> tuple[Product, ...]:
    """Every product, by name."""
    return tuple(map(product, names()))


@cache
def product(name: str) -> Product:
    """One product.

    Raises:
        UsageError: There is none of that name.
        ScenarioError: Its file is wrong, which is our mistake.
    """
    if name not in names():
        raise UsageError(unknown(name))
    return load(DIRECTORY / f"{name}{_SUFFIX}")


def unknown(name: str) -> str:
    """What to say of a name that no product has."""
    return f"unknown product {shown(name)}{did_you_mean(name, names())}"


def load(file: Path) -> Product:
    """Read a product file.

    Raises:
        ScenarioError: It is not one; a number in it has no source; it mentions a fault, a setting
            or a version that is not there; or what it computes makes no sense by default.
    """
    document = load_file(file, is_known=file.parent == DIRECTORY)
    try:
        found = Product.model_validate(
            document.value, context=YAML_CONTEXT, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise explain_validation(error, document, Product) from error
    if found.product != file.stem:
        raise document.error(("product",), f"expected {file.stem}, as the file is named")
    if found.product in FAULTS:
        raise document.error(("product",), f"{found.product} is the name of a fault")
    _check_settings(document, found)
    _check_versions(document, found)
    known = {settings.name_in_expressions(name) for name in found.settings}
    for at, step in enumerate(found.faults):
        _check_step(document, found, ("faults", at), step)
    for at, line in enumerate(found.no_effect):
        _check_condition(document, ("no_effect", at), line.if_, known)
    for version in found.versions or ("",):
        _check_defaults(document, found, version)
    return found


def _check_settings(document: Document, found: Product) -> None:
    if found.syntax not in SYNTAXES:
        raise document.error(("syntax",), _not_one_of(found.syntax, SYNTAXES))
    seen: dict[str, str] = {}
    for name, setting in found.settings.items():
        path: YamlPath = ("settings", name)
        alias = settings.name_in_expressions(name)
        if not _SETTING.fullmatch(name) or not alias.isidentifier() or alias == NEVER:
            message = "expected a name of letters, digits, _, - and blanks"
            raise _at_key(document, path, message)
        if alias in seen:
            raise document.error(path, f"in expressions it is the same as {seen[alias]}")
        seen[alias] = name
        if setting.syntax is not None and setting.syntax not in SYNTAXES:
            raise document.error((*path, "syntax"), _not_one_of(setting.syntax, SYNTAXES))
        for key in ("default", "least", "most"):
            if (value := getattr(setting, key)) is not None:
                _check_value(document, found, (*path, key), name, value)


def _check_versions(document: Document, found: Product) -> None:
    before: tuple[int, ...] = ()
    for version, changed in found.versions.items():
        path: YamlPath = ("versions", version)
        try:
            key = key_of(version)
        except ValueError as error:
            raise _at_key(document, path, str(error)) from None
        if key <= before:
            raise _at_key(document, path, "expected versions in ascending order")
        before = key
        for name, value in changed.items():
            if name not in found.settings:
                hint = did_you_mean(name, found.settings)
                raise _at_key(document, (*path, name), f"unknown setting{hint}")
            if not found.settings[name].source:
                raise _at_key(document, (*path, name), f"{name} needs a source")
            _check_value(document, found, (*path, name), name, value)
    if found.versions and found.version not in found.versions:
        raise document.error(("version",), _not_one_of(found.version, found.versions))
    if found.version and not found.versions:
        raise document.error(("version",), "expected versions beside it")
    if found.versions and found.measured:
        try:
            listed(found, found.measured)
        except ValueError as error:
            raise document.error(("measured",), str(error)) from None


def _check_value(
    document: Document, found: Product, path: YamlPath, name: str, value: object
) -> None:
    try:
        settings.read(found, name, value)
    except ValueError as error:
        raise document.error(path, str(error)) from None


def _check_step(document: Document, found: Product, path: YamlPath, step: Step) -> None:
    if step.fault not in FAULTS:
        message = f"unknown fault {shown(step.fault)}{did_you_mean(step.fault, FAULTS)}"
        raise _at_key(document, (*path, step.fault), message)
    if step.setting and step.setting not in found.settings:
        hint = did_you_mean(step.setting, found.settings)
        raise document.error((*path, "setting"), f"unknown setting{hint}")
    before = found.faults[: found.faults.index(step)]
    is_late = any(it.fault in FAULTS and not FAULTS[it.fault].stands_first for it in before)
    if FAULTS[step.fault].stands_first and is_late:
        message = f"{step.fault} makes attempts of its own: it has to stand first"
        raise _at_key(document, (*path, step.fault), message)
    known = {settings.name_in_expressions(name) for name in found.settings}
    try:
        expressions = list(expressions_in(step.settings))
        for it in expressions:
            _check_names(it, known)
    except ExpressionError as error:
        raise document.error((*path, step.fault), str(error)) from None
    # Also where `if:` leaves it out by default. Of computed settings the keys are the same always.
    wrong = _wrong(step, step.settings)
    if wrong is not None and expressions:
        wrong = _of_keys(wrong)
    if wrong is not None:
        raise _explained(wrong, document, path, step)
    _check_condition(document, path, step.if_, known)
    blamed = found.settings.get(step.setting)
    if not (step.evidence or (blamed and blamed.evidence)):
        raise document.error(path, "expected evidence: measured, documented or reported")
    if not (step.source or (blamed and blamed.source)):
        raise document.error(path, "expected a source")
    if not step.source and (has_number(step.settings) or step.evidence):
        raise document.error(path, "a number or evidence of its own needs a source of its own")


def _check_defaults(document: Document, found: Product, version: str) -> None:
    """Compute what stands in a version where nobody writes a setting."""
    values = defaults(found, version)
    names = {settings.name_in_expressions(name): value for name, (value, _) in values.items()}
    for at, step in enumerate(found.faults):
        key = "if"
        try:
            if step.if_ and not parse(step.if_).value(names):
                continue
            key = step.fault
            made = filled(step.settings, names)
        except ExpressionError as error:
            raise document.error(("faults", at, key), str(error)) from None
        wrong = None if is_never(made) else _wrong(step, made)
        if wrong is not None:
            raise _explained(wrong, document, ("faults", at), step)


def _wrong(step: Step, made: object) -> ValidationError | None:
    """What is wrong with the settings of a fault; None: nothing is."""
    try:
        registry.build(step.fault, made)
    except ValidationError as error:
        return error
    return None


def _explained(
    wrong: ValidationError, document: Document, path: YamlPath, step: Step
) -> ScenarioError:
    return explain_validation(wrong, document, FAULTS[step.fault], (*path, step.fault))


def _of_keys(error: ValidationError) -> ValidationError | None:
    """What is wrong with keys, whatever the values come to; None: nothing is."""
    lines = [
        InitErrorDetails(type=it["type"], loc=it["loc"], input=it["input"])
        for it in error.errors(include_url=False, include_context=False)
        if it["type"] in {"missing", "extra_forbidden"}
    ]
    return ValidationError.from_exception_data(error.title, lines) if lines else None


def _check_condition(document: Document, path: YamlPath, text: str, known: set[str]) -> None:
    try:
        if text:
            _check_names(parse(text), known)
    except ExpressionError as error:
        raise document.error((*path, "if"), str(error)) from None


def _check_names(it: Expression, known: set[str]) -> None:
    for name in sorted(it.names - known):
        raise ExpressionError(f"unknown setting {shown(name)}{did_you_mean(name, known)}")


def _at_key(document: Document, path: YamlPath, message: str) -> ScenarioError:
    return ScenarioError(message, document.key_place(path), format_path(path))


def _not_one_of(name: str, known: Iterable[str]) -> str:
    return f"expected one of {', '.join(known)}, got {shown(name)}"

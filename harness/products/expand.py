"""From a product, its version and what a user wrote under it, to a hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.errors import ScenarioError, did_you_mean
from harness.faults import registry
from harness.faults.limit import Limit
from harness.faults.registry import FAULTS
from harness.model.scenario import ConfigUse, EvidenceGrade, FaultSpec, Hop, ProductUse
from harness.products import expression, settings
from harness.products.model import Product, Step
from harness.products.references import filled
from harness.products.settings import Read, name_in_expressions
from harness.products.values import Plain, Typed
from harness.products.versions import listed
from harness.units import NEVER


def hop(
    product: Product,
    version: str = "",
    written: Mapping[str, object] | None = None,
    config: ConfigUse | None = None,
) -> Hop:
    """Make a hop of a product.

    Args:
        product: Which one.
        version: Of the product; "": the one a bare name means.
        written: Its settings as the user wrote them, scalars as they were typed.
        config: The user's own configuration that some of them are from.

    Raises:
        ScenarioError: The version is unknown, or a setting is, or has a value the product would
            not take. It has no place; its path is the setting's name, "" for the whole product.
            Further problems are its `also`.
    """
    version = version or product.version
    held = _listed(product, version)
    own = _read(product, written or {})
    specs = _specs(product, held, own, config)
    use = ProductUse(
        name=product.product,
        version=version,
        settings={name: it for name, (_, it) in own.items()},
        config=config,
    )
    return Hop(faults=tuple(it for it in specs if it is not None), product=use)


def by_default(product: Product, version: str = "") -> list[FaultSpec | None]:
    """What each entry under `faults:` comes to where nobody writes a setting; None: to nothing.

    Args:
        product: Which one.
        version: See `hop`.

    Raises:
        ScenarioError: The version is unknown.
    """
    return _specs(product, _listed(product, version or product.version), {}, None)


def known_as(
    product: Product, version: str, evidence: EvidenceGrade | None
) -> EvidenceGrade | None:
    """How something is known of one version, where `evidence` is how it is known of the product.

    Of a version that nobody measured, what was measured of another one is documented at best.

    Args:
        product: Which one.
        version: A listed one; "": the product has none.
        evidence: As its file has it.
    """
    is_measured = bool(product.measured) and version == _listed_as_measured(product)
    return "documented" if evidence == "measured" and not is_measured else evidence


def _listed(product: Product, version: str) -> str:
    """The listed version that holds.

    Raises:
        ScenarioError: See `hop`.
    """
    try:
        return listed(product, version)
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def _specs(
    product: Product, version: str, own: Mapping[str, Read], config: ConfigUse | None
) -> list[FaultSpec | None]:
    """Each step of a listed version with these settings; None: it comes to nothing."""
    values = defaults(product, version) | dict(own)
    names = {name_in_expressions(name): value for name, (value, _) in values.items()}
    return [
        _spec(product, version, step, names, values, config)
        if not step.if_ or expression.parse(step.if_).value(names)
        else None
        for step in product.faults
    ]


def _listed_as_measured(product: Product) -> str:
    """The listed version that was measured; "" for a product of which no versions are listed."""
    return listed(product, product.measured) if product.versions else ""


def defaults(product: Product, version: str) -> dict[str, Read]:
    """Every setting as it is where nobody writes it.

    Args:
        product: Whose settings.
        version: One that is listed; "": it has none.
    """
    written = {name: it.default for name, it in product.settings.items()}
    written |= product.versions.get(version, {})
    return {
        name: settings.unset(product, name)
        if default is None
        else settings.read(product, name, default)
        for name, default in written.items()
    }


def is_never(made: object) -> bool:
    """Whether a fault with these settings is a limit that is never reached."""
    return isinstance(made, dict) and made.get("after") == NEVER


def _read(product: Product, written: Mapping[str, object]) -> dict[str, Read]:
    """The settings a user wrote.

    Raises:
        ScenarioError: See `hop`.
    """
    own: dict[str, Read] = {}
    problems: list[ScenarioError] = []
    for name, value in written.items():
        if name not in product.settings:
            hint = did_you_mean(name, product.settings)
            there_are = f"; {product.product} has {', '.join(product.settings) or 'none'}"
            problems.append(ScenarioError(f"unknown setting{hint or there_are}", None, name))
            continue
        try:
            own[name] = settings.read(product, name, value)
        except ValueError as error:
            problems.append(ScenarioError(str(error), None, name))
    if problems:
        first, *rest = problems
        raise ScenarioError(first.message, None, first.path, tuple(rest))
    return own


def _spec(
    product: Product,
    version: str,
    step: Step,
    names: Mapping[str, Typed],
    values: Mapping[str, Read],
    own: ConfigUse | None,
) -> FaultSpec | None:
    """One fault of the hop; None where its limit is never."""
    made: Any = filled(step.settings, names)
    if is_never(made):
        return None
    try:
        config = registry.build(step.fault, made)
    except ValidationError as error:
        raise ScenarioError(_useless(product, step, error), None, step.setting) from error
    blamed = product.settings.get(step.setting)
    evidence = step.evidence or (blamed.evidence if blamed else None)
    return FaultSpec(
        name=step.fault,
        settings=made,
        arms=step.arms or config.arms,
        evidence=known_as(product, version, evidence),
        source=step.source or (blamed.source if blamed else ""),
        setting=step.setting,
        value=_shown(values[step.setting][1]) if blamed else "",
        place="" if own is None else own.lines.get(step.setting, ""),
        is_limit=issubclass(FAULTS[step.fault], Limit),
        is_aside=config.is_aside,
        rescue=step.rescue,
    )


def _shown(spelt: Plain) -> str:
    """A value for reports; of header fields their names, since their values may be secret."""
    return ", ".join(spelt) if isinstance(spelt, dict) else str(spelt)


def _useless(product: Product, step: Step, error: ValidationError) -> str:
    details = error.errors(include_url=False)[0]
    where = ".".join(map(str, (step.fault, *details["loc"])))
    return f"{product.product} makes no sense with this: {where}: {details['msg']}"

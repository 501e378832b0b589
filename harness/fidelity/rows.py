"""The configurations that are held against real programs: `rows/*.yaml`, one file a product.

product: nginx
rows:
h11:                                    # as the stored measurements call it, where they have it
settings: {proxy_http_version: "1.1"} # the product's own, as a scenario writes them
probes: [flow, time, leaving]         # groups of the battery
two_hops:
through: [nginx, {nginx: {proxy_http_version: "1.1"}}]    # a chain, in place of settings
probes: [flow]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from harness.errors import HarnessError, ScenarioError, did_you_mean
from harness.fidelity.battery import GROUPS, probes
from harness.fidelity.record import Ask
from harness.model.base import Strict
from harness.model.scenario import Hop
from harness.scenario.chain import parse_chain
from harness.units import YAML_CONTEXT
from harness.yamlio import dump, explain_validation, load_file

DIRECTORY = Path(__file__).parent / "rows"


class _Written(Strict):
    """One configuration as the file has it; see above."""

    settings: dict[str, Any] = Field(default_factory=dict)
    through: list[Any] = Field(default_factory=list)
    probes: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.settings and self.through:
            raise ValueError("settings are the product's, through is a chain: one of them")
        if unknown := [it for it in self.probes if it not in GROUPS]:
            raise ValueError(f"no group of probes {unknown[0]}; there are {', '.join(GROUPS)}")
        return self


class _File(Strict):
    product: str
    rows: dict[str, _Written]


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration of one product.

    Args:
        product: The product.
        name: How it is called.
        hops: A chain of real hops, client first; what installed version they are is not known yet.
        settings: As they are written; of a chain, none.
        probes: What it is asked, by name.
    """

    product: str
    name: str
    hops: tuple[Hop, ...]
    settings: dict[str, Any]
    probes: dict[str, Ask]


@cache
def products() -> tuple[str, ...]:
    """The products that have rows, sorted."""
    return tuple(sorted(file.stem for file in DIRECTORY.glob("*.yaml")))


@cache
def rows(product: str) -> tuple[Row, ...]:
    """The rows of a product, in the order of its file.

    Raises:
        ScenarioError: There are none, or the file is not such a file.
    """
    if product not in products():
        hint = did_you_mean(product, products())
        raise ScenarioError(f"{product}: no program of that name is compared{hint}")
    document = load_file(DIRECTORY / f"{product}.yaml")
    try:
        found = _File.model_validate(
            document.value, context=YAML_CONTEXT, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise explain_validation(error, document, _File) from error
    if found.product != product:
        raise document.error(("product",), f"expected {product}, as the file is named")
    return tuple(_row(product, name, it) for name, it in found.rows.items())


def _row(product: str, name: str, written: _Written) -> Row:
    through: Sequence[Any] = written.through or [{product: written.settings}]
    try:
        hops = parse_chain(dump([{"real": it} for it in through]))
    except HarnessError as error:
        raise ScenarioError(f"rows/{product}.yaml: {name}: {error}") from None
    return Row(product, name, hops, written.settings, probes(written.probes))

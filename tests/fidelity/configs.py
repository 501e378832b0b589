"""Which product, version and settings a config of the measurements is: `configs/*.yaml`.

One file a product, so that several authors can add rows without meeting:

    product: nginx              # as harness/products has it
    version: "1.22"             # "" for a product without versions
    records: [nginx]            # the programs of the log whose configs these are, or some configs
                                # of one: pyservers/gunicorn_*
    configs:                    # config of the log → settings of the product, or a whole chain
      default: {}
      h11: {proxy_http_version: "1.1"}
      two_hops: {through: [nginx@1.22, {nginx@1.22: {proxy_http_version: "1.1"}}]}
    not_modelled:               # config → why there is no row for it; each config of the log has
      cache_lock: …             # to stand in one of the two
    known:                      # disagreements that are expected; they count as disagreements
      - {config: "gzip_*", probe: gz_random*, fact: pattern, why: …}

`config`, `probe` and `fact` of a `known` are globs; left out, any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from harness import products
from harness.errors import HarnessError, ScenarioError
from harness.fidelity.compare import Compared
from harness.fidelity.matrix import seen_as
from harness.model.base import Strict
from harness.model.scenario import Hop
from harness.products.model import Product
from harness.scenario.chain import parse_chain
from harness.units import YAML_CONTEXT
from harness.yamlio import dump, explain_validation, load_file

DIRECTORY = Path(__file__).parent / "configs"
_CHAIN = "through"


class Known(Strict):
    """An expected disagreement."""

    why: str
    config: str = "*"
    probe: str = "*"
    fact: str = "*"

    def covers(self, it: Compared) -> bool:
        """Whether this is what `it` disagrees about."""
        return (
            fnmatchcase(it.record.config, self.config)
            and fnmatchcase(it.record.probe, self.probe)
            and fnmatchcase(it.fact, self.fact)
        )


class Configs(Strict):
    """One file; see above."""

    product: str
    records: tuple[str, ...] = Field(min_length=1)
    version: str = ""
    configs: dict[str, dict[str, Any]] = Field(default_factory=dict)
    not_modelled: dict[str, str] = Field(default_factory=dict)
    known: tuple[Known, ...] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Configs:
        if both := self.configs.keys() & self.not_modelled.keys():
            raise ValueError(f"both modelled and not: {', '.join(sorted(both))}")
        return self

    def why(self, it: Compared) -> str:
        """Why a disagreement is expected; "" when it is not."""
        why = next((known.why for known in self.known if known.covers(it)), "")
        return why or seen_as(self.product, it)


def names() -> tuple[str, ...]:
    """The products that have a file."""
    return tuple(sorted(file.stem for file in DIRECTORY.glob("*.yaml")))


@cache
def configs(product: str) -> Configs:
    """The file of one product.

    Raises:
        ScenarioError: It is not such a file.
    """
    document = load_file(DIRECTORY / f"{product}.yaml")
    try:
        found = Configs.model_validate(
            document.value, context=YAML_CONTEXT, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise explain_validation(error, document, Configs) from error
    if found.product != product:
        raise document.error(("product",), f"expected {product}, as the file is named")
    return found


def is_there(product: str) -> bool:
    """Whether the product itself is there yet; its file here may come first."""
    return product in products.names()


def chain(found: Configs, config: str, product: Product | None = None) -> tuple[Hop, ...]:
    """The hops that stand for a config of the log, client first.

    Args:
        product: Stands in for the product of that name; only in a row of settings.

    Raises:
        ScenarioError: There is no such product, or it does not take the settings.
    """
    row = found.configs[config]
    try:
        if row.keys() == {_CHAIN}:
            return _parsed(dump(row[_CHAIN]))
        return (products.hop(product or products.product(found.product), found.version, row),)
    except HarnessError as error:
        raise ScenarioError(f"configs/{found.product}.yaml: {config}: {error}") from None


@cache
def _parsed(text: str) -> tuple[Hop, ...]:
    return parse_chain(text)


def without_row(found: Configs, in_log: Sequence[str]) -> Mapping[str, str]:
    """The configs of the log that are not compared, and why."""
    return {it: found.not_modelled.get(it, "no row") for it in in_log if it not in found.configs}

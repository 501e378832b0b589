"""`--set product.setting=VALUE`: another value for a setting, wherever the product stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness import products
from harness.errors import HarnessError, UsageError, did_you_mean, shown
from harness.model.scenario import Hop
from harness.products.settings import read
from harness.yamlio import parse_inline

_OPTION = "--set"


@dataclass(frozen=True, slots=True)
class Override:
    """One `--set`.

    Args:
        product: The product's name, of whatever version.
        setting: One of its settings.
        value: As it was typed; what holds fields is read as YAML.
        text: The whole of it.
    """

    product: str
    setting: str
    value: object
    text: str

    def is_about(self, path: str) -> bool:
        """Whether a path of a matrix leads to this setting."""
        wanted = (
            rf"through\[[0-9]+\]\.(?:real\.)?{re.escape(self.product)}\.{re.escape(self.setting)}"
        )
        return re.fullmatch(wanted, path) is not None


def parse_override(text: str) -> Override:
    """Read what `--set` gives.

    Args:
        text: Such as `nginx.proxy_read_timeout=5s`.

    Raises:
        UsageError: It is not of this form, names nothing that there is, or gives a value that the
            product would not take.
    """
    left, equals, value = text.partition("=")
    name, dot, setting = left.strip().partition(".")
    if not (equals and dot):
        wanted = "expected PRODUCT.SETTING=VALUE, as in nginx.proxy_read_timeout=5s"
        raise UsageError(f"{_OPTION} {shown(text)}: {wanted}")
    option = f"{_OPTION} {name}.{setting}"
    if name not in products.names():
        raise UsageError(f"{option}: {products.unknown(name)}")
    product = products.product(name)
    if setting not in product.settings:
        hint = did_you_mean(setting, product.settings)
        there_are = f"; {name} has {', '.join(product.settings)}"
        raise UsageError(f"{option}: unknown setting{hint or there_are}")
    is_yaml = product.settings[setting].type_ == "fields"
    try:
        written = parse_inline(value, option).value if is_yaml else value
        read(product, setting, written)
    except HarnessError:
        raise
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    return Override(name, setting, written, text)


def overridden(hops: Iterable[Hop], overrides: Sequence[Override]) -> tuple[Hop, ...]:
    """A chain with every setting replaced that one of `overrides` names, the last of them winning.

    Raises:
        UsageError: The settings together make no sense.
    """
    return tuple(_overridden(hop, overrides) for hop in hops)


def _overridden(hop: Hop, overrides: Sequence[Override]) -> Hop:
    use = hop.product
    mine = [it for it in overrides if use is not None and it.product == use.name]
    if use is None or not mine:
        return hop
    changed = {it.setting: it.value for it in mine}
    settings = {**use.settings, **changed}
    config = use.config and use.config.without(changed)
    make = products.real_hop if hop.is_real else products.hop
    try:
        return make(products.product(use.name), use.version, settings, config)
    except HarnessError as error:
        raise UsageError(f"{_OPTION} {mine[-1].text}: {error}") from None


def check_used(overrides: Iterable[Override], chains: Iterable[Sequence[Hop]]) -> None:
    """See that every override is about a product that stands in one of the chains.

    Raises:
        UsageError: One is not.
    """
    there = {hop.product.name for hops in chains for hop in hops if hop.product is not None}
    for it in overrides:
        if it.product not in there:
            others = f"; there are {', '.join(sorted(there))}" if there else ""
            raise UsageError(f"{_OPTION} {it.text}: no chain goes through {it.product}{others}")

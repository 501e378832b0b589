"""What was measured can be given to the program itself, or there is a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import products
from harness.errors import ScenarioError
from harness.products import real
from tests.fidelity import configs

# Settings of a measured configuration that cannot be given to the real program.
NOT_RENDERABLE = {
    ("squid", "accel"): (
        "without it Squid is a forward proxy, which takes absolute URLs; a hop is asked for paths"
    ),
}


def settings(product: str, config: str) -> Iterator[tuple[str, dict[str, object]]]:
    """The programs that a measured configuration stands for, and what each is set to."""
    for hop in configs.chain(configs.configs(product), config):
        assert hop.product is not None
        if hop.product.name in real.names():
            yield hop.product.name, dict(hop.product.settings)


ROWS = [
    (product, config)
    for product in configs.names()
    if product in real.names()
    for config in configs.configs(product).configs
]


def lost(product: str, config: str) -> set[tuple[str, str]]:
    """The settings of a row that the templates do not take."""
    out = set()
    for name, written in settings(product, config):
        try:
            products.real_hop(products.product(name), "", written)
        except ScenarioError as error:
            out |= {(name, it.path) for it in (error, *error.also)}
    return out


@pytest.mark.parametrize(("product", "config"), ROWS)
def test_what_was_measured_can_be_given_to_the_program(product: str, config: str) -> None:
    assert lost(product, config) <= set(NOT_RENDERABLE)


def test_no_reason_is_given_for_what_can_be_rendered() -> None:
    assert set.union(*(lost(*row) for row in ROWS)) == set(NOT_RENDERABLE)

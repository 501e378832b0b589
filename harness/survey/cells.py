"""What a stream is replayed through: every product as it comes, and the chains people deploy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.ends.flaws import FLAWS
from harness.model.scenario import Hop
from harness.products.expand import hop
from harness.products.load import products
from harness.scenario import builtin
from harness.scenario.chain import longest_limit_s, show_chain
from harness.scenario.load import load

DIRECT = "direct"
CHAINS = "chains"


@dataclass(frozen=True)
class Cell:
    """One chain to replay through.

    Attributes:
        name: Of the product, such as `nginx`, or the chain, `chains/cloudflare-nginx`.
        hops: Client first; none: straight to the target.
    """

    name: str
    hops: tuple[Hop, ...]

    @cached_property
    def title(self) -> str:
        """What stands there, in a few words: `nginx@1.22`."""
        return " → ".join(show_chain(self.hops)) or DIRECT

    @cached_property
    def asked_for(self) -> str:
        """What `--through` has to say to get it."""
        words = [hop.as_yaml() for hop in self.hops]
        names = [next(iter(word)) for word in words]
        is_bare = all(
            len(word) == 1 and not word[name] for word, name in zip(words, names, strict=True)
        )
        return ",".join(names) if is_bare else json.dumps(words)

    @cached_property
    def longest_limit_s(self) -> float:
        """The longest time that one of its faults may take to act, in seconds."""
        return longest_limit_s(self.hops)


def all_products() -> tuple[Cell, ...]:
    """A cell for every product, by name."""
    return tuple(Cell(it.product, (hop(it),)) for it in products())


def all_chains() -> tuple[Cell, ...]:
    """A cell for every chain of products in the built-in suite, each once, by name."""
    return tuple(_chains())


def _chains() -> Iterator[Cell]:
    seen: list[tuple[Hop, ...]] = []
    for file in sorted((builtin.suite() / CHAINS).glob("*.yaml")):
        scenario = load(file, flaws=FLAWS).variants[0].scenario
        # What a scenario adds of its own to make something happen is no part of a deployment.
        if scenario.through not in seen and all(it.product for it in scenario.through):
            seen.append(scenario.through)
            yield Cell(scenario.id, scenario.through)

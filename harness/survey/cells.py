"""What a stream is replayed through: every product as it comes, and the chains people deploy."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.ends.flaws import FLAWS
from harness.model.scenario import Hop
from harness.products.expand import hop
from harness.products.load import products
from harness.scenario import builtin
from harness.scenario.chain import configs, longest_limit_s, show_chain
from harness.scenario.load import load

DIRECT = "direct"
CHAINS = "chains"
# Of the built-in suite, those with one line that has a product hold a stream, for any reason.
_DECIDING = ("held", "compressed-and-flushed", "compressed-if-allowed", "caddy-encode")
_UNFIT = re.compile(r"[^a-z0-9._-]+")


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
    def behaviour(self) -> str:
        """What it does to a stream: chains of which this is the same do the same."""
        return repr([[(it.name, it.settings) for it in hop.faults] for hop in self.hops])

    def heeds(self, field: str) -> bool:
        """Whether what it does to a stream may depend on a response field, named in lower case."""
        return any(config.heeds(field) for hop in self.hops for _, config in configs(hop))

    @cached_property
    def shortest_end_s(self) -> float:
        """After how long one of its faults ends every response, in seconds; 0: none does so."""
        found = (
            config.limit_s()
            for hop in self.hops
            for _, config in configs(hop)
            if config.always_ends
        )
        return min((it for it in found if 0 < it < math.inf), default=0.0)

    @cached_property
    def longest_limit_s(self) -> float:
        """The longest time that one of its faults may take to act, in seconds."""
        return longest_limit_s(self.hops)


def name_of(hops: Sequence[Hop]) -> str:
    """A name for a chain that has none: fit to be the id of a case."""
    words = [
        hop.product.name if hop.product else "-".join(it.name for it in hop.faults) or "via"
        for hop in hops
    ]
    return "-".join(words) or "nothing"


def all_products() -> tuple[Cell, ...]:
    """A cell for every product, by name."""
    return tuple(Cell(it.product, (hop(it),)) for it in products())


def all_chains() -> tuple[Cell, ...]:
    """A cell for every chain of products in the built-in suite, each once, by name."""
    return tuple(_chains())


def all_settings() -> tuple[Cell, ...]:
    """A cell for every setting of a product that people have and that decides, by name."""
    return tuple(_settings())


def _settings() -> Iterator[Cell]:
    seen: list[tuple[Hop, ...]] = []
    for name in _DECIDING:
        loaded = load(builtin.suite() / "settings" / f"{name}.yaml", flaws=FLAWS)
        for hops in (it.scenario.through for it in loaded.variants):
            use = hops[0].product
            if len(hops) == 1 and use is not None and use.settings and hops not in seen:
                seen.append(hops)
                words = [use.name, *use.settings, *map(str, use.settings.values())]
                yield Cell(f"settings/{_UNFIT.sub('-', '-'.join(words).lower())}", hops)


def _chains() -> Iterator[Cell]:
    seen: list[tuple[Hop, ...]] = []
    for file in sorted((builtin.suite() / CHAINS).glob("*.yaml")):
        scenario = load(file, flaws=FLAWS).variants[0].scenario
        # What a scenario adds of its own to make something happen is no part of a deployment.
        if scenario.through not in seen and all(it.product for it in scenario.through):
            seen.append(scenario.through)
            yield Cell(scenario.id, scenario.through)

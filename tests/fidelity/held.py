"""Hold a product, or any chain, against the records of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.fidelity.held import Fact, facts_of
from harness.fidelity.record import Record
from harness.model.scenario import Hop
from tests.fidelity.configs import Configs, chain, without_row
from tests.fidelity.records import of


@dataclass(frozen=True, slots=True)
class Held:
    """A product held against its records.

    Args:
        facts: All facts compared.
        left_out: Configs of the log without a row, and why.
    """

    configs: Configs
    records: int
    facts: tuple[Fact, ...]
    left_out: dict[str, str]

    @property
    def agreed(self) -> int:
        """How many facts agree."""
        return sum(it.compared.is_agreed for it in self.facts)

    @property
    def share(self) -> float:
        """The share of facts that agree; 1 when there are none."""
        return self.agreed / len(self.facts) if self.facts else 1.0


def held(found: Configs, wanted: Callable[[Record], bool] = lambda _: True) -> Held:
    """Hold a product against those of its records that are wanted.

    Raises:
        ScenarioError: The product is not there, or does not take a row's settings.
    """
    records = of(found.records)
    hops = {it: chain(found, it) for it in found.configs}
    left_out = without_row(found, list(dict.fromkeys(it.config for it in records)))
    chosen = [it for it in records if it.config in found.configs and wanted(it)]
    facts = [
        fact
        for record in chosen
        for fact in facts_of(record, hops[record.config], found.product, found.why)
    ]
    return Held(found, len(chosen), tuple(facts), dict(left_out))


def held_chain(hops: Sequence[Hop], records: Iterable[Record]) -> tuple[Fact, ...]:
    """Hold one chain against records, whatever their config."""
    return tuple(fact for record in records for fact in facts_of(record, hops, record.intermediary))

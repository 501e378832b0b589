"""Pipelines, and a stage that does as it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.faults.base import (
    Action,
    CaseOver,
    Event,
    Fault,
    Wake,
    passed,
)
from harness.faults.pipeline import Pipeline
from tests.testkit.playbook import Playbook


def half() -> float:
    return 0.5


def pipeline(*stages: Fault) -> Playbook:
    return Playbook(Pipeline(stages)).at(0.0)


@dataclass
class Script:
    """A stage that says what it is told to say, writes down what it heard, and passes the rest.

    Args:
        says: What to answer to an event; each answer may speak for another exchange.
    """

    says: dict[Event, list[Action | tuple[int, Action]]] = field(default_factory=dict)
    heard: list[tuple[int, Event]] = field(default_factory=list)

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        self.heard.append((x, event))
        if event in self.says:
            for said in self.says[event]:
                yield said if isinstance(said, tuple) else (x, said)
        elif not isinstance(event, Wake | CaseOver):
            yield x, passed(event)

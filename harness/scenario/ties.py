"""Two things due at one instant: allowed, and hardly ever meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.errors import YamlPath, format_path
from harness.model.scenario import Scenario, Traffic
from harness.scenario.chain import configs
from harness.units import format_duration
from harness.yamlio import Document


def ties(scenario: Scenario, document: Document) -> Iterator[str]:
    """Say of each cadence of the traffic that it equals a limit of the chain.

    A limit fires 1 ms after its instant, so that such a case has a definite outcome; but it is
    one that a real network, which is never that exact, would not give twice.
    """
    for number, hop in enumerate(scenario.through, 1):
        for spec, config in configs(hop):
            limit_s = config.limit_s()
            if not 0 < limit_s < math.inf or not config.limit_decides:
                continue
            name = spec.setting or spec.name
            for path, what, cadence_s in _cadences(scenario):
                if math.isclose(cadence_s, limit_s, abs_tol=1e-9):
                    yield (
                        f"{document.place(path)}: {format_path(path)}: {what} "
                        f"{format_duration(limit_s)}, the very limit of {name} in hop {number}: "
                        "which comes first is a matter of a millisecond"
                    )


def _cadences(scenario: Scenario) -> Iterator[tuple[YamlPath, str, float]]:
    if scenario.server.heartbeat_s is not None:
        yield ("server", "heartbeat"), "heartbeats come every", scenario.server.heartbeat_s
    traffic = scenario.traffic
    if traffic is None:
        return
    yield ("traffic", "every"), "events come every", traffic.every_s
    if traffic.head_after_s:
        yield ("traffic", "head_after"), "the head comes after", traffic.head_after_s
    for number in range(len(traffic.silence)):
        yield ("traffic", "silence", number), "this silence is", _silence_s(traffic, number)


def _silence_s(traffic: Traffic, number: int) -> float:
    """From the last event before a silence to the first one after it, in seconds."""
    silence = traffic.silence[number]
    first_s = traffic.every_s if traffic.first_s is None else traffic.first_s
    if silence.from_s <= first_s:
        return silence.to_s
    # Times are sums of the same seconds, so that the last bit may differ.
    before = math.ceil((silence.from_s - first_s) / traffic.every_s - 1e-9) - 1
    after = math.ceil((silence.to_s - first_s) / traffic.every_s - 1e-9)
    return (after - before) * traffic.every_s

from __future__ import annotations

import pytest

from harness.checks.registry import CHECKS
from harness.survey.kinds import (
    KINDS,
    LLM_TOKENS,
    MCP,
    NOTIFICATIONS,
    PROGRESS,
    TICKER,
    Kind,
    guess,
)
from harness.survey.observation import Observation
from tests.survey.seen import STREAM, every, saw

IDS = "id: {n}\ndata: {n}\n\n"


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (saw(*every(1.0, 12), watched_s=12.5), TICKER),
        (saw(*every(1.0, 12, text=IDS), watched_s=12.5), NOTIFICATIONS),
        (saw((1.0, "data: 1\n\n"), (15.0, ": hb\n\n"), watched_s=31.0), NOTIFICATIONS),
        (saw((1.0, "data: 1\n\n"), watched_s=62.0), NOTIFICATIONS),
        (saw((1.0, "data: 1\n\n"), (2.0, "data: [DONE]\n\n"), end_s=2.1), LLM_TOKENS),
        (saw((1.0, 'data: {"choices": []}\n\n'), end_s=2.1), LLM_TOKENS),
        (saw(*every(0.05, 200), end_s=11.0), LLM_TOKENS),
        (saw(*every(0.05, 200), watched_s=11.0, method="POST"), LLM_TOKENS),
        (saw(*every(0.05, 200), watched_s=11.0), TICKER),
        (saw(*every(2.0, 5), end_s=11.0), PROGRESS),
        (saw(*every(2.0, 5), watched_s=11.0, method="POST"), PROGRESS),
        (saw((0.1, 'data: {"jsonrpc": "2.0", "id": 1}\n\n'), end_s=0.2, method="POST"), MCP),
        (saw(watched_s=60.0, headers=(*STREAM, ("Mcp-Session-Id", "1"))), MCP),
    ],
)
def test_what_a_stream_is_for_is_guessed(seen: Observation, kind: Kind) -> None:
    assert guess(seen).name == kind.name


def test_what_a_kind_asks_names_checks_that_there_are() -> None:
    for kind in KINDS.values():
        assert set(kind.asked) <= set(CHECKS)
        assert kind.level("stays_open") == kind.level("delivered_within") == "MUST"

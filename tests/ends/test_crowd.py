"""Clients of one target at once: nobody else comes once somebody waits."""

from __future__ import annotations

from collections.abc import Callable

import trio

from harness.clock import run
from harness.ends.crowd import Crowd, Crowding
from harness.model.journal import ClientHead, ClientRequest, Entry

CROWDING = Crowding(most=5, patience_s=3.0, listen_s=10.0)


class _Client:
    """Asks, is answered after a while or never, and stays."""

    def __init__(self, number: int, record: Callable[[Entry], None], answered_s: float) -> None:
        self._number = number
        self._record = record
        self._answered_s = answered_s

    async def run(self) -> None:
        self._record(ClientRequest(client=self._number, x=1, method="GET", url="/", headers=()))
        await trio.sleep(self._answered_s)
        head = ClientHead(client=self._number, x=1, status=200, version="HTTP/1.1", headers=())
        self._record(head)
        await trio.sleep_forever()


def _came(answered_s: Callable[[int], float]) -> tuple[list[tuple[float, str]], float]:
    """What clients did, and when the last of them was gone."""
    seen: list[tuple[float, str]] = []

    def record(entry: Entry) -> None:
        assert isinstance(entry, ClientRequest | ClientHead)
        kind = "asks" if isinstance(entry, ClientRequest) else "answered"
        seen.append((trio.current_time(), f"{entry.client} {kind}"))

    async def main() -> float:
        began_s = trio.current_time()
        crowd = Crowd(CROWDING, lambda n, it: _Client(n, it, answered_s(n)), record)
        await crowd.run()
        seen[:] = [(round(at_s - began_s, 3), what) for at_s, what in seen]
        return trio.current_time() - began_s

    over_s = run(main, clock="virtual", seed=0, budget_s=100.0, wall_limit_s=10.0)
    return seen, over_s


def test_each_comes_once_the_one_before_was_answered() -> None:
    seen, over_s = _came(lambda _number: 1.0)
    asked = [(float(n - 1), f"{n} asks") for n in range(1, 6)]
    assert [it for it in seen if it[1].endswith("asks")] == asked
    assert over_s == 15.0


def test_nobody_comes_once_somebody_waits() -> None:
    seen, over_s = _came(lambda number: 0.5 if number < 3 else 60.0)
    assert [what for _, what in seen] == [
        "1 asks",
        "1 answered",
        "2 asks",
        "2 answered",
        "3 asks",
    ]
    assert over_s == 0.5 + 0.5 + 3.0 + 10.0

"""What is watched once the last client of a case is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from harness.checks.registry import build_all
from harness.model.scenario import Case

# After the last client is done: time for the other side to notice.
SETTLE_S: Final = 1.0
_POLL_S: Final = 0.1


def settle_s(case: Case) -> float:
    """How long to watch on after the last client is done, in seconds of the case's clock.

    Longer where a client leaves and a check has to see what comes of it.
    """
    if all(client.leave is None for client in case.scenario.client):
        return SETTLE_S
    asked = build_all(case.scenario.expect)
    return SETTLE_S + max((check.settle_s() for check in asked), default=0.0)


async def settled(
    is_enough: Callable[[], bool] | None, most_s: float, after_s: float = SETTLE_S
) -> None:
    """Wait so long, or until a while after enough was seen, if that can be told.

    Args:
        is_enough: Whether enough was seen by now; None: that cannot be told.
        most_s: How long to wait at most, in seconds.
        after_s: How long to wait once enough was seen, in seconds.
    """
    with trio.move_on_after(most_s):
        if is_enough is None:
            await trio.sleep_forever()
        while not is_enough():  # noqa: ASYNC110 - told from the journal, which nobody waits on
            await trio.sleep(_POLL_S)
        await trio.sleep(after_s)

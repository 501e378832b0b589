"""Seed trio's scheduler, and clear up after a run that was torn down.

Tasks due at one instant run in an order trio draws at random, from a generator of its own. The
names below are the hook pytest-trio uses to make Hypothesis tests repeatable; with it the order
depends on the seed and on the order the tasks were started in, and on nothing that ran before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import trio._core._run as _trio_run


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make the order of tasks due at one instant a function of `seed`, and put all back after."""
    # trio declares the flag Final for type checkers; register_with_hypothesis sets it all the same.
    names = vars(_trio_run)
    generator: random.Random = names["_r"]
    flag_before = names["_ALLOW_DETERMINISTIC_SCHEDULING"]
    state_before = generator.getstate()
    names["_ALLOW_DETERMINISTIC_SCHEDULING"] = True
    generator.seed(seed)
    try:
        yield
    finally:
        generator.setstate(state_before)
        names["_ALLOW_DETERMINISTIC_SCHEDULING"] = flag_before


def forget_run() -> None:
    """Let this thread start another run, after one that an exception has ended from inside trio.

    trio does this itself when a run ends, but for an exception in the very lines that do it.
    """
    vars(_trio_run.GLOBAL_RUN_CONTEXT).clear()

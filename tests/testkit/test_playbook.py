"""The playbook fails where the transcript differs, and shows where."""

from __future__ import annotations

import pytest

from harness.faults.base import Data, End, Forward, WakeAt
from harness.faults.idle_timeout import IdleTimeout
from tests.testkit.playbook import Playbook


def opened() -> Playbook:
    return Playbook(IdleTimeout(after_s=1.0)).at(0.0).opened()


def test_misses_an_action_that_did_not_come() -> None:
    play = opened() >> Data(b"a") << Forward(b"a") << WakeAt(1.001) << End("end")
    with pytest.raises(AssertionError, match=r"(?m)^- << x1 End\(how='end', .*\)$"):
        bool(play)


def test_misses_an_action_nobody_expected() -> None:
    play = opened() >> Data(b"a") << Forward(b"a")
    with pytest.raises(AssertionError, match=r"(?m)^\+ << x1 WakeAt\(1.001\)$"):
        bool(play)


def test_misses_a_wake_nobody_expected() -> None:
    with pytest.raises(AssertionError, match=r"(?m)^\+ >> 1.001 s x1 Wake\(\)$"):
        bool(opened().at(2.0))


def test_tells_two_exchanges_apart() -> None:
    play = opened() >> Data(b"a") << (2, Forward(b"a")) << WakeAt(1.001)
    with pytest.raises(AssertionError, match=r"(?m)^- << x2 Forward"):
        bool(play)

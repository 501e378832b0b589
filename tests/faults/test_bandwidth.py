from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from harness.faults.bandwidth import Bandwidth
from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    PauseUpstream,
    ResumeUpstream,
    UpstreamEnd,
    WakeAt,
)
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import NEVER, Playbook, fired, not_reached


def opened(config: Bandwidth) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_what_the_bucket_lacks_waits_and_comes_in_pieces() -> None:
    play = opened(Bandwidth(bytes_per_s=40, burst_bytes=4))  # a piece is 2 bytes
    assert (
        play.at(1.0)
        >> Data(b"abcdefghi")
        << Forward(b"abcd")
        << fired("5B held, 40B/s pass", offset=9)
        << WakeAt(1.05)
    )
    assert play.at(1.06).woke(1.05) << Forward(b"ef") << WakeAt(1.1)
    assert play.at(1.11).woke(1.1) << Forward(b"gh") << WakeAt(1.125)
    assert play.at(2.0).woke(1.125) << Forward(b"i")


def test_the_bucket_fills_while_nothing_comes() -> None:
    play = opened(Bandwidth(bytes_per_s=40, burst_bytes=4))
    assert play.at(1.0) >> Data(b"abcd") << Forward(b"abcd")
    assert (
        play.at(1.05)
        >> Data(b"efgh")
        << Forward(b"ef")
        << fired("2B held, 40B/s pass", offset=8)
        << WakeAt(1.1)
    )
    assert play.at(5.0).woke(1.1) << Forward(b"gh")
    assert play >> Data(b"ijkl") << Forward(b"ijkl")  # full, and no more than that


def test_what_comes_meanwhile_and_the_end_wait_their_turn() -> None:
    play = opened(Bandwidth(bytes_per_s=1))
    assert play >> Data(b"ab") << Forward(b"a") << fired("1B held, 1B/s pass", 2) << WakeAt(1.0)
    assert play.at(0.5) >> Data(b"c")
    assert play.at(0.6) >> UpstreamEnd("reset")
    assert play.at(1.5).woke(1.0) << Forward(b"b") << WakeAt(2.0)
    assert play.at(2.5).woke(2.0) << Forward(b"c") << End("reset")


def test_an_end_of_what_is_dropped_does_not_wait() -> None:
    play = opened(Bandwidth(bytes_per_s=1))
    assert play >> Data(b"ab") << Forward(b"a") << fired("1B held, 1B/s pass", 2) << WakeAt(1.0)
    end = UpstreamEnd("reset", is_dropping=True)
    assert play >> end << NEVER << End("reset", is_dropping=True)


def test_what_the_bucket_has_passes_at_once() -> None:
    play = opened(Bandwidth(bytes_per_s=40, burst_bytes=4))
    assert play.at(1.0) >> Data(b"abcd") << Forward(b"abcd")
    reason = "no more came than 40B/s let pass"
    assert play.at(2.0) >> UpstreamEnd("end") << not_reached(reason, offset=4) << End("end")


def test_a_client_that_leaves_is_passed_on() -> None:
    play = opened(Bandwidth(bytes_per_s=1))
    reason = "no more came than 1B/s let pass"
    assert play >> ClientGone("rst") << not_reached(reason) << CloseUpstream("rst")
    assert play >> CaseOver()


class Small(Bandwidth):
    held_bytes: ClassVar[int] = 4


def test_above_its_bound_it_reads_no_further_until_half_is_gone() -> None:
    play = opened(Small(bytes_per_s=60, burst_bytes=3))
    assert (
        play
        >> Data(b"abcdefgh", 2)
        << PauseUpstream(2)
        << Forward(b"abc")
        << fired("5B held, 60B/s pass", offset=8)
        << WakeAt(0.05)
    )
    assert play.at(0.06).woke(0.05) << Forward(b"def") << WakeAt(0.083333)
    assert play.at(1.0).woke(0.083333) << Forward(b"gh") << ResumeUpstream(2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Field required"),
        ({"rate": "0B/s"}, "greater than 0"),
        ({"rate": "16KiB"}, "expected a rate"),
        ({"rate": "1B/s", "burst": "0B"}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Bandwidth.model_validate(settings, context=YAML_CONTEXT)

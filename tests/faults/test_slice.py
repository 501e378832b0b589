from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

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
from harness.faults.slice import Slice
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import NEVER, Playbook, fired, not_reached

EURO = "€".encode()
REASON = "no write was longer than 2B"


def opened(config: Slice) -> Playbook:
    return Playbook(config).at(0.0).opened()


def test_a_write_goes_out_in_pieces() -> None:
    play = opened(Slice(size_bytes=2))
    assert (
        play
        >> Data(EURO + b"\r\n")
        << fired("5B cut into pieces of 2B", offset=5)
        << Forward(EURO[:2])
        << Forward(EURO[2:] + b"\r")
        << Forward(b"\n")
    )
    assert play >> Data(b"ab") << Forward(b"ab")
    assert play >> UpstreamEnd("end") << End("end")


def test_with_a_pause_between_them() -> None:
    play = opened(Slice(size_bytes=2, pause_s=0.1))
    assert (
        play
        >> Data(b"abcde")
        << fired("5B cut into pieces of 2B", offset=5)
        << Forward(b"ab")
        << WakeAt(0.1)
    )
    assert play.at(0.15).woke(0.1) << Forward(b"cd") << WakeAt(0.2)
    assert play.at(0.25).woke(0.2) << Forward(b"e")
    assert play >> Data(b"f") << Forward(b"f")


def test_what_comes_meanwhile_and_the_end_wait_their_turn() -> None:
    play = opened(Slice(size_bytes=2, pause_s=0.1))
    reason = "3B cut into pieces of 2B"
    assert play >> Data(b"abc") << fired(reason, offset=3) << Forward(b"ab") << WakeAt(0.1)
    assert play.at(0.05) >> Data(b"d")
    assert play >> UpstreamEnd("truncation")
    # Still two writes: pieces are not joined.
    assert play.at(0.15).woke(0.1) << Forward(b"c") << WakeAt(0.2)
    assert play.at(0.25).woke(0.2) << Forward(b"d") << End("truncation")


def test_an_end_of_what_is_dropped_does_not_wait() -> None:
    play = opened(Slice(size_bytes=2, pause_s=0.1))
    reason = "3B cut into pieces of 2B"
    assert play >> Data(b"abc") << fired(reason, offset=3) << Forward(b"ab") << WakeAt(0.1)
    end = UpstreamEnd("reset", is_dropping=True)
    assert play >> end << NEVER << End("reset", is_dropping=True)


def test_short_writes_are_left_alone() -> None:
    play = opened(Slice(size_bytes=2))
    assert play >> Data(b"ab") << Forward(b"ab")
    assert play >> ClientGone("fin") << not_reached(REASON, offset=2) << CloseUpstream("fin")
    assert play >> CaseOver()


def test_without_a_body_byte_it_is_not_reached() -> None:
    assert opened(Slice(size_bytes=2)) >> UpstreamEnd("end") << not_reached(REASON) << End("end")


class Small(Slice):
    held_bytes: ClassVar[int] = 4


def test_above_its_bound_it_reads_no_further_until_half_is_gone() -> None:
    play = opened(Small(size_bytes=2, pause_s=0.1))
    assert (
        play
        >> Data(b"abcde", 2)
        << fired("5B cut into pieces of 2B", offset=5)
        << PauseUpstream(2)
        << Forward(b"ab")
        << WakeAt(0.1)
    )
    assert play.at(0.15).woke(0.1) << Forward(b"cd") << ResumeUpstream(2) << WakeAt(0.2)


@pytest.mark.parametrize(
    ("settings", "message"), [({}, "Field required"), ({"size": "0B"}, "greater than 0")]
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Slice.model_validate(settings, context=YAML_CONTEXT)

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Event,
    Forward,
    ForwardHead,
    SendRequest,
    UpstreamEnd,
    passed,
)
from harness.faults.connection_limit import ConnectionLimit
from harness.faults.registry import build
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached

NO = Answer(503, (("Content-Type", "text/plain"),), b"503 Service Unavailable\n")
FULL = fired("2 of 2 places are taken")


def limit(**settings: Any) -> ConnectionLimit:
    config = build("connection_limit", settings)
    assert isinstance(config, ConnectionLimit)
    return config


def full(**settings: Any) -> Playbook:
    """Two responses are under way, and there is room for two."""
    play = Playbook(limit(max=2, **settings)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play.at(0.0, x=2) >> GET << SendRequest(GET)
    return play


def test_one_too_many_is_answered() -> None:
    play = full()
    assert play.at(1.0, x=3) >> GET << FULL << NO
    assert play.at(1.0, x=1) >> OK << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")


@pytest.mark.parametrize(
    ("over", "action"),
    [
        ({"status": 429, "body": "", "headers": {"Retry-After": "9"}}, None),
        ("reset", End("reset")),
        ("truncation", End("truncation")),
        ("stall", End("stall")),
    ],
)
def test_one_too_many_gets_what_the_hop_has_for_it(over: object, action: End | None) -> None:
    fields = (("Content-Type", "text/plain"), ("Retry-After", "9"))
    assert full(over=over).at(1.0, x=3) >> GET << FULL << (action or Answer(429, fields))


@pytest.mark.parametrize(
    "event", [UpstreamEnd("end"), UpstreamEnd("refused"), ClientGone("fin"), ClientGone("rst")]
)
def test_a_place_is_free_when_upstream_is(event: Event) -> None:
    play = full()
    assert play.at(1.0, x=1) >> event << passed(event)
    assert play.at(2.0, x=3) >> GET << SendRequest(GET)
    assert play.at(2.0, x=4) >> GET << FULL << NO


def test_who_was_answered_here_had_no_place_to_free() -> None:
    play = full()
    assert play.at(1.0, x=3) >> GET << FULL << NO
    assert play >> ClientGone("fin") << CloseUpstream("fin")
    assert play >> CaseOver()
    assert play.at(2.0, x=4) >> GET << FULL << NO


def test_says_how_many_places_were_taken() -> None:
    play = full()
    assert play.at(1.0, x=2) >> CaseOver() << not_reached("2 of 2 places were taken")
    assert play.at(1.0, x=1) >> CaseOver() << not_reached("1 of 2 places were taken")


@pytest.mark.parametrize("settings", [{}, {"max": -1}, {"max": 1, "over": "end"}])
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        limit(**settings)

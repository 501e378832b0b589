from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Forward,
    Framing,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    WakeAt,
)
from harness.faults.buffer import Buffer
from harness.faults.pipeline import Pipeline
from harness.faults.registry import build
from harness.faults.upstream_death import UpstreamDeath
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached

TEXT = (("Content-Type", "text/plain"),)


def death(**settings: Any) -> UpstreamDeath:
    config = build("upstream_death", settings)
    assert isinstance(config, UpstreamDeath)
    return config


def asked(**settings: Any) -> Playbook:
    """The request was sent; no head came."""
    play = Playbook(death(**settings)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    return play


@pytest.mark.parametrize("got", ["truncation", "reset", "end", "stall"])
@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_a_broken_response_ends_as_the_hop_has_it(how: UpstreamEndHow, got: EndHow) -> None:
    play = Playbook(death(**{how: got})).at(0.0).opened()
    assert play >> Data(b"a") << Forward(b"a")
    assert (
        play.at(1.0)
        >> UpstreamEnd(how)
        << fired(f"upstream: {how}; the client gets {got}", offset=1)
        << End(got)
    )
    assert play >> ClientGone("fin") << CloseUpstream("fin")


@pytest.mark.parametrize(
    ("framing", "how", "got"),
    [
        ("close", "reset", "end"),
        ("chunked", "reset", "truncation"),
        ("length", "reset", "truncation"),
        ("close", "truncation", "stall"),  # as another stage of the hop may make one
    ],
)
def test_a_reset_of_a_body_delimited_by_the_close_may_differ(
    framing: Framing, how: UpstreamEndHow, got: EndHow
) -> None:
    config = death(truncation="stall", reset="truncation", close_reset="end")
    play = Playbook(config).at(0.0).opened(head=replace(OK, framing=framing))
    assert play >> UpstreamEnd(how) << fired(f"upstream: {how}; the client gets {got}") << End(got)


def test_a_clean_end_is_no_death() -> None:
    play = Playbook(death(truncation="stall")).at(0.0).opened(head=replace(OK, framing="close"))
    assert play >> UpstreamEnd("end") << not_reached("upstream ended in order") << End("end")


@pytest.mark.parametrize("how", ["truncation", "reset"])
@pytest.mark.parametrize(
    ("setting", "got", "action"),
    [
        ({"status": 503, "body": "no", "headers": {"Retry-After": "1"}}, "503", None),
        ("truncation", "truncation", End("truncation")),
        ("reset", "reset", End("reset")),
        ("stall", "stall", End("stall")),
        ({}, "502", Answer(502, TEXT, b"502 Bad Gateway\n")),
    ],
)
def test_before_the_head_the_hop_answers(
    how: UpstreamEndHow, setting: object, got: str, action: Action | None
) -> None:
    play = asked(before_head=setting)
    answer = action or Answer(503, (*TEXT, ("Retry-After", "1")), b"no")
    assert (
        play.at(1.0)
        >> UpstreamEnd(how)
        << fired(f"upstream: {how} before the head; the client gets {got}")
        << answer
    )


def test_an_upstream_that_refuses_is_answered_for() -> None:
    assert (
        asked(before_head="reset")
        >> UpstreamEnd("refused")
        << fired("upstream: refused; the client gets 502")
        << Answer(502, TEXT, b"502 Bad Gateway\n")
    )


def test_a_hop_may_try_for_a_while_before_it_says_so() -> None:
    play = asked(refused={"status": 503, "after": "3s"})
    assert (
        play.at(1.0)
        >> UpstreamEnd("refused")
        << fired("upstream: refused; the client gets 503 after 3s")
        << WakeAt(4.0)
    )
    assert play.at(5.0).woke(4.0) << Answer(503, TEXT, b"503 Service Unavailable\n")
    assert play >> CaseOver()


def test_nobody_died() -> None:
    play = Playbook(death()).at(0.0).opened()
    left = not_reached("the client left before upstream ended")
    assert play >> ClientGone("rst") << left << CloseUpstream("rst")
    play = Playbook(death()).at(0.0).opened()
    assert play >> CaseOver() << not_reached("upstream did not end")


def test_other_stages_hear_of_a_refusal_and_not_of_an_answer() -> None:
    stages = [Buffer(until_end=True), death(refused={"status": 503})]
    play = Playbook(Pipeline([it.start(lambda: 0.5) for it in stages])).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert (
        play
        >> UpstreamEnd("refused")
        << not_reached("no body byte came")
        << fired("upstream: refused; the client gets 503", stage=1)
        << Answer(503, TEXT, b"503 Service Unavailable\n")
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"truncation": "refused"},
        {"before_head": "end"},
        {"before_head": {"status": 100}},
        {"refused": {"status": 502, "after": 3}},
        {"refused": "ignore"},
    ],
)
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        death(**settings)

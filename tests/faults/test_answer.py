from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults import base
from harness.faults.answer import Answer
from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached


def answer(**settings: object) -> Answer:
    return Answer.model_validate(settings, context=YAML_CONTEXT)


def test_answers_without_upstream() -> None:
    play = Playbook(
        answer(status=429, body="slow down", headers={"Retry-After": "3"}, content_type="text/x")
    )
    assert (
        play.at(1.0)
        >> GET
        << fired("429 to request 1")
        << base.Answer(429, (("Content-Type", "text/x"), ("Retry-After", "3")), b"slow down")
    )
    assert play >> RequestData(b"x")
    assert play >> RequestEnd()
    assert play >> CaseOver()


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"503 Service Unavailable\n"), (204, b""), (304, b"")]
)
def test_says_the_status_in_words_where_it_may_have_a_body(status: int, body: bytes) -> None:
    play = Playbook(answer(status=status))
    assert (
        play.at(1.0)
        >> GET
        << fired(f"{status} to request 1")
        << base.Answer(status, (("Content-Type", "text/plain"),), body)
    )


@pytest.mark.parametrize(("on", "numbers"), [(2, "2"), ([2, 4], "2, 4")])
def test_passes_the_other_requests(on: object, numbers: str) -> None:
    play = Playbook(answer(status=503, on=on))
    assert (
        play.at(1.0, x=1) >> GET << not_reached(f"request 1, answers {numbers}") << SendRequest(GET)
    )
    assert play >> RequestEnd() << SendEnd()
    assert (
        play.at(2.0, x=2)
        >> GET
        << fired("503 to request 2")
        << base.Answer(503, (("Content-Type", "text/plain"),), b"503 Service Unavailable\n")
    )
    assert play.at(3.0, x=1) >> OK << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")
    assert play >> CaseOver()


def test_a_client_that_leaves_after_the_answer_closes_upstream() -> None:
    play = Playbook(answer(status=503, on="all")).at(1.0)
    assert (
        play
        >> GET
        << fired("503 to request 1")
        << base.Answer(503, (("Content-Type", "text/plain"),), b"503 Service Unavailable\n")
    )
    assert play >> ClientGone("fin") << CloseUpstream("fin")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "status"),
        ({"status": 100}, "greater than or equal to 200"),
        ({"status": 503, "on": 0}, "greater than or equal to 1"),
        ({"status": 503, "on": []}, "at least 1 item"),
        ({"status": 503, "on": "first"}, "expected a number, a list of numbers, or all, got first"),
        ({"status": 503, "on": True}, "expected a number, a list of numbers, or all, got true"),
        ({"status": 503, "on": [1, "2"]}, "valid integer"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        answer(**settings)

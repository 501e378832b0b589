"""A fault that stands in some exchanges only."""

from __future__ import annotations

from dataclasses import replace
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
    Forward,
    ForwardHead,
    Note,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.buffer import Buffer
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.when import When
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

POST = replace(GET, method="POST")
CLOSE = replace(OK, framing="close")


def buffer(**when: Any) -> Buffer:
    return Buffer(block_bytes=4, when=When.model_validate(when, context=YAML_CONTEXT))


def test_an_exchange_that_meets_it_has_the_fault() -> None:
    play = Playbook(buffer(framing="close")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> CLOSE << ForwardHead(CLOSE)
    assert (
        play >> Data(b"abcde") << Forward(b"abcd") << fired("1B held, waits for a block of 4B", 5)
    )


def test_an_exchange_that_does_not_meet_it_passes_as_if_there_were_no_fault() -> None:
    play = Playbook(buffer(framing="close")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> OK << Note("not_armed", "the framing is chunked") << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("reset") << End("reset")
    assert play >> CaseOver()


def test_what_names_the_request_is_decided_at_its_head() -> None:
    play = Playbook(IdleTimeout(after_s=5.0, when=When(method=("GET",)))).at(0.0)
    assert play >> POST << Note("not_armed", "the method is POST") << SendRequest(POST)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(60.0) >> ClientGone("fin") << CloseUpstream("fin")


def test_a_limit_that_is_up_before_the_head_needs_no_answer_to_its_condition() -> None:
    config = IdleTimeout(after_s=5.0, when=When(media_type=("text/event-stream",)))
    play = Playbook(config).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(5.001)
    answer = Answer(504, (("Content-Type", "text/plain"),), b"504 Gateway Timeout\n")
    assert (
        play.at(9.0).woke(5.001)
        << fired("answered 504 after 5.0 s of silence (limit 5 s)")
        << answer
        << CloseUpstream("fin")
    )


def test_what_was_timed_by_then_is_let_go() -> None:
    config = IdleTimeout(after_s=5.0, when=When(media_type=("text/html",)))
    play = Playbook(config).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(5.001)
    unmet = Note("not_armed", "the media type is text/event-stream")
    assert play.at(1.0) >> OK << NEVER << unmet << ForwardHead(OK)
    assert play.at(60.0) >> Data(b"a") << Forward(b"a")


def test_without_a_response_head_it_never_stood() -> None:
    play = Playbook(buffer(framing="close")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> ClientGone("fin") << CloseUpstream("fin")
    assert play >> CaseOver() << Note("not_armed", "no response head came")


def test_each_exchange_is_asked_anew() -> None:
    play = Playbook(buffer(framing="close")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> OK << Note("not_armed", "the framing is chunked") << ForwardHead(OK)
    assert play.at(0.0, x=2) >> GET << SendRequest(GET)
    assert play >> CLOSE << ForwardHead(CLOSE)
    assert play >> Data(b"ab") << fired("2B held, waits for a block of 4B", 2)
    assert play >> CaseOver()
    assert play.at(0.0) >> Data(b"ab") << Forward(b"ab")


def test_a_fault_that_stood_says_how_it_stands() -> None:
    play = Playbook(buffer(framing="close")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> CLOSE << ForwardHead(CLOSE)
    assert play >> CaseOver() << not_reached("no body byte came")


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ({"method": ["GET", "POST"]}, None),
        ({"method": "PUT"}, "the method is GET"),
        ({"client_version": "HTTP/1.0"}, "the client speaks HTTP/1.1"),
        ({"request_header": {"accept-encoding": "gzip"}}, None),
        ({"request_header": {"Accept-Encoding": "gzip, br"}}, None),
        ({"request_header": {"X-A": None}}, None),
        ({"request_header": {"X-A": "*"}}, "the request has no X-A"),
        ({"request_header": {"Host": None}}, "the request has Host: target"),
        ({"status": 200}, None),
        ({"status": [404, 500]}, "the status is 200"),
        ({"media_type": "text/*"}, None),
        ({"media_type": ["text/html", "*/json"]}, "the media type is text/event-stream"),
        ({"framing": ["chunked", "length"]}, None),
        ({"upstream_version": "HTTP/1.0"}, "upstream speaks HTTP/1.1"),
        ({"response_header": {"Content-Type": "*"}}, None),
        ({"response_header": {"Cache-Control": "no-store"}}, "the response has no Cache-Control"),
        ({"not": {"method": "GET"}}, "the method is GET"),
        ({"not": {"method": "GET", "status": 404}}, None),
        ({"not": {"framing": "close"}}, None),
        (
            {"not": {"framing": "chunked", "status": 200}},
            "the status is 200, the framing is chunked",
        ),
        ({"method": "GET", "not": {"status": 200}}, "the status is 200"),
        ({"not": [{"method": "PUT"}, {"status": 200}]}, "the status is 200"),
        ({"not": [{"method": "PUT"}, {"method": "GET", "status": 404}]}, None),
    ],
)
def test_every_key_that_is_given_must_hold(when: dict[str, Any], reason: str | None) -> None:
    condition = When.model_validate(when, context=YAML_CONTEXT)
    assert condition.unmet_by(GET, OK) == reason


@pytest.mark.parametrize("when", [{}, {"method": []}, {"framing": "tls"}, {"verb": "GET"}])
def test_a_condition_that_says_nothing_or_nonsense_is_refused(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Buffer.model_validate({"block": "4B", "when": when}, context=YAML_CONTEXT, by_alias=True)

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    TIE_S,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
    passed,
)
from harness.faults.first_byte_timeout import FirstByteTimeout
from harness.faults.limit import BeforeHead
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, NEVER, OK, Playbook, defeated, fired, not_reached

VARNISH = FirstByteTimeout(after_s=60.0, before_head=BeforeHead(status=503))
UNAVAILABLE = Answer(503, (("Content-Type", "text/plain"),), b"503 Service Unavailable\n")


def asked(config: FirstByteTimeout) -> Playbook:
    """A request that was complete at 1 s."""
    play = Playbook(config).at(0.5)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestData(b"q") << SendData(b"q")
    assert play.at(1.0) >> RequestEnd() << SendEnd() << WakeAt(1.0 + config.after_s + TIE_S)
    return play


def test_a_head_that_does_not_come_is_answered_for() -> None:
    play = asked(VARNISH)
    assert (
        play.at(70.0).woke(61.001)
        << fired("answered 503 after 60.0 s without a byte (limit 60 s)")
        << UNAVAILABLE
        << CloseUpstream("fin")
    )
    assert play >> OK


def test_a_head_stops_it_for_good() -> None:
    play = asked(VARNISH)
    assert play.at(2.0) >> OK << ForwardHead(OK) << NEVER
    assert play.at(3.0) >> Data(b"a") << Forward(b"a")
    assert (
        play.at(900.0)
        >> UpstreamEnd("end")
        << defeated("first byte after 1.0 s of 60 s", offset=1)
        << End("end")
    )


def test_a_head_at_the_very_instant_of_the_limit_wins() -> None:
    play = asked(VARNISH)
    assert play.at(61.0) >> OK << ForwardHead(OK) << NEVER
    assert play.at(62.0) >> CaseOver() << defeated("first byte after 60.0 s of 60 s")


def test_what_an_equal_limit_says_is_no_first_byte_in_time() -> None:
    play = asked(VARNISH)
    assert play.at(61.0009) >> OK << ForwardHead(OK) << NEVER
    assert play >> CaseOver() << not_reached("first byte after 60.0 s of 60 s")


def test_a_short_exchange_gave_it_no_chance() -> None:
    play = asked(VARNISH)
    assert play.at(2.0) >> OK << ForwardHead(OK) << NEVER
    assert (
        play.at(9.0)
        >> ClientGone("fin")
        << not_reached("first byte after 1.0 s of 60 s")
        << CloseUpstream("fin")
    )


def test_who_gives_up_first_disarms_it() -> None:
    play = asked(VARNISH)
    refused = UpstreamEnd("refused")
    assert (
        play.at(5.0) >> refused << NEVER << not_reached("waited 4.0 s of 60 s") << passed(refused)
    )
    assert play.at(99.0) >> CaseOver()


def test_until_the_body_a_head_does_not_stop_it() -> None:
    play = asked(FirstByteTimeout(after_s=10.0, until="body", mid_stream="reset", upstream="rst"))
    assert play.at(2.0) >> OK << ForwardHead(OK)
    assert (
        play.at(20.0).woke(11.001)
        << fired("reset after 10.0 s without a byte (limit 10 s)")
        << End("reset")
        << CloseUpstream("rst")
    )


def test_until_the_body_its_first_byte_does() -> None:
    play = asked(FirstByteTimeout(after_s=10.0, until="body"))
    assert play.at(2.0) >> OK << ForwardHead(OK)
    assert play.at(6.0) >> Data(b"a") << Forward(b"a") << NEVER
    assert play.at(7.0) >> Data(b"b") << Forward(b"b")
    assert play.at(99.0) >> CaseOver() << defeated("first byte after 5.0 s of 10 s", offset=2)


def test_ignored_before_the_head_it_cuts_a_late_head_at_once() -> None:
    play = asked(FirstByteTimeout(after_s=10.0, until="body", before_head=None))
    assert play.at(15.0).woke(11.001)
    assert (
        play
        >> OK
        << ForwardHead(OK)
        << fired("closed after 14.0 s without a byte (limit 10 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_a_response_that_overtakes_its_request_is_in_time() -> None:
    play = Playbook(VARNISH).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play.at(1.0) >> OK << ForwardHead(OK)
    assert play.at(2.0) >> RequestEnd() << SendEnd()
    assert play.at(90.0) >> CaseOver() << defeated("first byte after 0.0 s of 60 s")


def test_without_a_whole_request_the_time_does_not_run() -> None:
    play = Playbook(VARNISH).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play.at(90.0) >> CaseOver() << not_reached("the time never began to run")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"after": "1s", "before_head": "ignore"}, "expected before_head"),
        ({"after": "1s", "until": "event"}, "'head' or 'body'"),
        ({"after": "0s"}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FirstByteTimeout.model_validate(settings, context=YAML_CONTEXT)

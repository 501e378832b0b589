from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamClose,
    UpstreamEnd,
    WakeAt,
)
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.limit import BeforeHead
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, NEVER, OK, Playbook, defeated, fired, not_reached

GATEWAY_TIMEOUT = Answer(504, (("Content-Type", "text/plain"),), b"504 Gateway Timeout\n")
DID = {"end": "ended", "truncation": "closed", "reset": "reset", "stall": "fell silent"}


def test_a_silence_after_the_head_truncates_and_closes_upstream() -> None:
    play = Playbook(IdleTimeout(after_s=60.0))
    assert play.at(1.0) >> GET << SendRequest(GET)
    assert play.at(1.0) >> RequestEnd() << SendEnd() << WakeAt(61.001)
    assert play.at(2.0) >> OK << ForwardHead(OK) << WakeAt(62.001)
    assert play.at(10.0) >> Data(b"abc") << Forward(b"abc") << WakeAt(70.001)
    assert (
        play.at(90.0).woke(70.001)
        << fired("closed after 60.0 s of silence (limit 60 s)", offset=3)
        << End("truncation")
        << CloseUpstream("fin")
    )


def test_a_byte_at_the_very_instant_of_the_limit_wins() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert play.at(60.0) >> Data(b"hb") << Forward(b"hb") << WakeAt(120.001)


def test_a_byte_just_after_the_limit_comes_too_late() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert (
        play.at(60.002).woke(60.001)
        << fired("closed after 60.0 s of silence (limit 60 s)")
        << End("truncation")
        << CloseUpstream("fin")
    )
    assert play >> Data(b"late")


@pytest.mark.parametrize("upstream", ["fin", "rst", "leave_open"])
@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
def test_ends_as_configured(how: EndHow, upstream: UpstreamClose) -> None:
    play = Playbook(IdleTimeout(after_s=0.5, mid_stream=how, upstream=upstream)).at(0.0).opened()
    assert (
        play.at(1.0).woke(0.501)
        << fired(f"{DID[how]} after 0.501 s of silence (limit 0.5 s)")
        << End(how)
        << CloseUpstream(upstream)
    )


def test_before_the_head_it_answers() -> None:
    play = Playbook(IdleTimeout(after_s=60.0))
    assert play.at(1.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(61.001)
    assert (
        play.at(62.0).woke(61.001)
        << fired("answered 504 after 60.0 s of silence (limit 60 s)")
        << GATEWAY_TIMEOUT
        << CloseUpstream("fin")
    )
    assert play >> OK


def test_before_the_head_it_answers_as_configured() -> None:
    proxy_error = BeforeHead(status=502, body="no", headers={"Content-Type": "text/html"})
    play = Playbook(IdleTimeout(after_s=1.0, before_head=proxy_error))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(1.001)
    assert (
        play.at(2.0).woke(1.001)
        << fired("answered 502 after 1.0 s of silence (limit 1 s)")
        << Answer(502, (("Content-Type", "text/html"),), b"no")
        << CloseUpstream("fin")
    )


def test_a_status_without_a_name_still_has_a_body() -> None:
    play = Playbook(IdleTimeout(after_s=1.0, before_head=BeforeHead(status=524)))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(1.001)
    assert (
        play.at(2.0).woke(1.001)
        << fired("answered 524 after 1.0 s of silence (limit 1 s)")
        << Answer(524, (("Content-Type", "text/plain"),), b"524 Unassigned\n")
        << CloseUpstream("fin")
    )


@pytest.mark.parametrize("how", ["truncation", "reset", "stall"])
def test_before_the_head_it_may_close_without_an_answer(how: EndHow) -> None:
    settings = {"after": "1s", "before_head": how}
    play = Playbook(IdleTimeout.model_validate(settings, context=YAML_CONTEXT))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(1.001)
    assert (
        play.at(2.0).woke(1.001)
        << fired(f"{DID[how]} after 1.0 s of silence (limit 1 s)")
        << End(how)
        << CloseUpstream("fin")
    )


def test_the_request_must_be_complete_before_the_time_runs() -> None:
    play = Playbook(IdleTimeout(after_s=1.0))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play.at(5.0) >> RequestData(b"x") << SendData(b"x")
    assert play.at(9.0) >> CaseOver() << not_reached("the time never began to run")


@pytest.mark.parametrize("setting", ["ignore", None])
def test_ignored_before_the_head_it_runs_from_the_head(setting: str | None) -> None:
    settings = {"after": "60s", "before_head": setting}
    play = Playbook(IdleTimeout.model_validate(settings, context=YAML_CONTEXT))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    assert play.at(500.0) >> OK << ForwardHead(OK) << WakeAt(560.001)


def test_heartbeats_over_a_full_limit_defeat_it() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    for at_s in (15.0, 30.0, 45.0):
        assert play.at(at_s) >> Data(b":\n") << Forward(b":\n") << WakeAt(at_s + 60.001)
    assert play.at(60.0) >> CaseOver() << defeated("longest silence 15.0 s of 60 s", offset=6)


def test_an_exchange_shorter_than_the_limit_does_not_defeat_it() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert play.at(22.0) >> Data(b"x") << Forward(b"x") << WakeAt(82.001)
    assert play.at(59.0) >> CaseOver() << not_reached("longest silence 37.0 s of 60 s", offset=1)


def test_a_silence_that_the_case_cuts_short_at_the_limit_is_no_defeat() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert play.at(60.0) >> CaseOver() << not_reached("longest silence 60.0 s of 60 s")


def test_the_upstream_end_disarms_it() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert (
        play.at(70.0 - 15.0)
        >> UpstreamEnd("end")
        << NEVER
        << not_reached("longest silence 55.0 s of 60 s")
        << End("end")
    )
    assert play.at(1000.0) >> CaseOver()


def test_a_client_that_leaves_disarms_it() -> None:
    play = Playbook(IdleTimeout(after_s=60.0)).at(0.0).opened()
    assert (
        play.at(5.0)
        >> ClientGone("rst")
        << NEVER
        << not_reached("longest silence 5.0 s of 60 s")
        << CloseUpstream("rst")
    )
    assert play.at(6.0) >> Data(b"late") << Forward(b"late")
    assert play.at(1000.0) >> CaseOver()


def test_a_client_may_leave_before_the_time_runs() -> None:
    play = Playbook(IdleTimeout(after_s=60.0))
    assert play.at(0.0) >> GET << SendRequest(GET)
    assert (
        play
        >> ClientGone("fin")
        << not_reached("the time never began to run")
        << CloseUpstream("fin")
    )


def test_exchanges_have_their_own_time() -> None:
    play = Playbook(IdleTimeout(after_s=10.0))
    assert play.at(0.0, x=1) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(10.001)
    assert play.at(5.0, x=2) >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd() << WakeAt(15.001)
    assert (
        play.at(12.0, x=2).woke(10.001, x=1)
        << (1, fired("answered 504 after 10.0 s of silence (limit 10 s)"))
        << (1, GATEWAY_TIMEOUT)
        << (1, CloseUpstream("fin"))
    )
    assert play >> OK << ForwardHead(OK) << WakeAt(22.001)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"after": "0s"}, "greater than 0"),
        ({"after": "60s", "before_head": "end"}, "before_head.how"),
        ({"after": "60s", "before_head": {"status": 100}}, "before_head.status"),
        ({"after": "60s", "mid_stream": "fin"}, "mid_stream"),
        ({}, "Field required"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IdleTimeout.model_validate(settings, context=YAML_CONTEXT)


def test_its_limit_is_known() -> None:
    assert IdleTimeout(after_s=60.0).limit_s() == 60.0

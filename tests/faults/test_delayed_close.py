from __future__ import annotations

from dataclasses import replace

import pytest

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    WakeAt,
)
from harness.faults.delayed_close import DelayedClose
from harness.faults.h2_end import H2End
from harness.faults.max_duration import MaxDuration
from harness.faults.pipeline import Pipeline
from tests.testkit.playbook import GET, NEVER, OK, Playbook, fired, not_reached

LATER = DelayedClose(after_s=1.0)


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_a_client_hears_of_a_cut_later(how: UpstreamEndHow) -> None:
    play = Playbook(LATER).at(0.0).opened()
    assert play.at(1.0) >> Data(b"a") << Forward(b"a")
    end = UpstreamEnd(how, is_dropping=True, h2=H2End("end"))
    said = fired(f"{how}: the client hears of it 1s later", 1)
    assert play.at(2.0) >> end << said << WakeAt(3.0)
    assert play.at(3.0).woke(3.0) << End(
        "reset" if how == "reset" else "truncation", is_dropping=True, h2=H2End("end")
    )


def test_what_ends_in_order_ends_at_once() -> None:
    play = Playbook(LATER).at(0.0).opened()
    assert play >> UpstreamEnd("end") << not_reached("nothing was cut in the middle") << End("end")


def test_before_the_head_there_is_no_response_to_wait_with() -> None:
    play = Playbook(LATER).at(0.0)
    assert play >> GET << SendRequest(GET)
    end = UpstreamEnd("reset")
    assert play >> end << not_reached("nothing was cut in the middle") << End("reset")


def test_an_http2_stream_is_reset_at_once() -> None:
    play = Playbook(LATER).at(0.0)
    request = replace(GET, client_version="HTTP/2")
    assert play >> request << SendRequest(request)
    assert play >> OK << ForwardHead(OK)
    end = UpstreamEnd("truncation")
    assert play >> end << not_reached("nothing was cut in the middle") << End("truncation")


def test_a_client_that_leaves_meanwhile_is_told_nothing() -> None:
    play = Playbook(LATER).at(0.0).opened()
    said = fired("truncation: the client hears of it 1s later")
    assert play.at(2.0) >> UpstreamEnd("truncation") << said << WakeAt(3.0)
    assert play.at(2.5) >> ClientGone("fin") << NEVER << CloseUpstream("fin")
    assert play.at(9.0) >> CaseOver()


def test_upstream_is_closed_when_the_limit_is_up_and_the_client_later() -> None:
    stages = [MaxDuration(after_s=15.0).start(lambda: 0.5), LATER.start(lambda: 0.5)]
    play = Playbook(Pipeline(stages)).at(0.0).opened()
    assert (
        play.at(15.5).woke(15.001)
        << fired("closed after 15.0 s (limit 15 s)")
        << CloseUpstream("fin")
        << fired("truncation: the client hears of it 1s later", stage=1)
        << WakeAt(16.001)
    )
    assert play.at(17.0).woke(16.001) << End("truncation")

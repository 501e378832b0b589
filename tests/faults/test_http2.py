from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    End,
    SendRequest,
    UpstreamEnd,
    UpstreamEndHow,
    passed,
)
from harness.faults.h2_end import H2_CODES, H2End, ResetCode
from harness.faults.http2 import Http2
from harness.faults.max_duration import MaxDuration
from harness.faults.pipeline import Pipeline
from harness.faults.registry import build
from tests.testkit.playbook import GET, Playbook, fired, not_reached

GET_2 = replace(GET, client_version="HTTP/2")
CLEAN = H2End("end")


@pytest.mark.parametrize(
    ("setting", "frame", "h2"),
    [
        ("end", "END_STREAM", CLEAN),
        ("reset", "RST_STREAM INTERNAL_ERROR", H2End("reset", 2)),
        ({"code": "NO_ERROR"}, "RST_STREAM NO_ERROR", H2End("reset", 0)),
        ({"code": "HTTP_1_1_REQUIRED"}, "RST_STREAM HTTP_1_1_REQUIRED", H2End("reset", 13)),
    ],
)
@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_says_how_a_broken_response_ends(
    how: UpstreamEndHow, setting: object, frame: str, h2: H2End
) -> None:
    play = Playbook(build("http2", {how: setting})).at(0.0).opened(GET_2)
    assert play >> UpstreamEnd(how) << fired(f"{how}: {frame}") << passed(UpstreamEnd(how, h2=h2))


def test_keeps_what_else_is_known_of_an_end() -> None:
    play = Playbook(Http2(truncation="end")).at(0.0).opened(GET_2)
    assert (
        play
        >> UpstreamEnd("truncation", is_dropping=True)
        << fired("truncation: END_STREAM")
        << End("truncation", is_dropping=True, h2=CLEAN)
    )


def test_a_clean_end_is_one_anyway() -> None:
    play = Playbook(Http2(truncation="end")).at(0.0).opened(GET_2)
    assert play >> UpstreamEnd("end") << not_reached("no response broke off") << End("end")


def test_before_the_head_there_is_no_stream_to_end() -> None:
    play = Playbook(Http2(truncation="end", reset="end")).at(0.0)
    assert play >> GET_2 << SendRequest(GET_2)
    assert play >> UpstreamEnd("reset") << not_reached("no response broke off") << End("reset")


def test_a_client_of_http_1_sees_the_connection_end() -> None:
    play = Playbook(Http2(truncation="end")).at(0.0).opened()
    nothing = not_reached("the client does not speak HTTP/2")
    assert play >> UpstreamEnd("truncation") << nothing << End("truncation")
    play = Playbook(Http2(truncation="end")).at(0.0).opened()
    assert play >> ClientGone("fin") << nothing << CloseUpstream("fin")
    assert play >> CaseOver()


def test_marks_the_end_that_a_limit_before_it_makes() -> None:
    stages = [MaxDuration(after_s=5.0), Http2(truncation=ResetCode(code="NO_ERROR"))]
    play = Playbook(Pipeline([it.start(lambda: 0.5) for it in stages])).at(0.0).opened(GET_2)
    assert (
        play.at(6.0).woke(5.001)
        << fired("closed after 5.0 s (limit 5 s)")
        << CloseUpstream("fin")
        << fired("truncation: RST_STREAM NO_ERROR", stage=1)
        << End("truncation", h2=H2End("reset", 0))
    )


@pytest.mark.parametrize("setting", ["close", {"code": "TEAPOT"}, {"code": 0}, {}, 2])
def test_refuses(setting: Any) -> None:
    with pytest.raises(ValidationError):
        Http2(truncation=setting)


@pytest.mark.parametrize("code", H2_CODES)
def test_every_code_has_a_name_in_yaml(code: Any) -> None:
    assert ResetCode(code=code).code == code

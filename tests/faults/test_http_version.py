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
    Framing,
    RequestData,
    RequestEnd,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.faults.http_version import HttpVersion
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached

CLOSE = replace(OK, framing="close")
BY_CLOSE = "the end of the connection delimits the body"
NOTHING = not_reached("nothing to say in another version")


def test_asks_upstream_in_http_1_0() -> None:
    play = Playbook(HttpVersion(upstream="1.0")).at(0.0)
    assert (
        play
        >> GET
        << fired("asked upstream in HTTP/1.0")
        << SendRequest(replace(GET, version="HTTP/1.0"))
    )
    assert play >> RequestData(b"x") << SendData(b"x")
    assert play >> RequestEnd() << SendEnd()
    assert play >> CLOSE << ForwardHead(CLOSE)
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")


def test_passes_on_a_body_that_the_close_delimits() -> None:
    play = Playbook(HttpVersion(close_delimited="pass")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> CLOSE << fired(BY_CLOSE) << ForwardHead(CLOSE, "close")
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("reset") << End("reset")


def test_passes_on_chunks_as_chunks() -> None:
    play = Playbook(HttpVersion(close_delimited="pass")).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> OK << ForwardHead(OK)
    assert play >> UpstreamEnd("end") << NOTHING << End("end")


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_without_chunks_the_close_delimits_every_body(framing: Framing) -> None:
    head = replace(OK, framing=framing)
    play = Playbook(HttpVersion(chunked=False)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> head << fired(BY_CLOSE) << ForwardHead(head, "close")


def test_a_body_with_a_length_needs_neither() -> None:
    """What is compressed further down loses its length, and then ends with the connection."""
    head = replace(OK, framing="length")
    play = Playbook(HttpVersion(chunked=False)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> head << ForwardHead(head, "close")
    assert play >> CaseOver() << NOTHING


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/2"])
def test_a_client_without_chunks_sees_no_difference(version: str) -> None:
    request = replace(GET, client_version=version)
    play = Playbook(HttpVersion(chunked=False, close_delimited="pass")).at(0.0)
    assert play >> request << SendRequest(request)
    assert play >> CLOSE << ForwardHead(CLOSE, "close")
    assert play >> ClientGone("fin") << NOTHING << CloseUpstream("fin")

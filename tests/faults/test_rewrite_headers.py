from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.faults.rewrite_headers import RewriteHeaders
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached


def rewrite(**settings: object) -> RewriteHeaders:
    return RewriteHeaders.model_validate(settings, context=YAML_CONTEXT)


def test_removes_then_sets_then_adds() -> None:
    play = Playbook(
        rewrite(
            response={
                "remove": ["x-accel-buffering", "via"],
                "set": {"server": "hop", "Via": "1.1 hop"},
                "add": {"Set-Cookie": "b=2"},
            }
        )
    ).at(0.0)
    head = ResponseHead(
        200,
        (
            ("X-Accel-Buffering", "no"),
            ("Server", "app"),
            ("Via", "1.1 a"),
            ("Set-Cookie", "a=1"),
            ("Server", "twice"),
        ),
    )
    rewritten = (
        ("Server", "hop"),
        ("Set-Cookie", "a=1"),
        ("Via", "1.1 hop"),
        ("Set-Cookie", "b=2"),
    )
    assert play >> GET << SendRequest(GET)
    assert (
        play
        >> head
        << fired("response: server, set-cookie, via, x-accel-buffering")
        << ForwardHead(replace(head, headers=rewritten))
    )
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")


def test_rewrites_requests() -> None:
    play = Playbook(rewrite(request={"set": {"Accept-Encoding": "gzip"}})).at(0.0)
    old = RequestHead("GET", "/", (("accept-encoding", "br"),))
    assert (
        play
        >> old
        << fired("request: accept-encoding")
        << SendRequest(replace(old, headers=(("accept-encoding", "gzip"),)))
    )
    assert play >> RequestEnd() << SendEnd()
    assert play >> OK << ForwardHead(OK)
    assert play >> CaseOver()


def test_what_is_set_to_nothing_is_removed() -> None:
    play = Playbook(rewrite(request={"set": {"Accept-Encoding": "", "X-None": ""}})).at(0.0)
    old = RequestHead("GET", "/", (("accept-encoding", "br"), ("Host", "t")))
    assert (
        play
        >> old
        << fired("request: accept-encoding")
        << SendRequest(replace(old, headers=(("Host", "t"),)))
    )


def test_what_is_already_so_is_not_changed() -> None:
    play = Playbook(rewrite(response={"remove": ["Via"], "set": {"Content-Type": "a/b"}})).at(0.0)
    head = ResponseHead(200, (("Content-Type", "a/b"),))
    assert play >> head << ForwardHead(head)
    assert play >> CaseOver() << not_reached("no head had a field to change")


def test_a_client_may_leave_first() -> None:
    play = Playbook(rewrite(response={"remove": ["Via"]})).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert (
        play
        >> ClientGone("fin")
        << not_reached("no head had a field to change")
        << CloseUpstream("fin")
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected remove, set or add under request or response"),
        ({"response": {"remove": []}}, "expected remove, set or add"),
        ({"response": {"remove": ["Content-Length"]}}, "the hop sets Content-Length itself"),
        ({"request": {"set": {"transfer-encoding": "x"}}}, "the hop sets transfer-encoding itself"),
        ({"response": {"add": {"content-length": "1"}}}, "the hop sets content-length itself"),
        ({"response": {"add": {"A b": "1"}}}, "expected a field name"),
        ({"response": {"add": {"A": "1\r\nB: 2"}}}, "expected a field value without line ends"),
        ({"response": {"drop": ["A"]}}, "Extra inputs"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rewrite(**settings)

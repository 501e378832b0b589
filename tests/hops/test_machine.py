"""One hop, sans-IO: what it makes of events, and what of the actions of its faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from harness.faults.base import (
    Answer,
    CaseOver,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    Framing,
    GoAway,
    Note,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.model import journal
from harness.wire.headers import Headers, value
from tests.testkit.stage_machine import GET, OK, Hop, begun

ANSWERED = (("Content-Type", "text/plain"),)


# -- requests ----------------------------------------------------------------------------------


def test_a_request_goes_on_without_what_belongs_to_the_connection() -> None:
    hop = Hop()
    fields = (
        ("Host", "target"),
        ("Connection", "keep-alive, X-Mine"),
        ("Keep-Alive", "timeout=5"),
        ("X-Mine", "1"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "Basic x"),
        ("Expect", "100-continue"),
        ("aCCept", "text/event-stream"),
    )
    head = RequestHead("GET", "/", (("Host", "target"), ("aCCept", "text/event-stream")))
    assert hop.take(RequestHead("GET", "/", fields), hop.machine.new_exchange()) == [
        SendRequest(head)
    ]
    assert hop.fault.seen == [(1, head)]


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1", "HTTP/2"])
def test_whatever_the_client_speaks_upstream_is_spoken_to_in_http_1_1(version: str) -> None:
    hop = Hop()
    request = RequestHead("GET", "/", (), version)
    x = hop.machine.new_exchange()
    sent = RequestHead("GET", "/", (), client_version=version)
    assert hop.take(request, x) == [SendRequest(sent)]
    (entry,) = (it for it in hop.entries if isinstance(it, journal.HopRequest))
    assert entry.version == version


def test_a_chunked_request_stays_chunked_and_has_no_length() -> None:
    hop = Hop()
    fields = (("Transfer-Encoding", "chunked"), ("Content-Length", "3"))
    x = hop.machine.new_exchange()
    (sent,) = hop.take(RequestHead("POST", "/", fields), x)
    assert isinstance(sent, SendRequest)
    assert sent.head.headers == (("Transfer-Encoding", "chunked"),)


def test_a_request_in_http_1_0_closes_its_connection() -> None:
    hop = begun()
    (sent,) = hop.say(SendRequest(RequestHead("GET", "/", (), "HTTP/1.0"), 1))
    assert isinstance(sent, SendRequest)
    assert sent.head.headers == (("Connection", "close"),)


def test_an_attempt_is_sent_once() -> None:
    hop = begun()
    with pytest.raises(AssertionError, match="attempt 0 sent twice"):
        hop.say(SendRequest(GET))


def test_the_body_of_a_request_follows_its_attempt_while_that_is_open() -> None:
    hop = begun()
    assert hop.take(RequestData(b"abc")) == [SendData(b"abc")]
    assert hop.take(RequestEnd()) == [SendEnd()]
    assert hop.say(SendData(b"x", 7), SendEnd(7)) == []
    hop.say(CloseUpstream("fin"))
    assert hop.say(SendData(b"x"), SendEnd()) == []


# -- responses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_version", "method", "head", "framing"),
    [
        ("HTTP/1.1", "GET", OK, "chunked"),
        ("HTTP/1.1", "GET", ResponseHead(200, (), framing="close"), "chunked"),
        ("HTTP/1.0", "GET", OK, "close"),
        ("HTTP/2", "GET", OK, "h2"),
        ("HTTP/1.1", "GET", ResponseHead(200, (("Content-Length", "3"),)), "length"),
        ("HTTP/1.0", "GET", ResponseHead(200, (("Content-Length", "3"),)), "length"),
        ("HTTP/2", "GET", ResponseHead(200, (("Content-Length", "3"),)), "length"),
        ("HTTP/1.1", "HEAD", OK, "none"),
        ("HTTP/1.1", "HEAD", ResponseHead(200, (("Content-Length", "3"),)), "none"),
        ("HTTP/1.1", "GET", ResponseHead(204, ()), "none"),
        ("HTTP/1.1", "GET", ResponseHead(304, ()), "none"),
        ("HTTP/2", "GET", ResponseHead(204, ()), "none"),
    ],
)
def test_the_framing_towards_the_client_is_the_hops(
    request_version: str, method: str, head: ResponseHead, framing: Framing
) -> None:
    hop = Hop()
    hop.begin(RequestHead(method, "/", (), request_version))
    (forwarded,) = hop.say(ForwardHead(head))
    assert isinstance(forwarded, ForwardHead)
    assert forwarded.head.framing == framing


def test_a_response_goes_on_without_what_belongs_to_the_connection() -> None:
    hop = begun()
    fields = (("Connection", "close"), ("Keep-Alive", "x"), ("Transfer-Encoding", "chunked"))
    hop.take(ResponseHead(200, (*fields, ("X-Accel-Buffering", "no"))))
    _, seen = hop.fault.seen[-1]
    assert isinstance(seen, ResponseHead)
    assert seen.headers == (("X-Accel-Buffering", "no"),)


def test_chunks_count_and_a_length_beside_them_does_not() -> None:
    """RFC 9112 §6.3: Transfer-Encoding overrides Content-Length, which then must not go on."""
    hop = begun()
    fields = (("Transfer-Encoding", "chunked"), ("Content-Length", "3"))
    (forwarded,) = hop.take(ResponseHead(200, fields, framing="chunked"))
    assert isinstance(forwarded, ForwardHead)
    assert (forwarded.head.framing, forwarded.head.headers) == ("chunked", ())


def test_there_is_one_head() -> None:
    hop = begun()
    assert len(hop.say(ForwardHead(OK), ForwardHead(OK))) == 1
    assert hop.say(ForwardHead(OK), Answer(503)) == []


def test_an_empty_piece_is_no_piece() -> None:
    hop = begun()
    assert hop.say(ForwardHead(OK), Forward(b""))[1:] == []


# -- answers -----------------------------------------------------------------------------------


def test_an_answer_is_head_body_and_clean_end() -> None:
    hop = begun()
    head = ResponseHead(503, (*ANSWERED, ("Content-Length", "5")), framing="length")
    assert hop.say(Answer(503, ANSWERED, b"later")) == [
        ForwardHead(head),
        Forward(b"later"),
        End("end"),
    ]
    (entry,) = (it for it in hop.entries if isinstance(it, journal.HopForwardedHead))
    assert entry.is_answer


def test_an_answer_says_its_own_length() -> None:
    hop = begun()
    head, *_ = hop.say(Answer(200, (("content-length", "99"),), b"abc"))
    assert isinstance(head, ForwardHead)
    assert head.head.headers == (("content-length", "3"),)


def test_an_answer_to_head_has_the_length_without_the_body() -> None:
    hop = Hop()
    hop.begin(RequestHead("HEAD", "/", ()))
    head, *rest = hop.say(Answer(200, (), b"hello"))
    assert isinstance(head, ForwardHead)
    assert (head.head.headers, head.head.framing) == ((("Content-Length", "5"),), "none")
    assert rest == [End("end")]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_may_have_no_body_has_neither_body_nor_length(status: int) -> None:
    """RFC 9110 §8.6: a server must not send Content-Length in a 204."""
    hop = begun()
    head, *rest = hop.say(Answer(status, ANSWERED, b"hello"))
    assert isinstance(head, ForwardHead)
    assert (head.head.headers, head.head.framing) == (ANSWERED, "none")
    assert rest == [End("end")]


def test_nothing_follows_an_answer() -> None:
    hop = begun()
    hop.say(Answer(503))
    assert hop.say(ForwardHead(OK), Forward(b"x"), End("truncation"), Answer(504)) == []


# -- the journal -------------------------------------------------------------------------------


def test_a_note_is_an_entry_with_the_faults_name() -> None:
    hop = Hop(number=3)
    hop.begin()
    assert hop.say(Note("fired", "because", 12, 1)) == []
    assert hop.entries[-1] == journal.FaultNote(
        hop=3, fault=1, name="second", x=1, what="fired", reason="because", offset=12
    )


def test_the_end_of_the_case_asks_every_exchange_how_its_faults_stand() -> None:
    hop = Hop()
    hop.begin()
    hop.begin()
    hop.fault.says = [Note("not_reached", "1 of 60 s"), Forward(b"x")]
    hop.machine.close(9.0)
    notes = [it for it in hop.entries if isinstance(it, journal.FaultNote)]
    assert [(it.x, it.what) for it in notes] == [(1, "not_reached"), (2, "not_reached")]
    assert hop.fault.seen[-2:] == [(1, CaseOver()), (2, CaseOver())]


def test_an_exchange_is_told_from_its_request_to_its_end() -> None:
    hop = begun()
    hop.take(OK)
    hop.take(Data(b"x"))
    hop.take(UpstreamEnd("end"))
    assert hop.kinds == [
        "HopRequest",
        "HopAttempt",
        "HopHead",
        "HopForwardedHead",
        "HopUpstreamEnd",
        "HopEnd",
    ]


def test_secrets_do_not_reach_the_journal() -> None:
    secrets: Headers = (("Authorization", "Bearer s3cret"), ("Cookie", "sid=s3cret"))
    hop = Hop()
    x = hop.machine.new_exchange()
    request = RequestHead("GET", "/events?token=s3cret", secrets)
    (sent,) = hop.take(request, x)
    assert isinstance(sent, SendRequest)
    assert value(sent.head.headers, "authorization") == "Bearer s3cret"
    hop.take(ResponseHead(200, (("Set-Cookie", "sid=s3cret"),)))
    written = b"".join(journal.encode(it) for it in hop.entries)
    assert written.count(b"[redacted]") == 7
    assert b"s3cret" not in written


# -- what a fault may choose -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "version", "framing"),
    [
        (None, "HTTP/1.1", "chunked"),
        ("close", "HTTP/1.1", "close"),
        (None, "HTTP/1.0", "close"),
        ("close", "HTTP/1.0", "close"),
    ],
)
def test_a_fault_may_have_the_close_delimit_the_body(
    chosen: Literal["close"] | None, version: str, framing: Framing
) -> None:
    hop = Hop()
    x = hop.begin(replace(GET, version=version))
    assert hop.say(ForwardHead(OK, chosen), x=x) == [ForwardHead(replace(OK, framing=framing))]


def test_a_body_of_known_length_is_framed_by_it_whatever_a_fault_chooses() -> None:
    hop = begun()
    head = replace(OK, headers=(*OK.headers, ("Content-Length", "3")))
    assert hop.say(ForwardHead(head, "close")) == [ForwardHead(replace(head, framing="length"))]


def test_a_client_is_told_to_go_away_while_its_response_goes_on() -> None:
    hop = begun()
    assert hop.say(GoAway(), Forward(b"a")) == [GoAway(), Forward(b"a")]
    assert hop.say(End("end"), GoAway()) == [End("end")]

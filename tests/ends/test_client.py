"""The client from one connection to the next: ends, waits, ids, what it sends again."""

from __future__ import annotations

import pytest

from harness.model import journal
from harness.model.journal import Payload
from tests.ends.client_server import CHUNKED, GOODBYE, STREAM, Script, head, play, stream


def test_every_attempt_notes_the_port_it_left_from() -> None:
    show = play((STREAM, b"data: 1\n\n", "fin"), GOODBYE)
    assert [(it.at, it.number, it.x, it.side) for it in show.links] == [
        ("client", 1, 1, "up"),
        ("client", 1, 2, "up"),
    ]
    assert show.links[0].port != show.links[1].port


def test_the_journal_of_a_client_that_is_told_to_stop() -> None:
    show = play(
        (STREAM, b"id: a\ndata: 1\n\n", 2.0, b"data: 2\n\n", "fin"), GOODBYE, accept_encoding="br"
    )
    request = (
        ("Host", "target.test"),
        ("User-Agent", "sse-harness"),
        ("Accept", "text/event-stream"),
        ("Cache-Control", "no-store"),
        ("Accept-Encoding", "br"),
    )
    url = "http://target.test/events"
    assert show.entries == [
        journal.ClientRequest(n=0, client=1, x=1, method="GET", url=url, headers=request),
        journal.ClientHead(
            n=1,
            client=1,
            x=1,
            status=200,
            version="HTTP/1.1",
            headers=(("Content-Type", "text/event-stream"),),
        ),
        journal.ClientRead(
            n=2, client=1, x=1, offset=0, size=15, payload=Payload(data=b"id: a\ndata: 1\n\n")
        ),
        journal.ClientRead(
            n=3, t_s=2.0, client=1, x=1, offset=15, size=9, payload=Payload(data=b"data: 2\n\n")
        ),
        journal.ClientEnd(n=4, t_s=2.0, client=1, x=1, how="end"),
        journal.ClientWait(n=5, t_s=2.0, client=1, delay_s=3.0, last_event_id="a"),
        journal.ClientRequest(
            n=6,
            t_s=5.0,
            client=1,
            x=2,
            method="GET",
            url=url,
            headers=(*request, ("Last-Event-ID", "a")),
        ),
        journal.ClientHead(n=7, t_s=5.0, client=1, x=2, status=204, version="HTTP/1.1", headers=()),
        journal.ClientEnd(n=8, t_s=5.0, client=1, x=2, how="end"),
        journal.ClientDone(n=9, t_s=5.0, client=1, reason="told to stop"),
    ]
    assert show.reads == [b"id: a\ndata: 1\n\n", b"data: 2\n\n"]


EVENT = b"data: 1\n\n"


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("refuse", ("refused", "connection refused")),
        (("rst",), ("reset", "connection reset by peer")),
        (("fin",), ("truncation", "server disconnected without sending a response.")),
        (
            (b"HTTP/1.1 200 OK\r\nContent-", "fin"),
            ("truncation", "server disconnected without sending a response."),
        ),
        ((b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "hold"), ("malformed", "illegal status line")),
    ],
)
def test_without_a_head_it_reconnects(script: Script, end: tuple[str, str]) -> None:
    show = play(script, GOODBYE)
    assert [line for line in show.lines if "head 1" in line] == []
    [first, _] = show.of(journal.ClientEnd)
    assert (first.how, first.detail[: len(end[1])]) == end
    assert show.lines[1:4] == [f"0 {end[0]} 1", "0 wait 3", "3 request 2"]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ((STREAM, EVENT, "fin"), "end"),
        ((STREAM, EVENT, "rst"), "reset"),
        ((STREAM, "rst"), "reset"),
        ((CHUNKED, b"9\r\n", EVENT, b"\r\n0\r\n\r\n", "hold"), "end"),
        ((CHUNKED, b"9\r\n", EVENT, b"\r\n", "fin"), "truncation"),
        ((CHUNKED, b"a\r\n", EVENT, "fin"), "truncation"),
        ((CHUNKED, b"9\r\n", EVENT, b"\r\n", "rst"), "reset"),
        ((CHUNKED, b"9\r\n", EVENT, b"\r\nzzz\r\n", "hold"), "malformed"),
        ((CHUNKED, b"9\r\n" + EVENT + b"\r\nzzz\r\n", "hold"), "malformed"),
        ((stream("Content-Length: 9"), EVENT, "hold"), "end"),
        ((stream("Content-Length: 9"), EVENT + b"and more", "hold"), "end"),
        ((stream("Content-Length: 10"), EVENT, "fin"), "truncation"),
    ],
)
def test_however_a_stream_ends_it_reconnects(script: Script, how: str) -> None:
    show = play((*script[:-1], 2.0, *script[-1:]) if how != "end" else script, GOODBYE)
    assert show.of(journal.ClientEnd)[0].how == how
    assert len(show.of(journal.ClientWait)) == 1
    assert [it.payload.content() for it in show.of(journal.ClientRead)] in ([], [EVENT])
    assert show.lines[-1].endswith("done: told to stop")


def test_ids_that_come_with_the_fault_count() -> None:
    show = play((CHUNKED, b"7\r\nid: 7\n\n\r\nzzz\r\n", "hold"), GOODBYE)
    assert show.tail[:3] == ["0 read 1: 0+7", "0 malformed 1", "0 wait 3 7"]


def test_interim_answers_are_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    show = play((hints + STREAM, EVENT, "fin"), GOODBYE)
    assert show.lines[:3] == ["0 request 1", "0 head 1: 200", "0 read 1: 0+9"]


# -- waiting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "wait_s"),
    [
        (b"retry: 500", 0.5),
        (b"retry:1", 0.001),
        (b"retry: 0", 0.001),
        (b"retry: 007000", 7.0),
        (b"retry: 1000x", 3.0),
        (b"retry: -5", 3.0),
        (b"retry: +7", 3.0),
        (b"retry: 1_000", 3.0),
        (b"retry:", 3.0),
        (b"retry", 3.0),
        (b"Retry: 500", 3.0),
    ],
)
def test_it_reconnects_after_the_reconnection_time_and_not_earlier(
    field: bytes, wait_s: float
) -> None:
    show = play((STREAM, field + b"\n\n", 1.0, "fin"), GOODBYE)
    assert [(it.t_s, it.delay_s) for it in show.of(journal.ClientWait)] == [(1.0, wait_s)]
    assert [it.t_s for it in show.of(journal.ClientRequest)] == [0.0, 1.0 + wait_s]


def test_retry_holds_for_every_later_wait_until_the_next_one() -> None:
    show = play(
        (STREAM, b"retry: 100\n\nretry: x\n\n", "fin"),
        "refuse",
        (STREAM, EVENT, "rst"),
        (STREAM, b"retry: 200\ndata: cut off", "fin"),
        GOODBYE,
    )
    assert [it.delay_s for it in show.of(journal.ClientWait)] == [0.1, 0.1, 0.1, 0.2]


def test_a_retry_of_ages_is_waited_for() -> None:
    show = play((STREAM, b"retry: " + b"9" * 5000 + b"\n", "fin"), until_s=50_000.0)
    assert show.lines[3:] == ["0 end 1", "0 wait 9.22337e+15"]


def test_a_server_that_never_lets_go_does_not_stop_the_clock() -> None:
    show = play((STREAM, b"retry: 0\n\n", "fin"), until_s=0.0105)
    assert len(show.of(journal.ClientRequest)) == 11


# -- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("data: 1\n\n", None),
        ("id: 7\ndata: 1\n\n", "7"),
        ("id: 7\n\n", "7"),
        ("id: 7\ndata: 1\n\ndata: 2\n\n", "7"),
        ("id: 7\ndata: 1\n\nid:\ndata: 2\n\n", None),
        ("id: 7\ndata: 1\n\nid\ndata: 2\n\n", None),
        ("id: 7\ndata: 1\n\nid: 8\0\ndata: 2\n\n", "7"),
        ("id: 7\ndata: 1\n\nid: 8\ndata: 2\n", "7"),
        ("id: 7\ndata: 1\n\nid: 8", "7"),
        ("id: …é\U0001f600\n\n", "…é\U0001f600"),
        ("id:  7 \n\n", "7"),
        ("id: 7\t8\n\n", "7\t8"),
    ],
)
def test_the_last_id_is_sent_with_the_reconnect(said: str, sent: str | None) -> None:
    show = play((STREAM, said.encode(), "fin"), GOODBYE)
    assert show.heard[0].header("Last-Event-ID") is None
    raw = show.heard[1].header("Last-Event-ID")
    assert (raw if raw is None else raw.encode("latin-1").decode()) == sent


def test_a_stream_without_ids_keeps_the_id_of_the_one_before() -> None:
    show = play((STREAM, b"id: 7\n\n", "fin"), (STREAM, EVENT, "fin"), GOODBYE)
    assert [it.header("Last-Event-ID") for it in show.heard] == [None, "7", "7"]


def test_the_id_it_begins_with_is_the_scenarios() -> None:
    show = play(GOODBYE, last_event_id="42")
    assert show.heard[0].header("Last-Event-ID") == "42"


def test_its_own_id_goes_before_one_in_the_users_headers() -> None:
    show = play(
        (STREAM, b"id: 7\n\n", "fin"),
        (STREAM, b"id\n\n", "fin"),
        GOODBYE,
        headers=(("last-event-id", "5"),),
    )
    assert [it.header("Last-Event-ID") for it in show.heard] == ["5", "7", "5"]


@pytest.mark.parametrize("character", ["\v", "\f"])
def test_an_id_that_no_header_can_hold_is_fatal(character: str) -> None:
    show = play((STREAM, f"id: 7{character}8\n\n".encode(), "fin"), GOODBYE)
    assert show.lines[-1] == "3 done: the last event id cannot be sent in a header (fatal)"


# -- what is sent, and sent again ------------------------------------------------------------------


def test_method_body_and_headers_are_sent_again() -> None:
    show = play(
        (STREAM, EVENT, "fin"),
        GOODBYE,
        method="POST",
        body='{"ask": "ü"}',
        headers=(("Content-Type", "application/json"), ("X-Tenant", "a"), ("X-Tenant", "b")),
    )
    assert [it.body for it in show.heard] == ['{"ask": "ü"}'.encode()] * 2
    assert {it.header("Content-Type") for it in show.heard} == {"application/json"}
    assert {it.header("X-Tenant") for it in show.heard} == {"a, b"}
    assert {(it.method, it.body_bytes) for it in show.of(journal.ClientRequest)} == {("POST", 13)}


def test_a_body_is_a_form_unless_said_otherwise() -> None:
    show = play(GOODBYE, method="POST", body="a=b")
    assert show.heard[0].header("Content-Type") == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("name", ["Accept", "Cache-Control", "Accept-Encoding", "user-agent"])
def test_the_users_headers_replace_a_browsers(name: str) -> None:
    show = play(GOODBYE, headers=((name, "mine"),))
    assert show.heard[0].header(name) == "mine"


@pytest.mark.parametrize(("typed", "sent"), [("é", b"\xe9"), ("…", b"\xe2\x80\xa6")])
def test_a_value_that_is_not_ascii_is_sent_as_it_can_be(typed: str, sent: bytes) -> None:
    value = play(GOODBYE, headers=(("X-Name", typed),)).heard[0].header("X-Name")
    assert value is not None
    assert value.encode("latin-1") == sent


def test_an_empty_accept_encoding_is_not_sent() -> None:
    assert play(GOODBYE, accept_encoding="").heard[0].header("Accept-Encoding") is None


def test_credentials_are_sent_and_not_journalled() -> None:
    show = play(
        GOODBYE,
        url="http://user:pass@target.test/events?token=secret&a=b#part",
        headers=(("X-Api-Key", "secret"),),
    )
    heard = show.heard[0]
    assert heard.request is not None
    assert heard.request.target == "/events?token=secret&a=b"
    assert heard.header("Authorization") == "Basic dXNlcjpwYXNz"
    assert heard.header("X-Api-Key") == "secret"
    [request] = show.of(journal.ClientRequest)
    assert request.url == "http://target.test/events?token=[redacted]&a=b"
    headers = dict(request.headers)
    assert (headers["Authorization"], headers["X-Api-Key"]) == ("[redacted]", "[redacted]")


def test_a_header_that_cannot_be_sent_is_fatal() -> None:
    show = play(GOODBYE, headers=(("X", "a\nb"),))
    assert show.lines[-2:] == [
        "0 malformed 1",
        "0 done: the request cannot be sent: Illegal header value b'a\\nb' (fatal)",
    ]


# -- when it begins and when it is done ------------------------------------------------------------


def test_it_starts_when_the_scenario_says() -> None:
    assert play(GOODBYE, start_s=5.0).lines[0] == "5 request 1"


@pytest.mark.parametrize("script", ["refuse", (STREAM, EVENT, "fin"), (STREAM, "rst")])
def test_without_reconnect_it_is_done_after_the_first_end(script: Script) -> None:
    show = play(script, reconnect=False)
    assert show.lines[-1] == "0 done: does not reconnect"
    assert len(show.of(journal.ClientRequest)) == 1


def test_it_gives_up_after_so_many_attempts_redirects_not_counted() -> None:
    show = play(
        (head(302, "Location: /there", "Content-Length: 0"), "hold"),
        (STREAM, EVENT, "fin"),
        "refuse",
        max_attempts=2,
    )
    assert [line for line in show.lines if "read" not in line] == [
        "0 request 1",
        "0 head 1: 302",
        "0 end 1",
        "0 request 2",
        "0 head 2: 200",
        "0 end 2",
        "0 wait 3",
        "3 request 3",
        "3 refused 3",
        "3 done: gave up after 2 attempts",
    ]


def test_the_same_seed_gives_the_same_journal() -> None:
    scripts: list[Script] = [
        (CHUNKED, b"9\r\n" + EVENT + b"\r\n", 1.0, "rst"),
        "refuse",
        (STREAM, EVENT, 2.0, "fin"),
    ]
    first, second = (play(*scripts, seed=7, until_s=20.0) for _ in range(2))
    assert first.entries == second.entries
    assert len(first.entries) > 20

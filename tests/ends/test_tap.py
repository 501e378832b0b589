"""The tap relays what it hears, as it hears it, and tells what was said."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import run
from harness.ends.tap import Tap
from harness.model import journal
from harness.model.journal import Payload
from harness.model.redaction import STRUCK
from harness.net import Memory
from tests.ends.tapped import Show, Step, meet
from tests.net.certificates import client_context, server_context

SETTINGS = settings(max_examples=20, deadline=None, derandomize=True)

GET = b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = OK + b"Content-Length: 3\r\n\r\nabc"
ABC = b"3\r\nabc\r\n"
LAST = b"0\r\n\r\n"


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> tuple[ssl.SSLContext, ssl.SSLContext] | None:
    return (server_context(), client_context()) if request.param == "tls" else None


# -- bytes -----------------------------------------------------------------------------------------


def test_bytes_pass_unchanged_when_they_come(tls: Any) -> None:
    show = meet(([GET, 5.0, "close"], [1.0, CHUNKED, 1.0, ABC, 1.0, LAST]), tls=tls)
    assert show.target.got == [(0.0, GET)]
    assert show.client.got == [(1.0, CHUNKED), (2.0, ABC), (3.0, LAST)]


@SETTINGS
@given(up=st.lists(st.binary(min_size=1)), down=st.lists(st.binary(min_size=1)))
def test_bytes_that_are_not_http_pass_unchanged_too(up: list[bytes], down: list[bytes]) -> None:
    show = meet(([*up, 1.0, "close"], down))
    assert [data for _, data in show.target.got] == up
    assert [data for _, data in show.client.got] == down


def test_much_of_it_passes_whole() -> None:
    lots = bytes(range(256)) * 4096
    body = OK + b"Content-Length: %d\r\n\r\n" % len(lots) + lots
    show = meet(([GET], [body, "close"]))
    assert show.client.data == body
    assert show.lines[-1] == "0 end 1 by target"


# -- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ([CHUNKED, ABC, LAST], "end"),
        ([CHUNKED, ABC], "truncation"),
        ([CHUNKED], "truncation"),
        ([OK + b"\r\nabc"], "end"),
        ([LENGTH], "end"),
        ([LENGTH[:-1]], "truncation"),
        ([OK], "truncation"),
        ([], "truncation"),
    ],
    ids=[
        "last-chunk",
        "no-last-chunk",
        "no-chunk",
        "by-closing",
        "by-length",
        "too-short",
        "half-a-head",
        "nothing",
    ],
)
def test_a_target_that_closes_is_a_fin(said: list[Step], how: str, tls: Any) -> None:
    show = meet(([GET], [*said, 1.0, "close"]), tls=tls)
    assert (show.client.gone, show.client.gone_s) == ("fin", 1.0)
    assert show.lines[-1].split(maxsplit=1)[1] == f"{how} 1 by target"


@pytest.mark.parametrize("said", [[CHUNKED, ABC], [CHUNKED], [OK + b"\r\nabc"], [OK], []])
def test_a_target_that_aborts_is_a_rst(said: list[Step], tls: Any) -> None:
    show = meet(([GET], [*said, 1.0, "rst"]), tls=tls)
    assert (show.client.gone, show.client.gone_s) == ("rst", 1.0)
    assert show.lines[-1] == "1 reset 1 by target"


def test_a_client_that_closes_is_a_fin() -> None:
    show = meet(([GET, 2.0, "close"], [CHUNKED, ABC]))
    assert (show.target.gone, show.target.gone_s) == ("fin", 2.0)
    assert show.lines[-2:] == ["2 fin 1 by downstream", "2 truncation 1 by target"]


def test_a_client_that_aborts_is_a_rst(tls: Any) -> None:
    show = meet(([GET, 2.0, "rst"], [CHUNKED, ABC]), tls=tls)
    assert (show.target.gone, show.target.gone_s) == ("rst", 2.0)
    assert show.lines[-1] == "2 rst 1 by downstream"


@pytest.mark.parametrize(
    ("then", "gone", "how"),
    [
        ([ABC, LAST, "close"], "fin", "end"),
        ([ABC, "close"], "fin", "truncation"),
        ([ABC, "rst"], "rst", "reset"),
    ],
)
def test_a_client_that_shuts_down_sending_goes_on_reading(
    then: list[Step], gone: str, how: str
) -> None:
    show = meet(([GET, 1.0, "eof"], [CHUNKED, 2.0, *then]))
    assert (show.target.gone, show.target.gone_s) == ("fin", 1.0)
    assert show.client.data == CHUNKED + b"".join(it for it in then if isinstance(it, bytes))
    assert (show.client.gone, show.client.gone_s) == (gone, 2.0)
    assert show.lines == [
        "0 GET 1",
        "0 head 1: 200 chunked",
        "1 fin 1 by downstream",
        "2 read 1: 0+3",
        f"2 {how} 1 by target",
    ]


def test_a_client_that_shuts_down_sending_and_then_aborts_is_told_of_twice() -> None:
    show = meet(([GET, 1.0, "eof", 1.0, "rst"], [CHUNKED, 3.0, ABC, ABC]))
    assert (show.target.gone, show.target.gone_s) == ("fin", 1.0)
    assert show.lines == [
        "0 GET 1",
        "0 head 1: 200 chunked",
        "1 fin 1 by downstream",
        "3 read 1: 0+3",
        "3 rst 1 by downstream",
    ]


def test_a_target_that_shuts_down_sending_goes_on_reading() -> None:
    post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc"
    show = meet(([post, 2.0, b"def", "close"], [LENGTH, 1.0, "eof"]))
    assert (show.client.gone, show.client.gone_s) == ("fin", 1.0)
    assert show.target.data == post + b"def"
    assert show.target.gone == "fin"


def test_an_idle_connection_that_closes_ends_no_exchange(tls: Any) -> None:
    show = meet(([GET, 1.0, "close"], [LENGTH]), tls=tls)
    assert show.lines[-1] == "0 end 1 by target"


@pytest.mark.parametrize("leaves", ["close", "eof"])
def test_a_client_that_closes_on_a_tls_target_is_nobody_elses_doing(leaves: Step) -> None:
    contexts = server_context(), client_context()
    show = meet(([GET, 2.0, leaves], [CHUNKED, ABC]), tls=contexts)
    assert (show.target.gone, show.target.gone_s) == ("fin", 2.0)
    assert show.client.gone != "rst"
    assert show.lines[-1] == "2 fin 1 by downstream"


# -- exchanges -------------------------------------------------------------------------------------


def test_a_connection_carries_one_exchange_after_another(tls: Any) -> None:
    show = meet(
        ([GET, 2.0, GET, 4.0, "close"], [1.0, LENGTH, 2.0, CHUNKED, ABC, 1.0, LAST]), tls=tls
    )
    assert show.lines == [
        "0 GET 1",
        "1 head 1: 200 length",
        "1 read 1: 0+3",
        "1 end 1 by target",
        "2 GET 2",
        "3 head 2: 200 chunked",
        "3 read 2: 0+3",
        "4 end 2 by target",
    ]


PIPELINED = [
    "head 1: 200 length",
    "read 1: 0+3",
    "end 1 by target",
    "head 2: 204 none",
    "end 2 by target",
    "head 3: 200 chunked",
    "read 3: 0+3",
    "end 3 by target",
]


@SETTINGS
@given(at=st.integers(1, 3 * len(GET) - 1))
def test_pipelined_requests_are_answered_in_order(at: int) -> None:
    requests = GET * 3
    answers = LENGTH + b"HTTP/1.1 204 No Content\r\n\r\n" + CHUNKED + ABC + LAST
    show = meet(([requests[:at], requests[at:], 2.0, "close"], [1.0, answers]))
    assert show.target.data == requests
    assert show.lines == [*(f"0 GET {x}" for x in (1, 2, 3)), *(f"1 {it}" for it in PIPELINED)]


def test_an_end_ends_every_exchange_that_waits() -> None:
    show = meet(([GET * 3], [LENGTH, 1.0, "close"]))
    assert show.lines[-2:] == ["1 truncation 2 by target", "1 truncation 3 by target"]


def test_exchanges_are_numbered_across_connections() -> None:
    connection: tuple[list[Step], list[Step]] = ([GET, 1.0, "close"], [LENGTH])
    show = meet(connection, connection)
    assert [it.x for it in show.of(journal.TapRequest)] == [1, 2]


def test_interim_heads_come_before_the_final_one() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    show = meet(([GET], [hints, 1.0, LENGTH, "close"]))
    assert show.client.data == hints + LENGTH
    assert [(it.t_s, it.status, it.is_interim) for it in show.of(journal.TapHead)] == [
        (0.0, 100, True),
        (0.0, 103, True),
        (1.0, 200, False),
    ]


def test_an_answer_to_head_has_no_body() -> None:
    head = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
    show = meet(([head, 1.0, GET, 2.0, "close"], [LENGTH[:-3], 1.5, LENGTH]))
    assert show.lines == [
        "0 HEAD 1",
        "0 head 1: 200 none",
        "0 end 1 by target",
        "1 GET 2",
        "1.5 head 2: 200 length",
        "1.5 read 2: 0+3",
        "1.5 end 2 by target",
    ]


def test_an_answer_that_is_not_http_is_malformed_and_passes() -> None:
    show = meet(([GET], [b"220 smtp ready\r\n\r\n", 1.0, b"more", "close"]))
    assert show.client.data == b"220 smtp ready\r\n\r\nmore"
    [end] = show.of(journal.TapEnd)
    assert (end.how, end.detail) == ("malformed", "illegal status line: b'220 smtp ready'")


def test_an_answer_nobody_asked_for_passes_and_is_no_exchange() -> None:
    show = meet(([2.0, "close"], [LENGTH]))
    assert show.client.data == LENGTH
    assert show.lines == []


# -- the journal -----------------------------------------------------------------------------------


def test_what_is_kept_of_an_exchange() -> None:
    show = meet(([GET], [CHUNKED, ABC, 1.0, b"2\r\nde\r\n" + LAST, "close"]))
    link, up_link, *entries = show.entries
    assert isinstance(link, journal.Link)
    assert isinstance(up_link, journal.Link)
    assert (link.side, up_link.side) == ("down", "up")
    assert entries == [
        journal.TapRequest(
            x=1, method="GET", target="/events", version="HTTP/1.1", headers=(("Host", "h"),)
        ),
        journal.TapHead(
            x=1,
            status=200,
            version="HTTP/1.1",
            framing="chunked",
            headers=(("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")),
        ),
        journal.TapRead(x=1, offset=0, size=3, payload=Payload(data=b"abc")),
        journal.TapRead(t_s=1.0, x=1, offset=3, size=2, payload=Payload(data=b"de")),
        journal.TapEnd(t_s=1.0, x=1, by="target", how="end"),
    ]


def test_one_read_is_one_entry_however_many_chunks_it_has() -> None:
    show = meet(([GET], [CHUNKED, ABC * 3, ABC[:4], ABC[4:] + LAST, "close"]))
    assert show.lines[2:5] == ["0 read 1: 0+9", "0 read 1: 9+1", "0 read 1: 10+2"]


def test_a_long_read_is_kept_packed() -> None:
    show = meet(([GET], [OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000, "close"]))
    [read] = show.of(journal.TapRead)
    assert read.payload.content() == b"x" * 2000
    assert read.payload.stored_bytes < 100


def test_links_name_the_ports_of_both_connections() -> None:
    show = meet(([GET, GET, 1.0, "close"], [LENGTH * 2]), ([GET, 1.0, "close"], [LENGTH]))
    links = show.of(journal.Link)
    assert {(it.at, it.number, it.attempt) for it in links} == {("tap", 0, 0)}
    assert [(it.x, it.side) for it in links] == [
        (x, side) for x in (1, 2, 3) for side in ("down", "up")
    ]
    first_down, first_up, *same, second_down, second_up = (it.port for it in links)
    assert same == [first_down, first_up]
    assert len({first_down, first_up, second_down, second_up}) == 4


def test_no_secret_is_kept_and_every_secret_passes() -> None:
    request = (
        b"GET /events?token=s3cret&a=b HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s3cret\r\n\r\n"
    )
    answer = OK + b"Set-Cookie: a=s3cret\r\nContent-Length: 0\r\n\r\n"
    show = meet(([request], [answer, 1.0, "close"]))
    assert (show.target.data, show.client.data) == (request, answer)
    assert b"s3cret" not in b"".join(journal.encode(it) for it in show.entries)
    [asked] = show.of(journal.TapRequest)
    assert asked.target == f"/events?token={STRUCK}&a=b"
    assert ("Authorization", STRUCK) in asked.headers


# -- targets that cannot be reached ----------------------------------------------------------------


def refused(show: Show) -> tuple[list[str], str]:
    [end] = show.of(journal.TapEnd)
    return show.lines, end.detail


def test_a_refused_connection_is_told_with_its_request() -> None:
    show = meet(([1.0, GET], []), refuses=True)
    assert (show.client.data, show.client.gone, show.client.gone_s) == (b"", "rst", 1.0)
    lines, detail = refused(show)
    assert lines == ["1 GET 1", "1 refused 1 by target"]
    assert "refused" in detail
    assert [it.side for it in show.of(journal.Link)] == ["down"]


@pytest.mark.parametrize("leaves", ["close", "rst"])
def test_who_asked_for_nothing_was_refused_nothing(leaves: Step) -> None:
    show = meet(([1.0, leaves], []), refuses=True)
    assert show.entries == []


@pytest.mark.parametrize(
    ("context", "name", "why"),
    [
        (client_context(), "localhost", "hostname mismatch"),
        (ssl.create_default_context(), "127.0.0.1", "self-signed certificate"),
    ],
    ids=["name", "issuer"],
)
def test_a_target_that_is_not_who_it_should_be_is_refused(
    context: ssl.SSLContext, name: str, why: str
) -> None:
    show = meet(([GET], []), tls=(server_context(), context), server_name=name)
    assert show.client.gone == "rst"
    lines, detail = refused(show)
    assert lines == ["0 GET 1", "0 refused 1 by target"]
    assert why in detail


def test_nothing_is_said_to_a_target_that_is_not_who_it_should_be() -> None:
    contexts = server_context(), client_context()
    show = meet(([GET], []), tls=contexts, server_name="localhost")
    assert show.target.got == []


def test_a_target_that_is_not_who_it_should_be_is_left_at_once() -> None:
    contexts = server_context(), client_context()
    show = meet(([1.0, GET], []), tls=contexts, server_name="localhost")
    assert show.target.gone_s == 0.0


def test_a_target_that_answers_no_handshake_is_refused_after_ten_seconds() -> None:
    show = meet(([GET], []), tls=(None, client_context()))
    assert (show.target.gone, show.target.gone_s) == ("fin", 10.0)
    assert (show.client.data, show.client.gone) == (b"", "rst")
    lines, detail = refused(show)
    assert lines == ["10 GET 1", "10 refused 1 by target"]
    assert detail == "no TLS handshake within 10 s"


def test_a_handshake_that_is_cancelled_leaves_no_connection_behind() -> None:
    async def main() -> bytes:
        network = Memory()
        listener = await network.listen()
        async with trio.open_nursery() as nursery:
            tap = Tap(network, listener.address, print, tls=client_context())
            entry = await nursery.start(tap.serve)
            await network.connect(*entry.address)
            target = await listener.accept()
            await target.receive_some()
            nursery.cancel_scope.cancel()
        return bytes(await target.receive_some())

    assert run(main, clock="virtual", seed=0, budget_s=5, wall_limit_s=20) == b""

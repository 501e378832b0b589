"""The client over HTTP/2."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trio
from hyperframe.frame import GoAwayFrame

from harness.model import journal
from harness.net import ByteStream
from tests.ends.client_server import Handler, Heard, Script, Show, play
from tests.ends.client_tls import Contexts, make_contexts

EVENT = b"data: 1\n\n"
OK: H2Head = ((":status", "200"), ("content-type", "text/event-stream"))
BYE: H2Head = ((":status", "204"),)

type H2Head = tuple[tuple[str, str], ...]
type H2Step = H2Head | bytes | float | str
"""Send a head, or data, or wait; end, cancel (RST_STREAM), ping, warning or goaway (GOAWAY), fin,
rst, hold; junk."""


@pytest.fixture
def tls(tmp_path: Path) -> Contexts:
    return make_contexts(tmp_path)


def speaks_h2(server: ssl.SSLContext, *scripts: tuple[H2Step, ...]) -> Handler:
    """Play one script for each connection, in HTTP/2; it offers http/1.1 too."""
    server.set_alpn_protocols(["http/1.1", "h2"])
    return partial(_speak_h2, server, list(scripts))


async def _speak_h2(
    server: ssl.SSLContext,
    scripts: list[tuple[H2Step, ...]],
    raw: ByteStream,
    _script: Script,
    heard: Heard,
    _show: Show,
) -> None:
    top = trio.SSLStream(raw, server, server_side=True)
    await top.do_handshake()
    assert top.selected_alpn_protocol() == "h2"
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    conn.initiate_connection()
    await top.send_all(conn.data_to_send())
    await _hear_h2(top, conn, heard)
    for step in scripts.pop(0):
        match step:
            case tuple():
                conn.send_headers(1, list(step), end_stream=step == BYE)
            case bytes():
                conn.send_data(1, step)
            case "end":
                conn.end_stream(1)
            case "cancel":
                conn.reset_stream(1, h2.errors.ErrorCodes.CANCEL)
            case "goaway":
                conn.close_connection()
            case "warning":  # h2 would send nothing after it
                await top.send_all(GoAwayFrame(0, last_stream_id=1).serialize())
            case "ping":
                conn.ping(b"are you?")
            case "junk":
                await top.send_all(b"\0\0\1\0\0\0\0\0\0x")  # DATA of the connection
            case "rst":
                raw.reset()
                return
            case "fin":
                await raw.send_eof()  # closing with a window update unread would be a reset
                return
            case "hold":
                while await raw.receive_some():
                    pass
                heard.gone, heard.gone_s = "fin", trio.current_time()
                return
            case float():
                await trio.sleep(step)
            case _:
                raise AssertionError(step)
        await top.send_all(conn.data_to_send())


async def _hear_h2(
    top: trio.SSLStream[ByteStream], conn: h2.connection.H2Connection, heard: Heard
) -> None:
    while True:
        for event in conn.receive_data(bytes(await top.receive_some())):
            match event:
                case h2.events.RequestReceived(headers=list(fields)):
                    heard.fields = tuple((k.decode(), v.decode("latin-1")) for k, v in fields)
                case h2.events.DataReceived(data=bytes(data)):
                    heard.body += data
                case h2.events.StreamEnded():
                    return
                case _:
                    pass


def play_h2(tls: Contexts, *scripts: tuple[H2Step, ...], **options: Any) -> Show:
    handler = speaks_h2(tls[0], *scripts)
    return play(("hold",), contexts=tls, http="2", handler=handler, **options)


def test_a_client_over_http_2(tls: Contexts) -> None:
    show = play_h2(
        tls,
        (OK, b"id: \xc3\xa9\nretry: 500\n", 1.0, b"data: 1\n\n", "end", "hold"),
        (BYE, "hold"),
        method="POST",
        body="ask",
    )
    assert show.lines == [
        "0 request 1",
        "0 head 1: 200",
        "0 read 1: 0+18",
        "1 read 1: 18+9",
        "1 end 1",
        "1 wait 0.5 é",
        "1.5 request 2",
        "1.5 head 2: 204",
        "1.5 end 2",
        "1.5 done: told to stop",
    ]
    assert show.of(journal.ClientHead)[0].version == "HTTP/2"
    assert [it.body for it in show.heard] == [b"ask", b"ask"]
    assert dict(show.heard[1].fields) == {
        ":method": "POST",
        ":authority": "target.test",
        ":scheme": "https",
        ":path": "/events",
        "content-length": "3",
        "user-agent": "sse-harness",
        "accept": "text/event-stream",
        "cache-control": "no-store",
        "accept-encoding": "gzip, deflate, br, zstd",
        "content-type": "application/x-www-form-urlencoded",
        "last-event-id": "\u00c3\u00a9",
    }


def test_data_frames_of_one_read_are_one_entry(tls: Contexts) -> None:
    async def handler(raw: ByteStream, _script: Script, heard: Heard, _show: Show) -> None:
        tls[0].set_alpn_protocols(["h2"])
        top = trio.SSLStream(raw, tls[0], server_side=True)
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        conn.initiate_connection()
        await _hear_h2(top, conn, heard)
        conn.send_headers(1, list(OK))
        for data in (b"one", b"two", b"three"):
            conn.send_data(1, data)
        conn.end_stream(1)
        await top.send_all(conn.data_to_send())
        await raw.receive_some()

    show = play(("hold",), contexts=tls, http="2", handler=handler, reconnect=False)
    assert [it.payload.content() for it in show.of(journal.ClientRead)] == [b"onetwothree"]


@pytest.mark.parametrize(
    ("script", "how", "detail"),
    [
        ((OK, EVENT, 1.0, "end", "hold"), "end", ""),
        ((OK, EVENT, 1.0, "cancel", "hold"), "reset", "stream reset: CANCEL"),
        ((OK, EVENT, 1.0, "goaway", "fin"), "truncation", "goaway: NO_ERROR"),
        ((OK, EVENT, 1.0, "fin"), "truncation", "server disconnected"),
        ((OK, EVENT, 1.0, "rst"), "reset", "connection reset by peer"),
        ((OK, EVENT, 1.0, "junk", "hold"), "malformed", None),
        ((1.0, "cancel", "hold"), "reset", "stream reset: CANCEL"),
        ((1.0, "goaway", "fin"), "truncation", "goaway: NO_ERROR"),
        ((1.0, "fin"), "truncation", "server disconnected"),
        ((1.0, "rst"), "reset", "connection reset by peer"),
        ((1.0, "junk", "hold"), "malformed", None),
        ((1.0, ((":status", "ok"),), "hold"), "malformed", None),
    ],
)
def test_ends_are_told_apart_under_http_2(
    tls: Contexts, script: tuple[H2Step, ...], how: str, detail: str | None
) -> None:
    show = play_h2(tls, script, reconnect=False)
    assert show.lines[-2] == f"1 {how} 1"
    assert detail is None or show.of(journal.ClientEnd)[0].detail == detail


def test_it_reads_on_after_a_warning_that_the_connection_takes_no_more_streams(
    tls: Contexts,
) -> None:
    """RFC 9113 §6.8; so browsers do."""
    script = (OK, EVENT, 1.0, "warning", 1.0, b"data: 2\n\n", 1.0, "end", "hold")
    show = play_h2(tls, script, reconnect=False)
    reads = [(it.t_s, it.payload.content()) for it in show.of(journal.ClientRead)]
    assert reads == [(0.0, EVENT), (2.0, b"data: 2\n\n")]
    assert [(it.t_s, it.how) for it in show.of(journal.ClientEnd)] == [(3.0, "end")]


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
def test_it_leaves_under_http_2(tls: Contexts, by: str) -> None:
    show = play_h2(tls, (OK, EVENT, "hold"), leave={"at_s": 3.0, "by": by})
    assert show.tail[1] == f"3 left 1: {by}"
    assert show.tail[-1] == "3 done: left"
    assert (show.heard[0].gone, show.heard[0].gone_s) == ("rst" if by == "rst" else "fin", 3.0)


def test_half_closed_it_reads_on_although_it_can_answer_no_ping(tls: Contexts) -> None:
    show = play_h2(
        tls, (OK, EVENT, 5.0, "ping", EVENT, "end", "hold"), leave={"at_s": 3.0, "by": "half-close"}
    )
    assert show.tail == [
        "0 read 1: 0+9",
        "3 left 1: half-close",
        "5 read 1: 9+9",
        "5 end 1",
        "5 done: left",
    ]

"""The client over TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.model import journal
from harness.net import ByteStream
from tests.ends.client_server import CHUNKED, GOODBYE, STREAM, Heard, Script, Show, head, play
from tests.ends.client_tls import Contexts, make_contexts

EVENT = b"data: 1\n\n"


@pytest.fixture
def tls(tmp_path: Path) -> Contexts:
    return make_contexts(tmp_path)


def test_over_tls_it_believes_in_an_https_target(tls: Contexts) -> None:
    show = play(
        (STREAM, b"id: 7\n\n", 1.0, b"da", b"ta: 1\n\n", "fin"),
        (head(302, "Location: https://target.test/there"), "hold"),
        GOODBYE,
        contexts=tls,
        tls=True,
    )
    assert {it.url.rpartition("/")[0] for it in show.of(journal.ClientRequest)} == {
        "https://target.test"
    }
    assert show.lines == [
        "0 request 1",
        "0 head 1: 200",
        "0 read 1: 0+7",
        "1 read 1: 7+2",
        "1 read 1: 9+7",
        "1 end 1",
        "1 wait 3 7",
        "4 request 2",
        "4 head 2: 302",
        "4 left 2",
        "4 request 3",
        "4 head 3: 204",
        "4 end 3",
        "4 done: told to stop",
    ]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ((CHUNKED, b"9\r\n" + EVENT, 1.0, "fin"), "truncation"),
        ((CHUNKED, b"9\r\n" + EVENT, 1.0, "rst"), "reset"),
        ((CHUNKED, b"9\r\n" + EVENT, 1.0, b"\r\n0\r\n\r\n", "hold"), "end"),
        ((1.0, "fin"), "truncation"),
        ((1.0, "rst"), "reset"),
    ],
)
def test_ends_are_told_apart_under_tls(tls: Contexts, script: Script, how: str) -> None:
    show = play(script, contexts=tls, tls=True, reconnect=False)
    assert show.lines[-2] == f"1 {how} 1"


def test_one_read_below_tls_is_one_entry(tls: Contexts) -> None:
    async def handler(raw: ByteStream, _script: Script, _heard: Heard, _show: Show) -> None:
        # Three records in one write.
        both = CollectingStream(raw)
        top = trio.SSLStream(both, tls[0], server_side=True)
        await top.receive_some()
        both.holds = True
        for data in (STREAM, b"one", b"two"):
            await top.send_all(data)
        await raw.send_all(b"".join(both.held))

    show = play(("fin",), contexts=tls, tls=True, reconnect=False, handler=handler)
    assert [it.payload.content() for it in show.of(journal.ClientRead)] == [b"onetwo"]


class CollectingStream(trio.abc.Stream):
    """Passes everything on, until what is sent is to be held."""

    def __init__(self, stream: ByteStream) -> None:
        self.holds = False
        self.held: list[bytes] = []
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.holds:
            self.held.append(bytes(data))
        else:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


def test_a_certificate_it_does_not_trust_is_no_connection(tls: Contexts) -> None:
    server, _ = tls
    show = play(GOODBYE, contexts=(server, ssl.create_default_context()), tls=True, reconnect=False)
    [end] = show.of(journal.ClientEnd)
    assert end.how == "refused"
    assert end.detail == "tls: certificate verify failed: self-signed certificate"


def test_plain_http_where_tls_was_meant_is_no_connection(tls: Contexts) -> None:
    async def handler(raw: ByteStream, _script: Script, _heard: Heard, _show: Show) -> None:
        await raw.receive_some()
        await raw.send_all(head(400))

    show = play(("fin",), contexts=tls, tls=True, reconnect=False, handler=handler)
    assert show.of(journal.ClientEnd)[0].how == "refused"


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
def test_it_leaves_under_tls(tls: Contexts, by: str) -> None:
    show = play((STREAM, EVENT, "hold"), contexts=tls, tls=True, leave={"at_s": 3.0, "by": by})
    assert show.tail[1] == f"3 left 1: {by}"
    assert show.tail[-1] == "3 done: left"
    assert (show.heard[0].gone, show.heard[0].gone_s) == ("rst" if by == "rst" else "fin", 3.0)


@pytest.mark.parametrize("how", ["leave", "cancel"])
def test_a_peer_that_reads_nothing_does_not_keep_it(tls: Contexts, how: str) -> None:
    async def handler(raw: ByteStream, _script: Script, _heard: Heard, _show: Show) -> None:
        top = trio.SSLStream(raw, tls[0], server_side=True)
        await top.do_handshake()
        await trio.sleep_forever()

    spec: dict[str, Any] = {"leave": {"at_s": 3.0}} if how == "leave" else {}
    show = play(
        ("hold",),
        contexts=tls,
        tls=True,
        method="POST",
        body="x" * 1_000_000,
        handler=handler,
        until_s=4.0,
        **spec,
    )
    assert show.lines[-1] == ("3 done: left" if how == "leave" else "4 open 1")


def test_a_slow_reader_is_slow_below_tls(tls: Contexts) -> None:
    show = play(
        (STREAM, b"x" * 50_000, "fin"),
        contexts=tls,
        tls=True,
        reads={"bytes_per_read": 10_000, "every_s": 1.0},
        reconnect=False,
    )
    assert sum(it.size for it in show.of(journal.ClientRead)) == 50_000
    assert show.of(journal.ClientEnd)[0].t_s >= 5.0

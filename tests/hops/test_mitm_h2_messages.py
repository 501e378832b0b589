"""What a message of HTTP/2 becomes for a target that speaks HTTP/1.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import journal
from harness.wire.headers import values
from tests.testkit.stage import STREAM, Stage, chunk, play
from tests.testkit.stage_h2 import INTERNAL_ERROR, Ended, connect_h2


def test_fields_are_lower_case_and_none_belongs_to_a_connection(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask("/", ("x-one", "1"), ("te", "trailers"))
        target = await stage.accept()
        assert await target.head() == b"GET / HTTP/1.1\r\nHost: target.test\r\nx-one: 1\r\n\r\n"
        await target.send(STREAM + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = {":status": "200", "content-type": "text/event-stream"}
        assert await client.head(one) == head

    play(scene, ca=ca)


def test_cookies_sent_apart_are_joined_for_http_1(ca: Path) -> None:
    """RFC 9113 §8.2.3."""

    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        await client.ask("/", ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"))
        target = await stage.accept()
        head = await target.head()
        assert head.count(b"ookie: ") == 1
        assert b"\r\ncookie: a=1; b=2\r\n" in head
        (request,) = stage.entries(journal.HopRequest)
        assert len(values(request.headers, "cookie")) == 1

    play(scene, ca=ca)


@pytest.mark.parametrize(
    ("fields", "told", "sent"),
    [
        ((), b"Transfer-Encoding: chunked", chunk(b"abc") + chunk(b"")),
        ((("content-length", "3"),), b"content-length: 3", b"abc"),
    ],
    ids=["without a length", "with its length"],
)
def test_a_body_is_delimited_for_http_1(
    fields: tuple[tuple[str, str], ...], told: bytes, sent: bytes, ca: Path
) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask("/", *fields, body=b"abc")
        target = await stage.accept()
        head = await target.head()
        assert head == b"POST / HTTP/1.1\r\nHost: target.test\r\n" + told + b"\r\n\r\n"
        assert await target.until(sent) == sent
        await target.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert await client.end(one) == Ended()

    play(scene, ca=ca)


def test_a_length_that_promises_too_much_resets_the_stream(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask()
        target = await stage.accept()
        await target.head()
        await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
        await client.until(one, b"hello")
        await target.close()
        assert await client.end(one) == Ended(INTERNAL_ERROR)

    play(scene, ca=ca)

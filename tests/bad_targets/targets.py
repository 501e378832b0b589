"""Servers that do what no server should, each a few lines of asyncio over a raw connection."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import zlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

type Talk = Callable[[StreamReader, StreamWriter], Awaitable[None]]

MIB = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TO_THE_CLOSE = HEAD + b"Connection: close\r\n\r\n"
EVENT = b"data: hello\n\n"


@contextmanager
def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Have `talk` hold every conversation, one connection each; the port."""
    ports: list[int] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()
    is_over = asyncio.Event()

    async def serve() -> None:
        talks: set[asyncio.Task[None]] = set()

        async def handle(reader: StreamReader, writer: StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            try:
                with suppress(OSError, EOFError, asyncio.CancelledError):
                    await talk(reader, writer)
            finally:
                talks.discard(task)
                writer.transport.abort() if is_over.is_set() else writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        ports.append(server.sockets[0].getsockname()[1])
        is_up.set()
        await is_over.wait()
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    is_up.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()


@contextmanager
def refusing() -> Iterator[int]:
    """A port that nobody listens on, nor will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# -- what they say ---------------------------------------------------------------------------------


def chunk(data: bytes) -> bytes:
    """One chunk; of nothing, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def answering(*parts: bytes, then: Talk | None = None) -> Talk:
    """Wait for a request, send bytes, and close, or go on with `then`."""

    async def talk(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then is not None:
            await then(reader, writer)

    return talk


def repeating(data: bytes, pause_s: float = 0.0, count: int | None = None) -> Talk:
    """Send the same bytes again and again; to the end of the connection, or so often."""

    async def talk(_: StreamReader, writer: StreamWriter) -> None:
        sent = 0
        while sent != count:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(pause_s)
            sent += 1

    return talk


async def waiting(reader: StreamReader, _: StreamWriter) -> None:
    """Say nothing until the other side has gone."""
    while await reader.read(MIB):
        pass


def greeting(data: bytes) -> Talk:
    """Speak first, whatever is asked."""

    async def talk(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return talk


async def elsewhere(reader: StreamReader, writer: StreamWriter) -> None:
    """Redirect to another origin."""
    await answering(
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"
    )(reader, writer)


def short(status: str, body: bytes, media: str) -> Talk:
    """A whole answer that is no stream."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return answering(head.encode() + body)


def bomb(text: bytes, times: int) -> Iterator[bytes]:
    """A gzip body that unfolds to `text`, so many times; without its end."""
    yield gzip.compress(b"")[:10]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(times):
        yield packed


def zipped(text: bytes, times: int) -> Talk:
    """Send a gzip bomb, and leave the connection open."""
    head = HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
    return answering(head, b"".join(bomb(text, times)), then=waiting)


LENGTH = b"Content-Length: %d\r\n\r\n"
TARGETS: Mapping[str, Talk] = {
    "never answers": waiting,
    "answers 500": short("500 Internal Server Error", b"oops", "text/plain"),
    "answers HTML": short("200 OK", b"<!doctype html><p>hello", "text/html"),
    "a line without end": answering(TO_THE_CLOSE, b"data: ", then=repeating(b"x" * 65536)),
    "a slow line without end": answering(CHUNKED, then=repeating(chunk(b"x"), 0.1)),
    "events at full speed": answering(CHUNKED, then=repeating(chunk(EVENT * 5000), 0.01)),
    "lines of 10 MiB": answering(
        CHUNKED, then=repeating(chunk(b"data: %s\n\n" % (b"x" * 10 * MIB)), 0.2)
    ),
    "a length too long": answering(HEAD + LENGTH % 1000, EVENT),
    "a length too short": answering(HEAD + LENGTH % 5, EVENT * 100, then=waiting),
    "a bomb of zeros": zipped(bytes(MIB), 1024),
    "a bomb of events": zipped(EVENT * (MIB // len(EVENT)), 1024),
    "no UTF-8": answering(CHUNKED, chunk(b"data: \xff\xfe\xc3\n\n"), then=waiting),
    "redirects to itself": answering(
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    ),
    "redirects elsewhere": elsewhere,
    "closes behind the head": answering(CHUNKED),
    "103 before 200": answering(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", CHUNKED, chunk(EVENT)
    ),
    "trailers": answering(CHUNKED, chunk(EVENT), b"0\r\nX-Trailer: it is over\r\n\r\n"),
    "another protocol": greeting(b"220 mail.example ESMTP\r\n\r\n"),
    "garbage": greeting(bytes(range(256)) * 4),
    "answers unasked": greeting(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    "a head without end": answering(HEAD, then=repeating(b"X-More: %s\r\n" % (b"x" * 1000))),
    "a chunk without size": answering(CHUNKED, b"zz\r\nhello\r\n", then=waiting),
    "a chunk beyond all bounds": answering(CHUNKED, b"f" * 40 + b"\r\nhello", then=waiting),
    "retry at once": answering(CHUNKED, chunk(b"retry: 0\n\n"), chunk(b"")),
    "an endless chunk": answering(
        CHUNKED, b"7fffffff\r\n", then=repeating(b"data: hello\n" * 5000)
    ),
}

"""Messages on the wire and what they are read as; and ways of reading them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hypothesis import settings

from harness.wire.headers import Headers
from harness.wire.http1 import (
    Body,
    Framing,
    Item,
    Over,
    RequestLine,
    RequestReader,
    ResponseReader,
    StatusLine,
)

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)

type Reader = RequestReader | ResponseReader
type Make = Callable[[], Reader]


@dataclass(frozen=True)
class Message:
    """A message on the wire, the items it is read as, and what came after it."""

    name: str
    make: Make
    wire: bytes
    head: tuple[Item, ...]
    body: bytes = b""
    trailers: Headers = ()
    ends_by: Literal["itself", "closing"] = "itself"

    @property
    def items(self) -> list[Item]:
        body: list[Item] = [Body(self.body)] if self.body else []
        return [*self.head, *body, Over("end", "", self.trailers)]


def status(
    code: int, framing: Framing, *fields: tuple[str, str], version: str = "HTTP/1.1"
) -> StatusLine:
    return StatusLine(code, version, fields, framing, is_interim=code < 200)


def answer_to(method: str) -> Make:
    return lambda: ResponseReader(method)


CHUNKED = ("Transfer-Encoding", "chunked")
THREE = ("Content-Length", "3")
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED_OK = OK + b"Transfer-Encoding: chunked\r\n\r\n"

MESSAGES = (
    Message(
        "length",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        (status(200, "length", THREE),),
        b"abc",
    ),
    Message(
        "empty",
        ResponseReader,
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        (status(500, "length", ("Content-Length", "0")),),
    ),
    Message(
        "chunked",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n00A;name=value\r\n0123456789\r\n0\r\n\r\n",
        (status(200, "chunked", CHUNKED),),
        b"abc0123456789",
    ),
    Message(
        "chunked-without-a-body",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (status(200, "chunked", CHUNKED),),
    ),
    Message(
        "trailers",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n",
        (status(200, "chunked", CHUNKED),),
        b"abc",
        (("X-Sum", "1"), ("x-sum", "2")),
    ),
    Message(
        # RFC 9112 §6.3: Transfer-Encoding overrides Content-Length.
        "length-that-chunks-override",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        b"1\r\na\r\n0\r\n\r\n",
        (status(200, "chunked", CHUNKED, THREE),),
        b"a",
    ),
    Message(
        "close",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
        (status(200, "close", ("Connection", "close")),),
        b"abc",
        ends_by="closing",
    ),
    Message(
        "http-1.0",
        ResponseReader,
        b"HTTP/1.0 200 OK\r\n\r\nabc",
        (status(200, "close", version="HTTP/1.0"),),
        b"abc",
        ends_by="closing",
    ),
    Message(
        "interim-heads",
        ResponseReader,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        (
            status(100, "none"),
            status(103, "none", ("Link", "</a>")),
            status(200, "length", THREE),
        ),
        b"abc",
    ),
    Message(
        "204",
        ResponseReader,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        (status(204, "none"),),
    ),
    Message(
        "304-which-tells-a-length",
        ResponseReader,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
        (status(304, "none", THREE),),
    ),
    Message(
        "answer-to-head",
        answer_to("HEAD"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        (status(200, "none", THREE),),
    ),
    Message(
        "answer-to-head-chunked",
        answer_to("head"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        (status(200, "none", CHUNKED),),
    ),
    Message(
        "no-reason-bare-line-ends",
        ResponseReader,
        b"HTTP/1.1 200\nContent-Length: 3\n\nabc",
        (status(200, "length", THREE),),
        b"abc",
    ),
    Message(
        "names-keep-their-case-values-are-latin-1",
        ResponseReader,
        b"HTTP/1.1 200 OK\r\nx-UPPER: caf\xe9 \r\ncontent-length: 0\r\n\r\n",
        (status(200, "length", ("x-UPPER", "caf\xe9"), ("content-length", "0")),),
    ),
    Message(
        "get",
        RequestReader,
        b"GET /events?a=b HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 7\r\n\r\n",
        (RequestLine("GET", "/events?a=b", "HTTP/1.1", (("Host", "h"), ("Last-Event-ID", "7"))),),
    ),
    Message(
        "get-1.0",
        RequestReader,
        b"GET / HTTP/1.0\r\n\r\n",
        (RequestLine("GET", "/", "HTTP/1.0", ()),),
    ),
    Message(
        "post",
        RequestReader,
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        (RequestLine("POST", "/", "HTTP/1.1", (("Host", "h"), THREE)),),
        b"abc",
    ),
    Message(
        "post-chunked",
        RequestReader,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        (RequestLine("POST", "/", "HTTP/1.1", (("Host", "h"), CHUNKED)),),
        b"abc",
    ),
)


def named(message: Message) -> str:
    return message.name


def joined(items: Iterable[Item]) -> list[Item]:
    """`items` with neighbouring body bytes in one."""
    out: list[Item] = []
    for item in items:
        if isinstance(item, Body) and out and isinstance(out[-1], Body):
            out[-1] = Body(out[-1].data + item.data)
        else:
            out.append(item)
    return out


def read(reader: Reader, *feeds: bytes) -> list[Item]:
    return [item for data in feeds for item in reader.feed(data)]


def read_to_the_end(reader: Reader, feeds: Iterable[bytes]) -> list[Item]:
    return joined([*read(reader, *feeds), *reader.eof()])


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]

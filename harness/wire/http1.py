"""HTTP/1 messages read from bytes as they come, over h11: one reader per message.

A reader is told what arrived (`feed`), that the peer closed (`eof`) or aborted (`reset`), and
returns items. Body bytes of one `feed` come as one `Body`, so that a read stays a read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import h11

from harness.wire.headers import Headers, tokens, value

type Framing = Literal["chunked", "length", "close", "none"]

# nginx takes 32 KiB of request head, browsers 256 KiB of response head.
MAX_HEAD_BYTES = 256 * 1024

_NO_HEAD_YET = frozenset({h11.IDLE, h11.SEND_RESPONSE})
_QUOTED = re.compile(r"bytearray\((.*?)\)(?= |$)")
_WHY_CHARS = 100


@dataclass(frozen=True, slots=True)
class RequestLine:
    """The head of a request."""

    method: str
    target: str
    version: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The head of a response; an interim one (1xx) comes before the final one."""

    status: int
    version: str
    headers: Headers
    framing: Framing
    is_interim: bool


@dataclass(frozen=True, slots=True)
class Body:
    """Body bytes, without transfer coding. Never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Over:
    """The message is over; trailers are told, not passed on.

    Args:
        how: end, truncation (closed too early), reset (aborted), malformed (not HTTP).
        trailers: Fields after the last chunk.
        rest: Bytes that came after the message.
    """

    how: Literal["end", "truncation", "reset", "malformed"]
    detail: str = ""
    trailers: Headers = ()
    rest: bytes = b""


# A chunk's first line without extensions, as every server of event streams writes it.
_PLAIN_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")

type Item = RequestLine | StatusLine | Body | Over


def _fields(raw: h11._headers.Headers | list[tuple[bytes, bytes]]) -> Headers:
    # raw_items keeps the case of names, which a transparent hop must not change.
    items = raw.raw_items() if isinstance(raw, h11._headers.Headers) else raw  # noqa: SLF001 - the type has no public name
    return tuple((name.decode("latin-1"), val.decode("latin-1")) for name, val in items)


def _why(error: h11.RemoteProtocolError) -> str:
    """What is wrong, on a short line: h11 quotes the peer, whole and as a bytearray."""
    words = str(error)
    # What these two quote may be a secret, and this goes into the journal. The second is said of
    # responses too.
    if words.startswith("illegal header line"):
        return "illegal header line"
    if words.startswith("illegal request line"):
        return "illegal start line"
    words = _QUOTED.sub(r"\1", words)[:_WHY_CHARS]
    return words[:1].lower() + words[1:]


def response_framing(method: str, status: int, headers: Headers) -> Framing:
    """How the body of a response is delimited (RFC 9112 §6.3)."""
    if method == "HEAD" or status in {204, 304} or status < 200:
        return "none"
    if "chunked" in tokens(headers, "transfer-encoding"):
        return "chunked"
    return "close" if value(headers, "content-length") is None else "length"


class _Reader:
    """What request and response readers share."""

    def __init__(self, role: type[h11.CLIENT | h11.SERVER]) -> None:
        self._conn = h11.Connection(role, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.is_over = False

    def feed(self, data: bytes) -> list[Item]:
        """Take bytes that arrived."""
        return self._receive(data) if data and not self.is_over else []

    def eof(self) -> list[Item]:
        """The peer closed its sending side."""
        if self.is_over:
            return []
        if self._conn.their_state in _NO_HEAD_YET and not self._conn.trailing_data[0]:
            self.is_over = True
            return [Over("truncation", "peer closed connection before sending a head")]
        return self._receive(b"")

    def reset(self, detail: str = "connection reset by peer") -> list[Item]:
        """The peer aborted the connection."""
        if self.is_over:
            return []
        self.is_over = True
        return [Over("reset", detail)]

    def _receive(self, data: bytes) -> list[Item]:
        items: list[Item] = []
        body: list[bytes] = []
        try:
            self._conn.receive_data(data)
            for event in self._events():
                match event:
                    case h11.Data(data=part):
                        body.append(bytes(part))
                    case h11.EndOfMessage(headers=trailers):
                        items += self._joined(body)
                        rest = self._conn.trailing_data[0]
                        items.append(Over("end", "", _fields(trailers), rest))
                        self.is_over = True
                    case _:
                        items.append(self._head(event))
        except h11.RemoteProtocolError as error:
            items += self._joined(body)
            self.is_over = True
            # h11 says so when the peer closes inside a message; everything else is not HTTP.
            how: Literal["truncation", "malformed"] = "malformed" if data else "truncation"
            items.append(Over(how, _why(error)))
            return items
        items += self._joined(body)
        return items

    def _events(self) -> Iterator[h11.Event]:
        while not self.is_over:
            event = self._conn.next_event()
            if isinstance(event, h11.Event):
                yield event
            else:
                return

    @staticmethod
    def _joined(body: list[bytes]) -> list[Item]:
        data = b"".join(body)
        body.clear()
        return [Body(data)] if data else []

    def _head(self, event: h11.Event) -> Item:
        raise AssertionError(f"unexpected {event}")


class RequestReader(_Reader):
    """Reads one request."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER)

    def _head(self, event: h11.Event) -> Item:
        if not isinstance(event, h11.Request):
            return super()._head(event)
        return RequestLine(
            event.method.decode("latin-1"),
            event.target.decode("latin-1"),
            "HTTP/" + event.http_version.decode("latin-1"),
            _fields(event.headers),
        )


class ResponseReader(_Reader):
    """Reads one response, interim heads included.

    Args:
        method: The request's method: an answer to HEAD has no body.
    """

    def __init__(self, method: str = "GET") -> None:
        super().__init__(h11.CLIENT)
        self._method = method.upper()
        # h11 wants to have seen the request whose answer it reads.
        self._conn.send(h11.Request(method=self._method, target="/", headers=[("host", "h")]))
        self._conn.send(h11.EndOfMessage())
        self._is_chunked = False
        # As long as every read is whole chunks, as an event stream's reads are, h11 need not see
        # them: a third of what a hop costs.
        self._is_between_chunks = False

    def feed(self, data: bytes) -> list[Item]:
        """Take bytes that arrived."""
        if self._is_between_chunks and not self.is_over:
            body = _whole_chunks(data)
            if body is not None:
                return [Body(body)]
            self._is_between_chunks = False
        items = super().feed(data)
        if items and self._is_chunked and not self.is_over and isinstance(items[-1], StatusLine):
            # Head and nothing more: h11 waits for a chunk to begin.
            self._is_between_chunks = not self._conn.trailing_data[0]
        return items

    def _head(self, event: h11.Event) -> Item:
        if not isinstance(event, h11.Response | h11.InformationalResponse):
            return super()._head(event)
        headers = _fields(event.headers)
        framing = response_framing(self._method, event.status_code, headers)
        self._is_chunked = framing == "chunked"
        return StatusLine(
            event.status_code,
            "HTTP/" + event.http_version.decode("latin-1"),
            headers,
            framing,
            isinstance(event, h11.InformationalResponse),
        )


def _whole_chunks(data: bytes) -> bytes | None:
    """The body in `data` when it is nothing but whole chunks, none of them the last."""
    parts = []
    at = 0
    while at < len(data):
        size = _PLAIN_CHUNK.match(data, at)
        if size is None:
            return None
        begin = size.end()
        end = begin + int(size[1], 16)
        if end == begin or data[end : end + 2] != b"\r\n":
            return None
        parts.append(data[begin:end])
        at = end + 2
    return parts[0] if len(parts) == 1 else b"".join(parts) or None


def request_head(method: str, target: str, version: str, headers: Headers) -> bytes:
    """The bytes of a request head."""
    lines = [f"{method} {target} {version}", *(f"{name}: {val}" for name, val in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112 §7.1); empty data gives the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)

"""The measurements' scripted origin and probing client, on real sockets of loopback."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from harness.faults.base import RequestHead
from harness.fidelity import client, origin, simulate
from harness.fidelity.record import Ask, Seen, Upstream
from harness.hops.observed import Got, Said
from harness.wire.http1 import (
    Body,
    Over,
    RequestLine,
    RequestReader,
    ResponseReader,
    StatusLine,
    chunk,
    request_head,
)
from tests.real.programs import PATIENCE_S

_READ_BYTES = 65536
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: what is unsent is lost, and a reset is sent
_MOST = 64  # connections at once


@dataclass(slots=True)
class _Heard:
    """One request as the origin got it.

    Args:
        began_s: When, on the machine's clock.
        closed: How the intermediary closed its connection, and when; None: not before the origin.
    """

    head: RequestLine
    began_s: float
    closed: tuple[str, float] | None = None
    has_ended: bool = False
    is_over: threading.Event = field(default_factory=threading.Event)


class Origin:
    """Answers each path as its script says.

    Args:
        asks: What it is asked for, by path.
    """

    def __init__(self, asks: Mapping[str, Ask]) -> None:
        self._asks = asks
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_MOST)
        self._pool = ThreadPoolExecutor(_MOST)
        self._heard: dict[str, _Heard] = {}
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Accept until it is closed."""
        with suppress(OSError):
            while True:
                self._pool.submit(self._answer, self._listener.accept()[0])

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def heard(self, path: str) -> _Heard | None:
        """The last request for a path, once the origin is done with it; None: there was none."""
        heard = self._heard.pop(path, None)
        if heard is not None:
            assert heard.is_over.wait(PATIENCE_S)
        return heard

    def _answer(self, link: socket.socket) -> None:
        with link:
            link.settimeout(PATIENCE_S)
            head = _request(link)
            if head is None:
                return
            heard = self._heard[head.target] = _Heard(head, time.monotonic())
            ask = self._asks[head.target]
            said = origin.said(
                ask, origin.script(ask), RequestHead("GET", "/", (), version=head.version)
            )
            try:
                self._say(link, said, heard)
                heard.has_ended = _end(link, said, heard, ask.watch_s)
            except (BrokenPipeError, ConnectionResetError):
                heard.closed = heard.closed or ("rst", time.monotonic())
            finally:
                heard.is_over.set()

    @staticmethod
    def _say(link: socket.socket, said: Said, heard: _Heard) -> None:
        if not said.status or not _wait(link, heard, said.head_s):
            return
        is_chunked = said.framing == "chunked"
        fields = [*said.headers, *([("Transfer-Encoding", "chunked")] if is_chunked else [])]
        lines = [f"{said.version} {said.status} OK", *(f"{name}: {it}" for name, it in fields)]
        link.sendall("\r\n".join([*lines, "", ""]).encode())
        for t_s, data in said.reads:
            if not _wait(link, heard, t_s):
                return
            link.sendall(chunk(data) if is_chunked else data)


def _request(link: socket.socket) -> RequestLine | None:
    reader, head = RequestReader(), None
    while not reader.is_over:
        data = link.recv(_READ_BYTES)
        if not data:
            return None
        head = next((it for it in reader.feed(data) if isinstance(it, RequestLine)), head)
    return head


def _wait(link: socket.socket, heard: _Heard, t_s: float) -> bool:
    """Wait until so long after the request; False: the intermediary closed its connection."""
    while heard.closed is None:
        left_s = heard.began_s + t_s - time.monotonic()
        if left_s <= 0:
            return True
        if select.select([link], [], [], left_s)[0]:
            try:
                if not link.recv(_READ_BYTES):
                    heard.closed = ("fin", time.monotonic())
            except ConnectionResetError:
                heard.closed = ("rst", time.monotonic())
    return False


def _end(link: socket.socket, said: Said, heard: _Heard, watch_s: float) -> bool:
    """End as the script says; whether the origin was the one that ended."""
    if said.end is None:
        _wait(link, heard, watch_s)
        return False
    if not _wait(link, heard, said.end_s):
        return False
    if said.end == "reset":
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    elif said.end == "end" and said.framing == "chunked":
        link.sendall(chunk(b""))
    return True


@contextmanager
def origin_of(asks: Mapping[str, Ask]) -> Iterator[Origin]:
    """An origin, until the block is left."""
    made = Origin(asks)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()


def probe(port: int, path: str, ask: Ask, made: Origin) -> Seen:
    """Ask for a path through what listens on a port; what was seen, as the log would have it."""
    (asked,) = client.requests(ask)
    got = Got()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
        sent_s = time.monotonic()
        link.sendall(request_head("GET", path, asked.version, asked.headers))
        until_s = sent_s + (ask.watch_s if asked.gone_s is None else asked.gone_s)
        _read(link, until_s, got)
    left_s = time.monotonic()
    if asked.gone_s is not None:
        time.sleep(max(0.0, sent_s + ask.watch_s - left_s))
    heard = made.heard(path)
    began_s = sent_s if heard is None else heard.began_s
    if got.head_s is not None:
        got.head_s -= began_s
    got.end_s = None if got.end_s is None else got.end_s - began_s
    got.body = [(t_s - began_s, data) for t_s, data in got.body]
    return simulate.seen(ask, origin.script(ask), got, () if heard is None else (_upstream(heard),))


def _read(link: socket.socket, until_s: float, got: Got) -> None:
    reader = ResponseReader()
    while not reader.is_over:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([link], [], [], left_s)[0]:
            return
        try:
            data = link.recv(_READ_BYTES)
            now_s = time.monotonic()
            items = reader.feed(data) if data else reader.eof()
        except ConnectionResetError:
            now_s = time.monotonic()
            items = reader.reset()
        for it in items:
            match it:
                case StatusLine():
                    got.status, got.headers, got.head_s = it.status, it.headers, now_s
                    got.framing = it.framing
                case Body():
                    got.add(now_s, it.data)
                case Over():
                    got.end, got.end_s = it.how, now_s
                case _:
                    pass


def _upstream(heard: _Heard) -> Upstream:
    how, t_s = heard.closed or ("origin" if heard.has_ended else "open", 0.0)
    return Upstream(
        close=how,  # type: ignore[arg-type]  # one of the four
        close_s=round(t_s - heard.began_s, 3) if heard.closed else None,
        version=heard.head.version,
        fields=tuple((name.lower(), it) for name, it in heard.head.headers),
    )

"""A client that asks once, as whoever stands before the target would ask it.

A hop may ask in another version of the protocol than any client speaks, or take fewer content
codings; what the target then says is another stream. This asks just so, over HTTP/1 and in one
connection, and reads until the response is over or enough of it is known. It keeps no record of its
own: the tap beside the target does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx
import trio

from harness.ends.client_answer import first_request
from harness.model import journal, redaction
from harness.model.ask import Ask
from harness.model.journal import Entry
from harness.model.scenario import EventSource, Target
from harness.net import Address, ByteStream, Network
from harness.wire.headers import Headers, replaced
from harness.wire.http1 import RequestLine

_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask, and for how long to listen.

    Args:
        ask: How to ask.
        is_over: Whether the target itself has ended it by now.
        is_enough: Whether the response is known well enough, so many seconds into the case, to
            leave it; asked again and again.
        leaving_s: How long to wait, once it is left, for the target to notice; 0: not at all.
    """

    ask: Ask
    is_over: Callable[[], bool]
    is_enough: Callable[[float], bool]
    leaving_s: float = 0.0


class Asker:
    """Asks one request. Use it once.

    Args:
        asking: What to ask.
        target: What to ask; its `url` is given apart, as it may have been found out only now.
        url: Where.
        network: The network of the tap.
        entry: Where the tap listens.
        record: The journal.
        now_s: Seconds since the case began.
    """

    def __init__(
        self,
        asking: Asking,
        target: Target,
        url: str,
        *,
        network: Network,
        entry: Address,
        record: Callable[[Entry], None],
        now_s: Callable[[], float],
    ) -> None:
        self._url = httpx.URL(url)
        self._asked, self._wire = _request(asking.ask, target, self._url)
        self._body_bytes = len((target.body or "").encode(errors="surrogateescape"))
        self._network = network
        self._entry = entry
        self._record = record
        self._now_s = now_s
        self._is_over = asking.is_over
        self._is_enough = asking.is_enough
        self._leaving_s = asking.leaving_s
        self._stream: ByteStream | None = None

    async def run(self) -> None:
        """Ask, and read until the response is over or enough; the connection is closed then."""
        stream = self._stream = await self._network.connect(*self._entry)
        try:
            self._record(journal.Link(at="client", number=1, x=1, side="up", port=stream.local[1]))
            self._record(
                journal.ClientRequest(
                    client=1,
                    x=1,
                    method=self._asked.method,
                    url=redaction.url(str(self._url)),
                    headers=redaction.headers(self._asked.headers),
                    body_bytes=self._body_bytes,
                )
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_enough, nursery.cancel_scope)
                try:
                    await stream.send_all(self._wire)
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass  # the tap has seen how
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _until_enough(self, scope: trio.CancelScope) -> None:
        while not self._is_enough(self._now_s()):  # noqa: ASYNC110 - a silence is no event: only time tells
            await trio.sleep(_POLL_S)
        if self._leaving_s and not self._is_over():
            await self._leave()
        scope.cancel()

    async def _leave(self) -> None:
        """Say that nobody reads any more, and see whether the target closes too."""
        assert self._stream is not None
        self._record(journal.ClientLeft(client=1, x=1, by="fin"))
        with suppress(trio.BrokenResourceError):
            await self._stream.send_eof()
        # The read beside this one ends with the target's own end, and with it the scope.
        await trio.sleep(self._leaving_s)


def request_of(ask: Ask, target: Target, url: str) -> RequestLine:
    """The request that asks so, as it is sent at the beginning."""
    return _request(ask, target, httpx.URL(url))[0]


def _request(ask: Ask, target: Target, url: httpx.URL) -> tuple[RequestLine, bytes]:
    """The request, and all of it as bytes."""
    request = first_request(
        EventSource(accept_encoding=ask.accept_encoding or ""),
        url,
        method=target.method,
        body=target.body,
        headers=target.headers,
        last_event_id=ask.last_event_id or "",
    )
    wire = request.on_wire()
    fields: Headers = tuple(
        (name.decode("latin-1"), val.decode("latin-1")) for name, val in wire.headers.raw
    )
    if ask.version == "HTTP/1.0":
        fields = replaced(fields, "Connection", "close")
    path = wire.url.raw_path.decode("latin-1")
    lines = [f"{wire.method} {path} {ask.version}", *(f"{name}: {val}" for name, val in fields)]
    head = "\r\n".join([*lines, "", ""])
    asked = RequestLine(wire.method, path, ask.version, fields)
    return asked, head.encode("latin-1") + (request.body or b"")

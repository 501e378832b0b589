"""The client before hop 1: what a browser's EventSource does, on httpx and trio.

It follows the HTML standard, "Server-sent events", with the redirects of the Fetch standard:
https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface

    connect ─▶ head ─▶ event stream ─▶ end, truncation, reset ─▶ wait ─▶ connect
                 │                                                ▲
                 ├─▶ redirect on the chain ─▶ connect             │
                 ├─▶ any other status or content type ─▶ done     │
    no head ─────┴────────────────────────────────────────────────┘

Where the standard leaves it open:

* The reconnection time is 3 s, as Chromium's, until a `retry:` sets it. The wait is exactly that
  long, without jitter or back-off, which no browser promises either: a journal has to say whether
  a reconnect came too early. A wait of 0 is one of `MIN_WAIT_S`, since a server which ends every
  response at once would otherwise hold a virtual clock at one instant for ever.
* A reconnect begins at the first URL again, with the method, the body and the headers of the first
  request, whatever redirects led to.
* Each attempt has a connection of its own. One that is kept may be closed by the peer in the very
  moment it is used again; browsers hide that by trying once more, unseen, and so the number of
  requests would depend on a race.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final, assert_never, cast

import httpx
import trio

from harness.ends.client_answer import (
    MAX_REDIRECTS,
    Again,
    Answer,
    Around,
    Follow,
    Origins,
    Read,
    Request,
    Stop,
    first_request,
    is_sendable,
    judge,
)
from harness.ends.client_attempt import Attempt
from harness.ends.client_link import OnlyH2
from harness.ends.client_reading import RECONNECTION_S, Reading
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import EventSource, Leave
from harness.net import Address, Network
from harness.net.httpcore_backend import transport
from harness.wire.headers import Headers
from harness.wire.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, Event

MIN_WAIT_S: Final = 0.001


class EventSourceClient:
    """One client of a case. Use it once.

    Args:
        spec: What the scenario says of it.
        number: Its number, from 1.
        url: The target's own URL: the client believes that it talks to the target.
        method: As `curl -X`.
        body: As `curl -d`.
        headers: As `curl -H`: they replace those a browser would send.
        network: The network of hop 1.
        entry: Where hop 1 listens; every connection goes there.
        ssl_context: For TLS and HTTP/2; None takes httpx's default.
        record: The journal; it stamps each entry.
        now_s: Seconds since the case began.
        went_around: Told where a redirect would lead around hop 1, which ends the client.
        on_read: Told of every read: body bytes before content decoding.
        is_last: Whether an event says that there is nothing more, so that the client does not come
            back, as whoever writes one has it (`es.close()` on `[DONE]`).
        max_line_bytes: Longest line; a longer one ends the client.
        max_event_bytes: Longest event; a longer one ends the client.
    """

    def __init__(
        self,
        spec: EventSource,
        number: int,
        url: str,
        *,
        method: str = "GET",
        body: str | None = None,
        headers: Headers = (),
        network: Network,
        entry: Address,
        ssl_context: ssl.SSLContext | None = None,
        record: Callable[[Entry], None],
        now_s: Callable[[], float],
        went_around: Callable[[str], None],
        on_read: Callable[[bytes], None] = lambda _data: None,
        is_last: Callable[[Event], bool] = lambda _event: False,
        max_line_bytes: int = MAX_LINE_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self._spec = spec
        self._number = number
        self._origins = Origins(url, is_tls=spec.tls or spec.http == "2")
        self._method = method
        self._body = body
        self._headers = headers
        self._network = network
        self._entry = entry
        self._ssl_context = ssl_context
        if spec.http == "2":
            context = ssl_context or httpx.create_ssl_context()
            self._ssl_context = cast("ssl.SSLContext", OnlyH2(context))  # see there
        self._record = record
        self._now_s = now_s
        self._went_around = went_around
        self._on_read = on_read
        self._is_last = is_last
        self._limits = (max_line_bytes, max_event_bytes)
        self._last_event_id = spec.last_event_id or ""
        self._retry_s = RECONNECTION_S
        self._x = 0
        self._attempt: Attempt | None = None
        self._has_left = False

    async def run(self) -> None:
        """Connect, read and reconnect; return when the client is done for good.

        Cancelled, it closes its connection; a response open until then has ended as `open`.
        """
        async with trio.open_nursery() as nursery:
            if self._spec.leave is not None:
                nursery.start_soon(self._leave, self._spec.leave, nursery.cancel_scope)
            stop = await self._live()
            if not self._has_left:
                self._record(
                    journal.ClientDone(
                        client=self._number, reason=stop.reason, is_fatal=stop.is_fatal
                    )
                )
            nursery.cancel_scope.cancel()
        if self._has_left:
            self._record(journal.ClientDone(client=self._number, reason="left"))

    # -- from one connection to the next ---------------------------------------------------------

    async def _live(self) -> Stop:
        spec = self._spec
        await trio.sleep(max(0.0, spec.start_s - self._now_s()))
        attempts = 0
        while True:
            stop = await self._fetch()
            attempts += 1
            if stop is not None:
                return stop
            if not spec.reconnect:
                return Stop("does not reconnect", is_fatal=False)
            if attempts == spec.max_attempts:
                return Stop(f"gave up after {attempts} attempts", is_fatal=False)
            delay_s = max(self._retry_s, MIN_WAIT_S)
            self._record(
                journal.ClientWait(
                    client=self._number, delay_s=delay_s, last_event_id=self._last_event_id
                )
            )
            await trio.sleep(delay_s)

    async def _fetch(self) -> Stop | None:
        """Send the request and follow redirects to the end of a response; None: reconnect."""
        if not is_sendable(self._last_event_id):
            return Stop("the last event id cannot be sent in a header")
        request = first_request(
            self._spec,
            self._origins.url,
            method=self._method,
            body=self._body,
            headers=self._headers,
            last_event_id=self._last_event_id,
        )
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._send(request)
            if self._has_left:
                return Stop("left", is_fatal=False)
            reading = None if self._attempt is None else self._attempt.reading
            match answer:
                case Read() if reading is not None and reading.has_all:
                    return Stop("told that there is nothing more", is_fatal=False)
                case Read() | Again():
                    return None
                case Follow():
                    request = answer.request
                case Around():
                    self._went_around(answer.url)
                    return Stop(f"redirected around hop 1, to {answer.url}")
                case Stop():
                    return answer
                case _:
                    assert_never(answer)
        return Stop(f"redirected more than {MAX_REDIRECTS} times")

    async def _send(self, request: Request) -> Answer:
        wire = request.on_wire()
        self._x += 1
        attempt = self._attempt = Attempt(
            self._number,
            self._x,
            network=self._network,
            entry=self._entry,
            reads=self._spec.reads,
            record=self._record,
            on_read=self._on_read,
        )
        attempt.asked(wire, request)
        is_h2 = self._spec.http == "2"
        try:
            async with transport(
                attempt.link, ssl_context=self._ssl_context, http1=not is_h2, http2=is_h2
            ) as wires:
                return await attempt.exchange(
                    wires,
                    wire,
                    lambda status, headers: judge(
                        request, status, headers, self._origins, retries_5xx=self._spec.retry_5xx
                    ),
                    lambda codings: Reading(
                        codings, self._last_event_id, *self._limits, self._is_last
                    ),
                )
        finally:
            attempt.cut()
            self._learn(attempt.reading)

    def _learn(self, reading: Reading | None) -> None:
        """Keep what a response said for the next one."""
        if reading is None:
            return
        self._last_event_id = reading.last_event_id
        if reading.retry_s is not None:
            self._retry_s = reading.retry_s

    # -- leaving -----------------------------------------------------------------------------------

    async def _leave(self, leave: Leave, everything: trio.CancelScope) -> None:
        """Leave for good, whatever the client is doing then."""
        await trio.sleep(max(0.0, leave.at_s - self._now_s()))
        self._has_left = True
        attempt = self._attempt
        if attempt is not None and not attempt.is_over:
            if leave.by == "half-close" and await attempt.half_close():
                return
            attempt.leave("rst" if leave.by == "rst" else "fin")
        everything.cancel()

"""One request of a client and its response, and what the journal says of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import httpx
import trio

from harness.ends.client_answer import Again, Answer, Read, Request, Stop
from harness.ends.client_ends import FAILURES, How, is_unsendable, told
from harness.ends.client_link import Link
from harness.ends.client_reading import Reading, TooLongError
from harness.model import journal, redaction
from harness.model.journal import Entry, Payload
from harness.model.scenario import Reads
from harness.net import Address, Network
from harness.wire.coding import CodingError
from harness.wire.headers import Headers, value

# The body of an answer that is no stream is read when it says it is no longer than this: to close
# in the middle of one would look like a client that leaves.
DRAIN_BYTES: Final = 64 * 1024
DRAIN_S: Final = 1.0
# Who has been told that there is nothing more lets the server end the response itself.
LINGER_S: Final = 1.0


class Attempt:
    """One request and its response.

    Args:
        client: The client's number.
        x: The attempt's number.
        network: The network of hop 1.
        entry: Where hop 1 listens.
        reads: How slowly to read; None: at once.
        record: The journal.
        on_read: Told of every read.

    Attributes:
        link: What to connect with.
        reading: What the response taught, once it is an event stream.
        is_over: Whether its end is in the journal; nothing more about it follows then.
    """

    def __init__(
        self,
        client: int,
        x: int,
        *,
        network: Network,
        entry: Address,
        reads: Reads | None,
        record: Callable[[Entry], None],
        on_read: Callable[[bytes], None],
    ) -> None:
        self.link = Link(
            network,
            entry,
            reads=reads,
            connected=self._connected,
            before_read=self._take,
            on_cut=self.cut,
        )
        self.reading: Reading | None = None
        self.is_over = False
        self._client = client
        self._x = x
        self._record = record
        self._on_read = on_read
        self._parts: list[bytes] = []
        self._offset = 0
        self._is_draining = False
        self._lingering = trio.CancelScope()

    def _connected(self, port: int) -> None:
        self._record(
            journal.Link(at="client", number=self._client, x=self._x, side="up", port=port)
        )

    def asked(self, wire: httpx.Request, request: Request) -> None:
        """Journal the request; the attempt begins."""
        self._record(
            journal.ClientRequest(
                client=self._client,
                x=self._x,
                method=wire.method,
                url=redaction.url(str(request.url)),
                headers=redaction.headers(_fields(wire.headers)),
                body_bytes=len(request.body or b""),
            )
        )

    async def exchange(
        self,
        wires: httpx.AsyncBaseTransport,
        wire: httpx.Request,
        judge: Callable[[int, Headers], Answer],
        begin: Callable[[str], Reading],
    ) -> Answer:
        """Send the request, read what there is to read, and tell what to do next.

        Args:
            wires: What to send with.
            wire: What to send.
            judge: Says what to do, from status and fields.
            begin: Makes the reading of an event stream, from its Content-Encoding.
        """
        answer: Answer = Again()
        try:
            response = await _answered(wires, wire)
            headers = _fields(response.headers)
            self._head(response, headers)
            answer = judge(response.status_code, headers)
            if isinstance(answer, Read):
                self.reading = begin(value(headers, "content-encoding") or "")
                with self._lingering:
                    await self._read(response)
            elif _is_short(response.status_code, headers):
                self._is_draining = True
                with trio.move_on_after(DRAIN_S):
                    await self._read(response)
            else:
                self._end("left", "not read")
                await response.aclose()
        except TooLongError as error:
            self._end("left", str(error))
            return Stop(str(error))
        except CodingError as error:
            self._end("malformed", str(error))
        except FAILURES as error:
            how, detail = told(error)
            self._end(how, detail)
            if is_unsendable(error):
                return Stop(f"the request cannot be sent: {detail}")
        return answer

    def cut(self) -> None:
        """The attempt is being cancelled: journal that, before its connection closes."""
        if self._lingering.cancel_called and not self.is_over:
            self.leave("fin")
        self._end("left" if self._is_draining else "open")

    # -- leaving -----------------------------------------------------------------------------------

    def leave(self, by: Literal["fin", "rst"]) -> None:
        """Leave; the caller cancels the exchange."""
        self._left(by)
        self._end("left")
        stream = self.link.stream
        if stream is None:
            return
        match by:
            case "rst":
                stream.reset()
            case "fin":
                stream.closes_with_fin = True

    async def half_close(self) -> bool:
        """Say that nothing more will be sent, and go on reading; False: that cannot be done now.

        It can once there is a connection and the request is out.
        """
        stream = self.link.stream
        if stream is None or stream.is_sending:
            return False
        self._left("half-close")
        await stream.send_eof()
        return True

    def _left(self, by: Literal["fin", "rst", "half-close"]) -> None:
        self._journal_read()
        self._record(journal.ClientLeft(client=self._client, x=self._x, by=by))

    # -- the response ------------------------------------------------------------------------------

    def _head(self, response: httpx.Response, headers: Headers) -> None:
        version: bytes = response.extensions["http_version"]
        self._record(
            journal.ClientHead(
                client=self._client,
                x=self._x,
                status=response.status_code,
                version=version.decode("latin-1"),
                headers=redaction.headers(headers),
            )
        )

    async def _read(self, response: httpx.Response) -> None:
        """Read a body to its end.

        The parts that httpcore gives (chunks, DATA frames) are those of one read of the network
        until the link is asked for the next.
        """
        try:
            async for part in response.aiter_raw():
                self._parts.append(part)
        except FAILURES:
            self._take()
            raise
        self._take()
        is_whole = self.reading is None or self.reading.is_whole
        self._end("end", "" if is_whole else "the content coding was not finished")

    def _take(self) -> None:
        """The read at hand has been used up: journal it, then learn from it.

        Raises:
            CodingError: It is not of the coding it is said to be.
            TooLongError: A line or an event is too long.
        """
        data = self._journal_read()
        if data and self.reading is not None:
            self.reading.take(data)
            if self.reading.has_all and self._lingering.deadline == math.inf:
                self._lingering.deadline = trio.current_time() + LINGER_S

    def _journal_read(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        if data and not self.is_over:
            self._record(
                journal.ClientRead(
                    client=self._client,
                    x=self._x,
                    offset=self._offset,
                    size=len(data),
                    payload=Payload.of(data),
                )
            )
            self._offset += len(data)
            self._on_read(data)
        return data

    def _end(self, how: How | Literal["end", "left", "open"], detail: str = "") -> None:
        """Journal the end, once."""
        if self.is_over:
            return
        # With HTTP/2 there may be parts: between two DATA frames of one read it may have to send.
        self._journal_read()
        self.is_over = True
        self._record(journal.ClientEnd(client=self._client, x=self._x, how=how, detail=detail))


async def _answered(wires: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    try:
        return await wires.handle_async_request(request)
    except ValueError as error:  # httpcore's, over an HTTP/2 :status that is no number
        raise httpx.RemoteProtocolError(str(error)) from error


def _fields(headers: httpx.Headers) -> Headers:
    return tuple((name.decode("latin-1"), val.decode("latin-1")) for name, val in headers.raw)


def _is_short(status: int, headers: Headers) -> bool:
    """Whether a body says that it has an end, and a near one."""
    length = value(headers, "content-length") or ""
    is_number = length.isascii() and length.isdigit() and len(length) < 10
    return status == 204 or (is_number and int(length) <= DRAIN_BYTES)

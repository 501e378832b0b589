"""A relay: it passes bytes on as they are, and reads the HTTP in them in passing.

In both directions, FIN for FIN and RST for RST. What it makes of them is for its `Notes` to say:
there is a `tap` beside the target, and a relay `between` hops that keep no record of their own.
"""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import trio

from harness.ends.target import no_connection
from harness.net import ByteStream, Listener, Network
from harness.wire.http1 import Body, Over, RequestLine, RequestReader, ResponseReader, StatusLine

_MOST_EARLY_BYTES = 64 * 1024
_HANDSHAKE_S = 10.0

type _Stream = ByteStream | trio.SSLStream[ByteStream]
type By = Literal["upstream", "downstream"]
type How = Literal["end", "truncation", "reset", "refused", "malformed", "fin", "rst"]
"""How an exchange ended: one of the last two by downstream, one of the others by upstream."""


class Notes(Protocol):
    """What a relay tells of each exchange, numbered from 1 in the order of their requests."""

    def link(self, x: int, side: Literal["up", "down"], port: int) -> None:
        """The connection it travels on, by the port of its downstream end."""
        ...

    def request(self, x: int, line: RequestLine) -> None:
        """A request came from downstream."""
        ...

    def head(self, x: int, line: StatusLine) -> None:
        """A head came from upstream; 1xx ones too."""
        ...

    def read(self, x: int, offset: int, data: bytes) -> None:
        """Body bytes came from upstream: after transfer coding, before content coding."""
        ...

    def end(self, x: int, by: By, how: How, detail: str) -> None:
        """It is over; upstream's own end may follow a FIN from downstream."""
        ...


@dataclass(slots=True)
class _Exchange:
    x: int
    reader: ResponseReader
    offset: int = 0
    is_left: bool = False
    is_over: bool = False


class Relay:
    """Relays every connection to one address.

    Args:
        network: Where it listens and connects.
        upstream: The address it connects to.
        notes: Told of all that passes.
        tls: Verifies upstream when it speaks TLS; None: plain.
        server_name: Upstream's name in TLS.
    """

    def __init__(
        self,
        network: Network,
        upstream: tuple[str, int],
        notes: Notes,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self._network = network
        self._upstream = upstream
        self._notes = notes
        self._tls = tls
        self._server_name = server_name
        self._exchanges = itertools.count(1)

    async def serve(
        self, port: int = 0, *, task_status: trio.TaskStatus[Listener] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Relay until cancelled.

        Args:
            port: Where to listen; 0 takes a free one.
            task_status: trio's.

        Raises:
            OSError: The port is taken.
        """
        listener = await self._network.listen(port)
        async with trio.open_nursery() as nursery:
            task_status.started(listener)
            await trio.serve_listeners(self._relay, [listener], handler_nursery=nursery)

    async def _relay(self, down: ByteStream) -> None:
        """One connection, from its accept to the end of both sides."""
        ledger = _Ledger(self._notes, self._exchanges, down.peer[1])
        try:
            up = await self._connect()
        except (OSError, trio.BrokenResourceError) as error:
            await self._refuse(down, ledger, error)
            return
        ledger.up_port = _socket_stream(up).local[1]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._upwards, down, up, ledger, nursery.cancel_scope)
                nursery.start_soon(self._downwards, down, up, ledger, nursery.cancel_scope)
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(up)
                await trio.aclose_forcefully(down)

    async def _connect(self) -> _Stream:
        stream = await self._network.connect(*self._upstream)
        if self._tls is None:
            return stream
        secure = trio.SSLStream(
            stream, self._tls, server_hostname=self._server_name, https_compatible=True
        )
        try:
            with trio.fail_after(_HANDSHAKE_S):
                await secure.do_handshake()
        except BaseException as error:  # also when it is cancelled: nobody else knows the stream
            await trio.aclose_forcefully(stream)
            if isinstance(error, trio.TooSlowError):
                why = f"no TLS handshake within {_HANDSHAKE_S:g} s"
                raise TimeoutError(why) from error
            raise
        return secure

    async def _refuse(self, down: ByteStream, ledger: _Ledger, error: Exception) -> None:
        """Let the request come, so that it is known what was refused; then abort."""
        try:
            while not ledger.is_waiting:
                data = await down.receive_some()
                if not data:
                    break
                ledger.asked(bytes(data))
        except trio.BrokenResourceError:
            pass
        ledger.refused(no_connection(error))
        down.reset()

    async def _upwards(
        self, down: ByteStream, up: _Stream, ledger: _Ledger, both: trio.CancelScope
    ) -> None:
        while True:
            try:
                data = await down.receive_some()
            except trio.BrokenResourceError:
                ledger.left("rst")
                both.cancel()  # first: a stream that is reset fails whoever still waits for it
                _reset(up)
                return
            if not data:
                ledger.left("fin")
                await _send_eof(up)
                return
            ledger.asked(bytes(data))
            try:
                await up.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # the other direction reads how

    async def _downwards(
        self, down: ByteStream, up: _Stream, ledger: _Ledger, both: trio.CancelScope
    ) -> None:
        while True:
            try:
                data = bytes(await up.receive_some())
            except trio.ClosedResourceError:
                # `_upwards` closed it, because the client has gone: no doing of upstream's.
                both.cancel()
                return
            except trio.BrokenResourceError:
                ledger.broke()
                both.cancel()
                down.reset()
                return
            if not data:
                ledger.closed()
                await _send_eof(down)
                # A server that has closed takes no more requests: what still waits on the other
                # side gets an end instead of silence, once it has closed too.
                return
            ledger.said(data)
            try:
                await down.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                ledger.left("rst")
                both.cancel()
                _reset(up)
                return


class _Ledger:
    """What one connection carried, read in passing."""

    def __init__(
        self,
        notes: Notes,
        numbers: itertools.count[int],
        port: int,
    ) -> None:
        self._notes = notes
        self._numbers = numbers
        self._port = port
        self.up_port: int | None = None
        self._request = RequestReader()
        self._waiting: list[_Exchange] = []
        # What upstream did unasked, such as a 503 or a close as soon as it has accepted. It is
        # the answer to the request that crosses it.
        self._early = bytearray()
        self._early_end: Callable[[_Exchange], Sequence[object]] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a request has no complete answer yet."""
        return bool(self._waiting)

    # -- from downstream -----------------------------------------------------------------------

    def asked(self, data: bytes) -> None:
        """Bytes of requests."""
        while data:
            rest = b""
            for item in self._request.feed(data):
                match item:
                    case RequestLine() as line:
                        exchange = _Exchange(next(self._numbers), ResponseReader(line.method))
                        self._waiting.append(exchange)
                        self._notes.link(exchange.x, "down", self._port)
                        if self.up_port is not None:
                            self._notes.link(exchange.x, "up", self.up_port)
                        self._notes.request(exchange.x, line)
                        self._catch_up()
                    case Over("end", rest=more):
                        self._request = RequestReader()
                        rest = more
                    case _:
                        pass  # upstream judges a request that is not HTTP
            data = rest

    def left(self, how: Literal["fin", "rst"]) -> None:
        """Downstream closed or aborted."""
        for exchange in self._waiting:
            self._end(exchange, "downstream", how)

    # -- from upstream ------------------------------------------------------------------------

    def said(self, data: bytes) -> None:
        """Bytes of responses."""
        while data and self._waiting:
            exchange = self._waiting[0]
            rest = b""
            for item in exchange.reader.feed(data):
                rest = self._take(exchange, item) or rest
            data = rest
        self._early += data[: _MOST_EARLY_BYTES - len(self._early)]

    def _catch_up(self) -> None:
        early = bytes(self._early)
        self._early.clear()
        self.said(early)
        if self._early_end is not None:
            self._over(self._early_end)

    def closed(self) -> None:
        """Upstream closed."""
        self._over(lambda exchange: exchange.reader.eof())

    def broke(self) -> None:
        """Upstream aborted."""
        self._over(lambda exchange: exchange.reader.reset())

    def refused(self, why: str) -> None:
        """Upstream took no connection."""
        for exchange in self._waiting:
            self._end(exchange, "upstream", "refused", why)
        self._waiting.clear()

    def _over(self, last: Callable[[_Exchange], Sequence[object]]) -> None:
        self._early_end = last
        for exchange in list(self._waiting):
            for item in last(exchange):
                self._take(exchange, item)

    def _take(self, exchange: _Exchange, item: object) -> bytes:
        """Journal one item; what came after the response, if it is over."""
        match item:
            case StatusLine() as line:
                self._notes.head(exchange.x, line)
            case Body(data):
                self._notes.read(exchange.x, exchange.offset, data)
                exchange.offset += len(data)
            case Over(how, detail, _, rest):
                self._waiting.remove(exchange)
                self._end(exchange, "upstream", how, detail)
                return rest
            case _:
                raise AssertionError(f"a response never has {item}")
        return b""

    def _end(
        self,
        exchange: _Exchange,
        by: By,
        how: How,
        detail: str = "",
    ) -> None:
        if exchange.is_over or (by == "downstream" and how == "fin" and exchange.is_left):
            return
        # A FIN from downstream may be a half-close: how upstream then ends is told too, and so
        # is the RST with which downstream answers what upstream still says.
        exchange.is_left = by == "downstream"
        exchange.is_over = how != "fin"
        self._notes.end(exchange.x, by, how, detail)


def _reset(stream: _Stream) -> None:
    _socket_stream(stream).reset()


def _socket_stream(stream: _Stream) -> ByteStream:
    return stream.transport_stream if isinstance(stream, trio.SSLStream) else stream


async def _send_eof(stream: _Stream) -> None:
    try:
        if isinstance(stream, trio.SSLStream):
            # TLS cannot be half-closed: a client that shuts down its sending side has gone.
            await stream.aclose()
        else:
            await stream.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass

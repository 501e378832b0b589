"""The HTTP layer of a hop: everything on one client connection.

mitmproxy parses and frames the client's side (HTTP/1.1 and HTTP/2); each request becomes an
exchange, which does the rest. This file and `exchange.py` are the only ones that know mitmproxy's
layer vocabulary; `tests/hops/test_canaries.py` says what they rest on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperframe.frame import GoAwayFrame
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.http._http2 import Http2Connection

from harness.hops.mitm.exchange import ExchangeLayer
from harness.hops.mitm.ports import Act, ClientWent, Commands, Ports, Trail

if TYPE_CHECKING:
    from mitmproxy.proxy.context import Context

    from harness.hops.mitm.connection import Wires
    from harness.hops.mitm.sides import ClientSide

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n"
    b"Connection: close\r\n\r\nbad request\n"
)
# What may wait for the window of an HTTP/2 stream before its upstream is no longer read: as much
# as asyncio holds back for a connection.
_UNSENT_BYTES = 64 * 1024


class HopLayer(HttpLayer):
    """Everything on one client connection of a hop.

    Args:
        context: mitmproxy's.
        ports: The hop.
        wires: Both sides of the client's connection.
        side: The client's end of it.
    """

    def __init__(self, context: Context, ports: Ports, wires: Wires, side: ClientSide) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.wires = wires
        self.ports = ports
        self.side = side
        self._trail = Trail(ports, "down", ports.next_conn("down"))
        self._speaking: ExchangeLayer | None = None
        self._open: list[ExchangeLayer] = []
        self._full: dict[ExchangeLayer, None] = {}
        self.is_speaking = False
        self._has_gone_away = False

    def make_stream(self, stream_id: int) -> Commands:
        """Give a new request its exchange; mitmproxy's own stream is not used."""
        self.side.hold()
        exchange = ExchangeLayer(self.context.fork(), stream_id, self)
        self.streams[stream_id] = exchange  # type: ignore[assignment]  # typed for its own class
        self._open.append(exchange)
        yield from self.event_to_child(exchange, events.Start())

    def finish(self, *, reset: bool) -> None:
        """Close towards the client, and leave everything upstream as it is."""
        self.side.finish(reset=reset)
        # Otherwise mitmproxy would wait for its own layers to close the other half.
        self.context.client.state = ConnectionState.CLOSED

    def reset_stream(self, stream_id: int, code: int) -> Commands:
        """End one HTTP/2 stream with an error code that mitmproxy has no name for."""
        http = self._http2()
        if http is not None and not http.is_closed(stream_id):
            http.h2_conn.reset_stream(stream_id, code)
            yield commands.SendData(self.context.client, http.h2_conn.data_to_send())

    def go_away(self) -> Commands:
        """Tell an HTTP/2 client, once, that its newest stream was the last one taken.

        h2 would close its own connection with it, and then refuse to send what is under way.
        """
        if self._http2() is not None and not self._has_gone_away:
            self._has_gone_away = True
            newest = max(exchange.stream_id for exchange in self._open)
            frame = GoAwayFrame(0, last_stream_id=newest)
            yield commands.SendData(self.context.client, frame.serialize())

    def _http2(self) -> Http2Connection | None:
        http = self.connections.get(self.context.client)
        return http if isinstance(http, Http2Connection) else None

    def speak(self, exchange: ExchangeLayer) -> None:
        """What is sent to the client next comes from this exchange."""
        self._speaking = exchange

    def _handle_event(self, event: events.Event) -> Commands:
        try:
            yield from self._journalled(event)
        except Exception as error:  # noqa: BLE001 - mitmproxy would log and drop it: the case must end
            self.ports.broke(error)

    def _journalled(self, event: events.Event) -> Commands:
        client = self.context.client
        if isinstance(event, events.DataReceived) and event.connection is client:
            # An HTTP/2 read may be for any stream, or for several: to none yet.
            is_h2 = client.alpn == b"h2"
            current = self._open[-1] if self._open and not is_h2 else None
            self._trail.add("read", event.data, 0 if current is None else current.x, 0)
        for command in self._routed(event):
            if isinstance(command, commands.SendData) and command.connection is client:
                if not (self.is_speaking or client.alpn == b"h2"):
                    # mitmproxy refuses what is not HTTP, on a page that names mitmproxy.
                    command.data = _BAD_REQUEST
                speaking = self._speaking
                self._trail.add(
                    "write",
                    command.data,
                    0 if speaking is None else speaking.x,
                    0 if speaking is None else speaking.forwarded,
                )
            if self._open and _closes(command, client):
                # mitmproxy would end the client's handler, and with it all that is upstream.
                self.finish(reset=False)
            else:
                yield command
        self._bound()
        self._settle()

    def _routed(self, event: events.Event) -> Commands:
        match event:
            case ClientWent():
                for exchange in list(self._open):
                    yield from self.event_to_child(exchange, event)
            case events.ConnectionClosed(connection=closed) if (
                closed is self.context.client and self._open
            ):
                # TLS was closed; the reader only hides what becomes of TCP.
                for exchange in list(self._open):
                    yield from self.event_to_child(exchange, ClientWent("fin"))
                if all(exchange.is_over for exchange in self._open):
                    yield commands.CloseConnection(closed)
            case Act(exchange=exchange):
                if exchange in self._open:
                    yield from self.event_to_child(exchange, event)
            case events.ConnectionClosed(connection=closed) if closed is not self.context.client:
                yield from super()._handle_event(event)
                self.connections.pop(closed, None)
            case _:
                yield from super()._handle_event(event)

    def _bound(self) -> None:
        """Hold back the upstream of a stream whose client gives no credit for what was sent.

        HTTP/2 has its flow control within the connection, where a full socket is felt by nobody.
        """
        http = self._http2()
        if http is None:
            return
        changed = dict(self._full)
        if self._speaking is not None:
            changed[self._speaking] = None
        for exchange in changed:
            waiting = http.h2_conn.stream_buffers.get(exchange.stream_id, ())
            is_full = sum(len(it.data) for it in waiting) > _UNSENT_BYTES
            exchange.hold_back(is_full=is_full)
            if is_full:
                self._full[exchange] = None
            else:
                self._full.pop(exchange, None)

    def _settle(self) -> None:
        """Forget what is over; let the client's handler end when nothing is left."""
        self._open = [exchange for exchange in self._open if not exchange.is_over]
        if not self._open:
            self.side.release()


def _closes(command: commands.Command, client: Client) -> bool:
    return isinstance(command, commands.CloseConnection) and command.connection is client

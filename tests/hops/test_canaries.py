"""One canary for each part of mitmproxy's layers we lean on. Each says what breaks."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from mitmproxy import connection, http
from mitmproxy.addons import next_layer
from mitmproxy.proxy import (
    commands,
    events,
    layer,
    layers,
    tunnel,
)
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import DropStream, HttpLayer, HTTPMode, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection, SendH2Data

from tests.testkit.stage_canaries import Recording, broken, new_context, parameters


class Hooked(HttpLayer):
    """An HTTP layer whose streams are ours, as `HopLayer`'s are."""

    def __init__(self, context: Context, **does: list[Any]) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.does = does
        self.made: list[tuple[int, Recording]] = []

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        stream = Recording(self.context.fork(), self.does)
        self.streams[stream_id] = stream  # type: ignore[assignment]  # as HopLayer does
        self.made.append((stream_id, stream))
        yield from self.event_to_child(stream, events.Start())


def fed(hooked: Hooked, *given: events.Event) -> list[commands.Command]:
    return [command for event in given for command in hooked.handle_event(event)]


def asked(hooked: Hooked, data: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> list[Any]:
    client = hooked.context.client
    return fed(hooked, events.Start(), events.DataReceived(client, data))


# -- the HTTP layer ----------------------------------------------------------------------------


def test_each_request_asks_for_a_stream_and_is_told_to_it() -> None:
    told = broken("harness.hops.mitm.layer (HttpLayer.make_stream, streams, event_to_child)")
    hooked = Hooked(new_context())
    assert asked(hooked) == [], told
    ((stream_id, stream),) = hooked.made
    assert stream_id == 1, told
    start, head, end = stream.seen
    assert isinstance(start, events.Start), told
    assert isinstance(head, http_events.RequestHeaders), told
    assert (head.request.method, head.request.path, head.end_stream) == ("GET", "/", True), told
    assert head.request.headers.fields == ((b"Host", b"a"),), told
    assert isinstance(end, http_events.RequestEndOfMessage), told


def test_what_a_stream_sends_is_framed_for_the_client() -> None:
    told = broken("harness.hops.mitm.exchange (SendHttp with Response…)")
    context = new_context()
    chunked = http.Headers([(b"Transfer-Encoding", b"chunked")])
    response = http.Response(b"HTTP/1.1", 200, b"OK", chunked, b"", None, 0.0, 0.0)
    said = [
        http_events.ResponseHeaders(1, response, end_stream=False),
        http_events.ResponseData(1, b"abc"),
        http_events.ResponseEndOfMessage(1),
    ]
    hooked = Hooked(
        context,
        RequestEndOfMessage=[SendHttp(it, context.client) for it in said],
    )
    sent = asked(hooked)
    assert [type(it) for it in sent] == [commands.SendData] * 3, told
    assert b"".join(it.data for it in sent) == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ), told


def test_a_response_of_http_1_0_ends_with_a_close_of_the_client() -> None:
    told = broken("harness.hops.mitm.layer (CloseConnection of the client, kept from mitmproxy)")
    context = new_context()
    response = http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(), b"", None, 0.0, 0.0)
    said = [
        http_events.ResponseHeaders(1, response, end_stream=False),
        http_events.ResponseEndOfMessage(1),
    ]
    hooked = Hooked(
        context,
        RequestEndOfMessage=[SendHttp(it, context.client) for it in said],
    )
    *_, last = asked(hooked, b"GET / HTTP/1.0\r\n\r\n")
    assert isinstance(last, commands.CloseConnection), told
    assert last.connection is context.client, told


def test_a_connection_a_stream_opens_is_the_streams() -> None:
    told = broken("harness.hops.mitm.exchange (OpenConnection from a stream, and what it reads)")
    upstream = connection.Server(address=("127.0.0.1", 3))
    opening = commands.OpenConnection(upstream)
    hooked = Hooked(new_context(), RequestHeaders=[opening])
    assert asked(hooked) == [opening], told
    ((_, stream),) = hooked.made
    waits = [type(it).__name__ for it in stream.seen]
    assert waits == ["Start", "RequestHeaders"], told + "; events wait until it is open"
    fed(hooked, events.OpenConnectionCompleted(opening, "refused"))
    assert stream.replies == ["refused"], told
    fed(hooked, events.DataReceived(upstream, b"x"), events.ConnectionClosed(upstream))
    waits = [type(it).__name__ for it in stream.seen]
    assert waits[-3:] == ["RequestEndOfMessage", "DataReceived", "ConnectionClosed"], told
    assert hooked.connections[upstream] is stream, told


def test_an_alarm_of_a_stream_comes_back_to_it() -> None:
    told = broken("harness.hops.mitm.exchange (RequestWakeup, Wakeup.command)")
    alarm = commands.RequestWakeup(5.0)
    hooked = Hooked(new_context(), RequestHeaders=[alarm])
    assert asked(hooked) == [alarm], told
    fed(hooked, events.Wakeup(alarm))
    ((_, stream),) = hooked.made
    assert isinstance(stream.seen[-1], events.Wakeup), told
    assert stream.seen[-1].command is alarm, told


def test_a_stream_can_be_dropped() -> None:
    told = broken("harness.hops.mitm.exchange (DropStream)")
    hooked = Hooked(new_context(), RequestEndOfMessage=[DropStream(1)])
    asked(hooked)
    assert hooked.streams == {}, told


def test_what_is_not_http_is_refused_before_it_is_shown() -> None:
    told = broken("harness.hops.mitm.layer (_BAD_REQUEST) and .exchange (_begin)")
    hooked = Hooked(new_context())
    page, close = asked(hooked, b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n")
    assert isinstance(page, commands.SendData), told
    assert b"mitmproxy" in page.data, told + "; if the page names nobody, all the better"
    assert isinstance(close, commands.CloseConnection), told


def test_a_killed_stream_has_no_page_of_mitmproxys() -> None:
    told = broken("harness.hops.mitm.exchange (ErrorCode.KILL)")
    assert http_events.ErrorCode.KILL.http_status_code() is None, told


def test_request_trailers_are_still_not_implemented() -> None:
    told = "mitmproxy knows request trailers now: test_mitm_broken needs another way to crash it"
    hooked = Hooked(new_context())
    with pytest.raises(NotImplementedError):
        asked(hooked, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n")
    assert hooked.made, told


def test_http_2_keeps_what_waits_for_the_window_by_stream() -> None:
    told = broken("harness.hops.mitm.layer (h2_conn.stream_buffers)")
    it = Http2Server(new_context(alpn=b"h2"))
    assert isinstance(it.h2_conn, BufferedH2Connection), told
    assert isinstance(it.h2_conn.stream_buffers, defaultdict), told
    assert SendH2Data(b"abc", end_stream=False).data == b"abc", told


# -- layers, in general ------------------------------------------------------------------------


def test_a_layer_puts_itself_on_its_contexts_layers() -> None:
    told = broken("harness.hops.mitm.addon (context.layers)")
    context = new_context()
    assert context.layers == [], told
    first, second = HttpLayer(context, HTTPMode.transparent), Hooked(context)
    assert context.layers == [first, second], told
    assert context.fork().layers == [first, second], told
    assert context.fork().layers is not context.layers, told


def test_a_stack_joins_layers_by_their_child() -> None:
    told = broken("harness.hops.mitm.listeners, .addon (LayerStack, TunnelLayer.child_layer)")
    context = new_context()
    below = HttpLayer(context, HTTPMode.transparent)
    tls = layers.ClientTLSLayer(context)
    stack = tunnel.LayerStack()
    stack /= tls
    stack /= below
    assert stack[0] is tls, told
    assert isinstance(tls, tunnel.TunnelLayer), told
    assert tls.child_layer is below, told


def test_tls_looks_at_what_it_stands_on() -> None:
    told = "mitmproxy's TLS layer needs no layer below it any more: listeners._Ground can go"
    with pytest.raises(IndexError):
        layers.ClientTLSLayer(new_context())
    assert told


def test_the_next_layer_is_an_attribute() -> None:
    told = broken("harness.hops.mitm.addon (NextLayer.layer, .context)")
    context = new_context()
    nextlayer = layer.NextLayer(context)
    assert (nextlayer.layer, nextlayer.context) == (None, context), told
    assert context.layers == [], told
    assert parameters(next_layer.NextLayer.next_layer) == ["self", "nextlayer"], told

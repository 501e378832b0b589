"""A client on a memory network, and a server that says what it is told to, byte for byte."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import msgspec
import trio
import trio.testing

from harness.clock import run
from harness.ends.client import EventSourceClient
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import EventSource
from harness.net import ByteStream, Memory
from harness.wire.headers import Headers, value
from harness.wire.http1 import Body, Over, RequestLine, RequestReader
from harness.wire.sse import Event

URL = "http://target.test/events"

type Step = bytes | float | Literal["fin", "rst", "hold"]
"""Send these bytes in one write; wait so many seconds; close; reset; wait until the client goes."""

type Script = Sequence[Step] | Literal["refuse", "never accept", "never read"]
"""What is said on one connection, once its request is complete; or what is done instead."""

type Handler = Callable[[ByteStream, Script, Heard, Show], Awaitable[None]]
type AnyStream = ByteStream | trio.SSLStream[ByteStream]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
GOODBYE: Script = (b"HTTP/1.1 204 No Content\r\n\r\n", "hold")


def head(status: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Whatever", *fields, "", ""]).encode("latin-1")


def stream(*fields: str) -> bytes:
    return head(200, "Content-Type: text/event-stream", *fields)


@dataclass
class Heard:
    """One connection as the server saw it: `request` in HTTP/1.1, or `fields` in HTTP/2."""

    t_s: float
    request: RequestLine | None = None
    fields: Headers = ()
    body: bytes = b""
    gone: str = ""
    gone_s: float = -1.0

    def header(self, name: str) -> str | None:
        assert self.request is not None
        return value(self.request.headers, name)


@dataclass
class Show:
    """All that came of it."""

    entries: list[Entry] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    around: list[str] = field(default_factory=list)
    reads: list[bytes] = field(default_factory=list)
    sent_s: list[float] = field(default_factory=list)
    links: list[journal.Link] = field(default_factory=list)

    def record(self, entry: Entry) -> None:
        if isinstance(entry, journal.Link):
            self.links.append(entry)
            return
        stamped = {"n": len(self.entries), "t_s": round(trio.current_time(), 6)}
        self.entries.append(msgspec.structs.replace(entry, **stamped))

    def of[T](self, kind: type[T]) -> list[T]:
        return [it for it in self.entries if isinstance(it, kind)]

    @property
    def lines(self) -> list[str]:
        """The journal, one short line for each entry."""
        return [f"{it.t_s:g} {_line(it)}" for it in self.entries]

    @property
    def tail(self) -> list[str]:
        """What came after the first response's head."""
        at = next(n for n, it in enumerate(self.entries) if isinstance(it, journal.ClientHead))
        return self.lines[at + 1 :]


def _line(entry: Entry) -> str:
    match entry:
        case journal.ClientRequest():
            return f"request {entry.x}"
        case journal.ClientHead():
            return f"head {entry.x}: {entry.status}"
        case journal.ClientRead():
            return f"read {entry.x}: {entry.offset}+{entry.size}"
        case journal.ClientEnd():
            return f"{entry.how} {entry.x}"
        case journal.ClientWait():
            return f"wait {entry.delay_s:g}" + (entry.last_event_id and f" {entry.last_event_id}")
        case journal.ClientLeft():
            return f"left {entry.x}: {entry.by}"
        case journal.ClientDone():
            return f"done: {entry.reason}" + (" (fatal)" if entry.is_fatal else "")
        case _:
            raise AssertionError(entry)


def play(
    *scripts: Script,
    until_s: float = 100.0,
    seed: int = 0,
    url: str = URL,
    method: str = "GET",
    body: str | None = None,
    headers: Headers = (),
    limits: dict[str, int] | None = None,
    is_last: Callable[[Event], bool] = lambda _event: False,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    handler: Handler | None = None,
    **spec: Any,
) -> Show:
    """Let one client meet one script for each connection; the last one is said again and again.

    Args:
        until_s: When the client is cancelled, if it is not done by then.
        contexts: For TLS: the server's and the client's.
        handler: Plays a script on a connection; `talk` unless given.
        spec: Fields of the EventSource.
    """
    show = Show()
    server_tls, client_tls = contexts or (None, None)
    handle = handler or partial(talk, tls=server_tls)

    async def main() -> None:
        network = Doors(scripts)
        async with await network.listen() as listener, trio.open_nursery() as servers:
            servers.start_soon(_serve, listener, network.accepted, handle, show)
            client = EventSourceClient(
                EventSource(**spec),
                1,
                url,
                method=method,
                body=body,
                headers=headers,
                network=network,
                entry=listener.address,
                ssl_context=client_tls,
                record=show.record,
                now_s=trio.current_time,
                went_around=show.around.append,
                on_read=show.reads.append,
                is_last=is_last,
                **(limits or {}),
            )
            with trio.move_on_at(until_s):
                await client.run()
            await trio.testing.wait_all_tasks_blocked()
            servers.cancel_scope.cancel()

    run(main, clock="virtual", seed=seed, budget_s=100_000, wall_limit_s=20)
    return show


class Doors(Memory):
    """A memory network that keeps the scripts for the connections made on it."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        super().__init__()
        self._scripts = list(scripts)
        self.accepted: list[Script] = []

    async def connect(self, host: str, port: int) -> ByteStream:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if script == "never accept":
            await trio.sleep_forever()
        if script == "refuse":
            return await super().connect(host, 1)
        self.accepted.append(script)
        return await super().connect(host, port)


async def _serve(
    listener: trio.abc.Listener[ByteStream], scripts: list[Script], handle: Handler, show: Show
) -> None:
    async with trio.open_nursery() as nursery:
        while True:
            stream = await listener.accept()
            heard = Heard(trio.current_time())
            show.heard.append(heard)
            nursery.start_soon(_guarded, handle, stream, scripts.pop(0), heard, show)


async def _guarded(
    handle: Handler, stream: ByteStream, script: Script, heard: Heard, show: Show
) -> None:
    try:
        await handle(stream, script, heard, show)
    except trio.BrokenResourceError:
        heard.gone, heard.gone_s = heard.gone or "rst", trio.current_time()
    finally:
        await trio.aclose_forcefully(stream)


async def talk(
    stream: ByteStream, script: Script, heard: Heard, show: Show, tls: ssl.SSLContext | None = None
) -> None:
    """Speak HTTP/1.1, by the byte."""
    top: AnyStream = trio.SSLStream(stream, tls, server_side=True) if tls else stream
    if script == "never read":
        await trio.sleep_forever()
    if not await _listen(top, heard):
        return
    for step in script:
        match step:
            case bytes():
                await top.send_all(step)
                show.sent_s.append(trio.current_time())
            case "fin":
                return
            case "rst":
                stream.reset()
                return
            case "hold":
                await _until_gone(stream, heard)
                return
            case float() | int():
                await trio.sleep(step)
            case _:
                raise AssertionError(step)


async def _listen(stream: AnyStream, heard: Heard) -> bool:
    """Hear a request to its end; False: the client went before that."""
    reader = RequestReader()
    while data := bytes(await stream.receive_some()):
        for item in reader.feed(data):
            match item:
                case RequestLine():
                    heard.request = item
                case Body():
                    heard.body += item.data
                case Over(how="end"):
                    return True
                case _:
                    raise AssertionError(item)
    heard.gone, heard.gone_s = "fin", trio.current_time()
    return False


async def _until_gone(stream: ByteStream, heard: Heard) -> None:
    """Wait for FIN, or a RST; below TLS, whose own goodbye may come first."""
    while await stream.receive_some():
        pass
    heard.gone, heard.gone_s = "fin", trio.current_time()

"""A raw HTTP/2 client, over TLS, for a stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings
import trio

from harness.hops.mitm import client_context
from tests.testkit.stage import Stage

CANCEL = 8
INTERNAL_ERROR = 2
FRAME_BYTES = 16 * 1024
CONNECTION_WINDOW = 15 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """A stream ended: cleanly (`code` None) or with RST_STREAM."""

    code: int | None = None


class H2Client:
    """One connection to hop 1.

    Args:
        stream: TLS, with h2 negotiated.
        acknowledges: Whether it gives credit for what it has read; a stalled reader does not.
    """

    def __init__(self, stream: trio.SSLStream[trio.abc.Stream], *, acknowledges: bool) -> None:
        self.stream = stream
        self.acknowledges = acknowledges
        self._conn = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="ascii"))
        self.heads: dict[int, dict[str, str]] = {}
        self.data: dict[int, bytes] = {}
        self.ends: dict[int, Ended] = {}
        self.last_stream: int | None = None  # as a GOAWAY says
        self._changed = trio.Event()

    async def start(self) -> None:
        """Send the preface."""
        self._conn.initiate_connection()
        # As browsers do: a stream that is not read leaves room for the others.
        self._conn.increment_flow_control_window(CONNECTION_WINDOW)
        await self._flush()

    async def ask(
        self, path: str = "/events", *fields: tuple[str, str], body: bytes | None = None
    ) -> int:
        """Send a GET, or a POST where there is a body; the number of its stream."""
        x = self._conn.get_next_available_stream_id()
        pseudo = [
            (":method", "GET" if body is None else "POST"),
            (":scheme", "https"),
            (":authority", "target.test"),
            (":path", path),
        ]
        self._conn.send_headers(x, [*pseudo, *fields], end_stream=body is None)
        if body is not None:
            *most, last = [
                body[at : at + FRAME_BYTES] for at in range(0, len(body) or 1, FRAME_BYTES)
            ]
            for part in most:
                self._conn.send_data(x, part)
            self._conn.send_data(x, last, end_stream=True)
        self.data[x] = b""
        await self._flush()
        return x

    async def cancel(self, x: int) -> None:
        """RST_STREAM."""
        self._conn.reset_stream(x, CANCEL)
        await self._flush()

    async def credit(self, x: int, size: int) -> None:
        """Give credit for so many bytes of a stream."""
        self._conn.acknowledge_received_data(size, x)
        await self._flush()

    async def read(self) -> bool:
        """Take one read off the wire; False at its end."""
        data = await self.stream.receive_some()
        if not data:
            return False
        for event in self._conn.receive_data(bytes(data)):
            match event:
                case h2.events.ResponseReceived(stream_id=int(x), headers=headers):
                    self.heads[x] = {str(name): str(val) for name, val in headers or ()}
                case h2.events.DataReceived(stream_id=int(x), data=part):
                    self.data[x] += part or b""
                    if self.acknowledges:
                        length = event.flow_controlled_length or 0
                        self._conn.acknowledge_received_data(length, x)
                case h2.events.StreamEnded(stream_id=int(x)):
                    self.ends[x] = Ended()
                case h2.events.StreamReset(stream_id=int(x), error_code=code):
                    self.ends[x] = Ended(int(code or 0))
                case h2.events.ConnectionTerminated(last_stream_id=last):
                    self.last_stream = last
                case _:
                    pass
        await self._flush()
        return True

    async def until(self, x: int, data: bytes) -> None:
        """Read until a stream has said exactly `data`."""
        while self.data[x] != data:
            assert data.startswith(self.data[x]), self.data[x]
            assert await self.read(), f"closed after {self.data[x]!r}"

    async def head(self, x: int) -> dict[str, str]:
        """Read until a stream has a response head."""
        while x not in self.heads:
            assert await self.read(), "closed before the head"
        return self.heads[x]

    async def end(self, x: int) -> Ended:
        """Read until a stream has ended."""
        while x not in self.ends:
            assert await self.read(), "closed before the end of the stream"
        return self.ends[x]

    async def _flush(self) -> None:
        if data := self._conn.data_to_send():
            await self.stream.send_all(data)


async def connect_tls(stage: Stage, ca: Path, *protocols: str) -> trio.SSLStream[trio.abc.Stream]:
    """Connect to hop 1 over TLS, offering these protocols."""
    context = client_context(ca)
    context.set_alpn_protocols(list(protocols))
    peer = await stage.connect()
    stream: trio.SSLStream[trio.abc.Stream] = trio.SSLStream(
        peer.stream, context, server_hostname="target.test", https_compatible=True
    )
    await stream.do_handshake()
    assert stream.selected_alpn_protocol() == protocols[0]
    return stream


async def connect_h2(stage: Stage, ca: Path, *, acknowledges: bool = True) -> H2Client:
    """Connect to hop 1 and speak HTTP/2."""
    client = H2Client(await connect_tls(stage, ca, "h2"), acknowledges=acknowledges)
    await client.start()
    return client

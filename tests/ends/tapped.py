"""A tap between a client and a target that do and say what they are told to, byte for byte."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import trio
import trio.testing

from harness.clock import run
from harness.ends.between import Between
from harness.ends.relay import Relay
from harness.ends.tap import Tap
from harness.model import journal
from harness.model.journal import Entry
from harness.net import ByteStream, Memory

type Step = bytes | float | Literal["eof", "close", "rst"]
"""Send these bytes in one write; wait so many seconds; shut down sending; close; reset."""

type AnyStream = ByteStream | trio.SSLStream[ByteStream]


@dataclass
class Side:
    """What one end of a connection received; `gone` is fin or rst, empty when it left first."""

    got: list[tuple[float, bytes]] = field(default_factory=list)
    gone: str = ""
    gone_s: float = -1.0

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.got)


@dataclass
class Show:
    """All that came of it; a client and a target for each connection."""

    clients: list[Side] = field(default_factory=list)
    targets: list[Side] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def client(self) -> Side:
        [side] = self.clients
        return side

    @property
    def target(self) -> Side:
        [side] = self.targets
        return side

    def record(self, entry: Entry) -> None:
        self.entries.append(msgspec.structs.replace(entry, t_s=round(trio.current_time(), 6)))

    def of[T](self, kind: type[T]) -> list[T]:
        return [it for it in self.entries if isinstance(it, kind)]

    @property
    def lines(self) -> list[str]:
        """The journal without its links, one short line for each entry."""
        entries = [it for it in self.entries if not isinstance(it, journal.Link)]
        return [f"{it.t_s:g} {_line(it)}" for it in entries]


def _line(entry: Entry) -> str:
    match entry:
        case journal.TapRequest() | journal.RelayRequest():
            return f"{entry.method} {entry.x}"
        case journal.TapHead() | journal.RelayHead():
            return f"head {entry.x}: {entry.status} {entry.framing}"
        case journal.TapRead() | journal.RelayRead():
            return f"read {entry.x}: {entry.offset}+{entry.size}"
        case journal.TapEnd() | journal.RelayEnd():
            return f"{entry.how} {entry.x} by {entry.by}"
        case _:
            raise AssertionError(entry)


def meet(
    *connections: tuple[Sequence[Step], Sequence[Step]],
    refuses: bool = False,
    tls: tuple[ssl.SSLContext | None, ssl.SSLContext] | None = None,
    server_name: str = "127.0.0.1",
    hop: int | None = None,
    until_s: float = 100.0,
) -> Show:
    """Let clients meet a target through a tap, one connection after the other.

    Args:
        connections: What the client does, and what the target does, from the connection's begin.
        refuses: Nobody listens at the target.
        tls: For a target that speaks TLS: its context and the tap's; without
            its own it never answers the handshake.
        server_name: Whom the tap takes the target for.
        hop: In place of the tap stands the relay before this hop, which the target plays.
        until_s: When everything is cancelled.
    """
    show = Show()
    server_tls, tap_tls = tls or (None, None)

    async def main() -> None:
        network = Memory()
        async with trio.open_nursery() as nursery:
            listener = await network.listen()
            if refuses:
                await listener.aclose()
            tap: Relay = Tap(
                network,
                listener.address,
                show.record,
                tls=tap_tls,
                server_name=server_name,
            )
            if hop is not None:
                tap = Between(network, hop, listener.address, show.record)
            entry = await nursery.start(tap.serve)
            with trio.move_on_at(until_s):
                for client_steps, target_steps in connections:
                    client = await network.connect(*entry.address)
                    show.clients.append(Side())
                    async with trio.open_nursery() as both:
                        both.start_soon(_act, client, client_steps, show.clients[-1])
                        if refuses:
                            continue
                        raw = await listener.accept()
                        show.targets.append(Side())
                        target: AnyStream = raw
                        if server_tls is not None:
                            target = trio.SSLStream(
                                raw, server_tls, server_side=True, https_compatible=True
                            )
                        both.start_soon(_act, target, target_steps, show.targets[-1])
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    run(main, clock="virtual", seed=0, budget_s=1000, wall_limit_s=20)
    return show


async def _act(stream: AnyStream, steps: Sequence[Step], side: Side) -> None:
    """Do the steps and read beside that, until both this side and the other have ended."""
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(_read, stream, side)
        for step in steps:
            match step:
                case bytes():
                    # Who sends to one that has gone is told so by what it reads, or not at all.
                    with suppress(trio.BrokenResourceError):
                        await stream.send_all(step)
                case float() | int():
                    await trio.sleep(step)
                case "eof":
                    await _raw(stream).send_eof()
                case "rst":
                    _raw(stream).reset()
                case "close":
                    nursery.cancel_scope.cancel()
                case _:
                    raise AssertionError(step)


async def _read(stream: AnyStream, side: Side) -> None:
    try:
        while data := bytes(await stream.receive_some()):
            side.got.append((trio.current_time(), data))
        side.gone = "fin"
    except trio.BrokenResourceError:
        side.gone = "rst"
    except trio.ClosedResourceError:
        return  # by this side's own doing
    side.gone_s = trio.current_time()


def _raw(stream: AnyStream) -> Any:
    return stream.transport_stream if isinstance(stream, trio.SSLStream) else stream

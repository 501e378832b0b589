"""Time a transparent hop on the real clock: the delay it adds, what a stream takes, a storm.

    clients ──▶ hop ──▶ server          three processes, loopback only
    clients ──────────▶ server          the same without the hop, to compare with

The server stamps each event with the clock that all processes of a machine share, and spreads its
streams over the second, so that a figure is the hop's and not that of a queue. The hop is a chain
of one, without faults, with a journal on disk as in a run. A ratio of 1 or more meets the target:

    python benchmarks/wire.py --streams 500 --seconds 10
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import trio

from harness.engine.recorder import Recorder
from harness.errors import HopError
from harness.hops.mitm import ChainSpec, make_chain
from harness.model import journal
from harness.model.scenario import Hop
from harness.net import Sockets

type Address = tuple[str, int]

HOST = "127.0.0.1"
BACKLOG = 4096
PATIENCE_S = 60.0
TARGET_DELAY_S = 0.0005
TARGET_STREAM_BYTES = 50_000
TARGET_STORM_S = 1.0

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKING = b"GET /events HTTP/1.1\r\nHost: target.test\r\nAccept: text/event-stream\r\n\r\n"
# As long as a token of an LLM is in its envelope.
PADDING = b"x" * 80


# -- the server ------------------------------------------------------------------------------------


def serve(told: Connection, every_s: float, streams: int) -> None:
    """The server's process: tells its address, and ends when it is told so."""
    asyncio.run(_serve(told, every_s, streams))


async def _serve(told: Connection, every_s: float, streams: int) -> None:
    count = 0

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        number, count = count, count + 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD)
            # Apart by a share of the second each, whenever they have connected, and from the first
            # second on: the count goes on over the connections of other measurements.
            apart_s = every_s * (number % streams) / streams
            now_s = time.monotonic()
            due_s = now_s + (apart_s - now_s) % every_s
            while not writer.is_closing():
                await asyncio.sleep(due_s - time.monotonic())
                due_s += every_s
                event = b"data: %d %s\n\n" % (time.monotonic_ns(), PADDING)
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(stream, HOST, 0, backlog=BACKLOG)
    told.send(server.sockets[0].getsockname())
    await asyncio.to_thread(told.poll, None)
    os._exit(0)  # nobody waits for what is still open


# -- the hop ---------------------------------------------------------------------------------------


def relay(told: Connection, upstream: Address, path: Path) -> None:
    """The hop's process: tells where it listens, and ends when it is told so."""

    def broke(error: HopError) -> None:
        raise SystemExit(str(error))

    async def main() -> None:
        with Recorder(path, trio.current_time) as recorder:
            recorder.record(
                journal.CaseEntry(
                    schema=journal.SCHEMA,
                    version=journal.VERSION,
                    tool="benchmark",
                    case={},
                    clock="real",
                    seed=1,
                    target="",
                    is_reference=False,
                )
            )
            chain = make_chain(
                ChainSpec(
                    hops=[Hop(faults=())],
                    upstream=upstream,
                    seed=1,
                    record=recorder.record,
                    now_s=recorder.now_s,
                    broke=broke,
                    network=Sockets(),
                    base=Path(),
                )
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(chain.serve)
                recorder.begin()
                told.send(chain.entry)
                await trio.to_thread.run_sync(told.poll, None)
                os._exit(0)

    trio.run(main)


@dataclass(slots=True)
class Process:
    """One of the processes, and where it listens."""

    pid: int
    address: Address
    stop: Callable[[], None]
    idle_files: int = 0

    def memory_bytes(self) -> int:
        """What it holds in memory now: its resident set."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        """How many files and connections it has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    async def rest(self) -> None:
        """Wait until all that was connected is gone."""
        until_s = time.perf_counter() + PATIENCE_S
        while self.open_files() > self.idle_files:
            if time.perf_counter() > until_s:
                raise SystemExit(f"{self.open_files() - self.idle_files} files are left open")
            await asyncio.sleep(0.05)


def start(what: Callable[..., None], *args: object) -> Process:
    """Start a process; one that says nothing is an error."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=what, args=(theirs, *args), daemon=True
    )
    process.start()
    if not ours.poll(PATIENCE_S):
        raise SystemExit(f"{what.__name__} did not start")
    address = ours.recv()
    assert process.pid is not None

    def stop() -> None:
        ours.send("stop")
        process.join(PATIENCE_S)

    it = Process(process.pid, address, stop)
    it.idle_files = it.open_files()
    return it


# -- the clients -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Client(asyncio.Protocol):
    """One stream, read as it comes."""

    delays_s: list[float]
    begun: Callable[[], None]
    transport: asyncio.Transport | None = None
    unread: bytes = b""
    has_begun: bool = field(default=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(ASKING)

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        if not self.has_begun:
            self.has_begun = True
            self.begun()
        self.unread += data
        *lines, self.unread = self.unread.split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self.delays_s.append((now_ns - int(line.split()[1])) / 1e9)


class Clients:
    """Many streams from one place."""

    def __init__(self, address: Address) -> None:
        self.delays_s: list[float] = []
        self._address = address
        self._begun = 0
        self._all_begun = asyncio.Event()
        self._open: list[Client] = []

    async def connect(self, count: int, at_once: int) -> None:
        """Open streams, so many at a time; return once each has its head."""
        loop = asyncio.get_running_loop()
        gate = asyncio.Semaphore(at_once)

        def begun() -> None:
            self._begun += 1
            if self._begun == count:
                self._all_begun.set()

        async def one() -> None:
            async with gate:
                _, client = await loop.create_connection(
                    lambda: Client(self.delays_s, begun), *self._address
                )
            self._open.append(client)

        await asyncio.gather(*(one() for _ in range(count)))
        await asyncio.wait_for(self._all_begun.wait(), PATIENCE_S)

    def close(self) -> None:
        """Leave."""
        for client in self._open:
            if client.transport is not None:
                client.transport.abort()
        self._open.clear()


async def delays_s(at: Process, streams: int, lasts_s: float) -> list[float]:
    """Read so many streams for so long; how old each event was."""
    clients = Clients(at.address)
    await clients.connect(streams, at_once=50)
    await asyncio.sleep(1.0)  # until the last of them is in step
    clients.delays_s.clear()
    await asyncio.sleep(lasts_s)
    found = list(clients.delays_s)
    clients.close()
    await at.rest()
    if len(found) < streams * lasts_s * 0.9:
        raise SystemExit(f"only {len(found)} events of {streams} streams in {lasts_s:g} s")
    return found


async def stream_bytes(hop: Process, streams: int) -> float:
    """What one stream takes of the hop's memory while it is open."""
    warm = Clients(hop.address)
    await warm.connect(10, at_once=10)
    warm.close()
    await hop.rest()
    before_bytes = hop.memory_bytes()
    clients = Clients(hop.address)
    await clients.connect(streams, at_once=50)
    await asyncio.sleep(0.5)
    grown_bytes = hop.memory_bytes() - before_bytes
    clients.close()
    await hop.rest()
    return grown_bytes / streams


async def storm_s(hop: Process, count: int) -> tuple[float, float]:
    """Connect so many clients in one instant; when the hop had them all, and each its head."""
    clients = Clients(hop.address)
    began_s = time.perf_counter()
    connecting = asyncio.ensure_future(clients.connect(count, at_once=count))
    while hop.open_files() < hop.idle_files + count:
        if connecting.done():
            await connecting
        if time.perf_counter() - began_s > PATIENCE_S:
            raise SystemExit(
                f"{hop.open_files() - hop.idle_files} of {count} connects in {PATIENCE_S:g} s"
            )
        await asyncio.sleep(0.002)
    accepted_s = time.perf_counter() - began_s
    await connecting
    answered_s = time.perf_counter() - began_s
    clients.close()
    await hop.rest()
    return accepted_s, answered_s


# -- all of it -------------------------------------------------------------------------------------


def show(name: str, figure: float, target: float, unit: str) -> None:
    print(f"{name:44}{figure:10.2f}{target:10g}  {unit:4}{target / figure:6.2f}", flush=True)


def note(name: str, figure: float, unit: str) -> None:
    print(f"{name:44}{figure:10.2f}{'':10}  {unit}", flush=True)


async def measure(options: argparse.Namespace, server: Process, hop: Process) -> None:
    taken = [await stream_bytes(hop, options.streams)]
    direct_s: list[float] = []
    through_s: list[float] = []
    added_s: list[float] = []
    for _ in range(options.rounds):
        # Side by side, so that a busy moment of the machine strikes both alike.
        direct = await delays_s(server, options.streams, options.seconds)
        through = await delays_s(hop, options.streams, options.seconds)
        added_s.append(statistics.median(through) - statistics.median(direct))
        direct_s, through_s = direct, through
    storms = [await storm_s(hop, options.connects) for _ in range(options.rounds)]
    print(f"{'':44}{'best':>10}{'target':>10}  {'':4}{'ratio':>6}")
    note(f"{options.streams} streams, delay of an event, direct p50", p(direct_s, 50) * 1e3, "ms")
    note("  through the hop p50", p(through_s, 50) * 1e3, "ms")
    note("  direct p99", p(direct_s, 99) * 1e3, "ms")
    note("  through the hop p99", p(through_s, 99) * 1e3, "ms")
    show("  added by the hop p50", min(added_s) * 1e3, TARGET_DELAY_S * 1e3, "ms")
    show("memory of a stream", min(taken) / 1e3, TARGET_STREAM_BYTES / 1e3, "kB")
    show(f"{options.connects} connects, all accepted", min(storms)[0], TARGET_STORM_S, "s")
    note("  all answered", min(answered for _, answered in storms), "s")


def p(figures: list[float], percent: int) -> float:
    return statistics.quantiles(figures, n=100)[percent - 1]


def main() -> None:
    arguments = argparse.ArgumentParser(description="Time a transparent hop on the real clock.")
    arguments.add_argument("--streams", type=int, default=500)
    arguments.add_argument("--seconds", type=float, default=10.0, help="how long they are read")
    arguments.add_argument("--connects", type=int, default=2000, help="at one instant")
    arguments.add_argument("--rounds", type=int, default=1, help="the best of so many counts")
    options = arguments.parse_args()
    if not Path("/proc/self/statm").exists():
        raise SystemExit("memory and connections of a process are read from /proc: Linux only")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as directory:
        server = start(serve, 1.0, options.streams)
        hop = start(relay, server.address, Path(directory) / "journal.jsonl")
        try:
            asyncio.run(measure(options, server, hop))
        finally:
            hop.stop()
            server.stop()


if __name__ == "__main__":
    main()

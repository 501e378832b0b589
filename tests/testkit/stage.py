"""A chain between a raw client and a raw target, both driven by one coroutine: the scene.

    async def scene(stage: Stage) -> None:
        client = await stage.get()                          # connects to hop 1 and asks
        target = await stage.accept()                       # what hop n connected to
        assert (await target.head()).startswith(b"GET /events HTTP/1.1\\r\\n")
        await target.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
        assert (await client.until(b"hi")).startswith(b"HTTP/1.1 200 OK\\r\\n")

    play(scene, [{}])                                       # one hop without faults

On the memory network the clock is virtual, on sockets it is real. A hop that breaks ends the scene
with its HopError, unless the scene says that it waits for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import trio

from harness.clock import run
from harness.engine.recorder import Recorder
from harness.errors import HopError
from harness.hops.mitm import ChainSpec, make_chain
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import FaultSpec, Hop
from harness.net import ByteStream, Listener, Memory, Network, Sockets, is_reset
from tests.testkit.stage_faults import FAULTS, known

type On = Literal["memory", "sockets"]
type Yaml = Mapping[str, Any] | Sequence[tuple[str, Any]]
type Scene[T] = Callable[[Stage], Awaitable[T]]
type How = Literal["fin", "rst"]

BOTH: Final[tuple[On, ...]] = ("memory", "sockets")
HOST = "127.0.0.1"
# Far more than any scene takes of its own clock, or of the wall.
BUDGET_S = 100_000.0
WALL_LIMIT_S = 30.0

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = STREAM + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk; of nothing, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def asking(path: str = "/events", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The head of a request."""
    return "\r\n".join(
        [f"{method} {path} HTTP/{version}", "Host: target.test", *fields, "", ""]
    ).encode("latin-1")


def hops(through: Sequence[Yaml]) -> list[Hop]:
    """Hops as YAML writes them; a list of pairs may name one fault twice."""
    return [
        Hop(
            faults=tuple(
                FaultSpec(name=name, settings=settings)
                for name, settings in (it.items() if isinstance(it, Mapping) else it)
            )
        )
        for it in through
    ]


class Peer:
    """A raw end of one connection: a client of hop 1, or the target of hop n."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._unread = b""

    async def send(self, *parts: bytes) -> None:
        """One write for each part."""
        for part in parts:
            await self.stream.send_all(part)

    async def read(self) -> bytes:
        """What comes next: in memory one write of the peer. b"" is its FIN."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        return bytes(await self.stream.receive_some())

    async def until(self, end: bytes) -> bytes:
        """Everything up to and with `end`; what came after it is left for the next read."""
        data = b""
        while end not in data:
            more = await self.read()
            assert more, f"closed after {data!r}, no {end!r}"
            data += more
        at = data.index(end) + len(end)
        self._unread = data[at:]
        return data[:at]

    async def head(self) -> bytes:
        """The head of a message, with its empty line."""
        return await self.until(b"\r\n\r\n")

    async def chunks(self, wanted: bytes) -> bytes:
        """Body bytes out of chunks, until there are as many as in `wanted`."""
        data = b""
        while len(data) < len(wanted):
            size = int(await self.until(b"\r\n"), 16)
            assert size, f"ended after {data!r}"
            data += await self.exactly(size)
            await self.until(b"\r\n")
        return data

    async def body(self) -> bytes:
        """A chunked body, to its clean end."""
        data = b""
        while size := int(await self.until(b"\r\n"), 16):
            data += await self.exactly(size)
            await self.until(b"\r\n")
        await self.until(b"\r\n")
        return data

    async def exactly(self, size: int) -> bytes:
        """So many bytes."""
        data = b""
        while len(data) < size:
            more = await self.read()
            assert more, f"closed after {data!r}"
            data += more
        self._unread = data[size:]
        return data[:size]

    async def rest(self) -> tuple[bytes, How]:
        """Everything to the end of the connection, and what that was."""
        data = b""
        try:
            while more := await self.read():
                data += more
        except trio.BrokenResourceError as error:
            if not is_reset(error):
                raise
            return data, "rst"
        return data, "fin"

    async def end(self) -> How:
        """How the connection ends, when nothing more is to come before that."""
        data, how = await self.rest()
        assert not data, f"not the end: {data!r}"
        return how

    async def silence(self, lasts_s: float) -> None:
        """Make sure that nothing comes, and no end, for so long."""
        with trio.move_on_after(lasts_s) as scope:
            data = await self.read()
            raise AssertionError(f"expected silence for {lasts_s:g} s, got {data!r}")
        assert scope.cancelled_caught

    async def half_close(self) -> None:
        """FIN; reading goes on."""
        await self.stream.send_eof()

    async def close(self) -> None:
        """FIN, or RST if something is unread."""
        await self.stream.aclose()

    def reset(self) -> None:
        """RST."""
        self.stream.reset()


class Stage:
    """What a scene plays on.

    Attributes:
        network: Memory or sockets.
        recorder: The journal; its clock began with the scene.
        broke: What hops broke with; a scene that waits for it clears it.
    """

    def __init__(self, network: Network, recorder: Recorder, target: Listener) -> None:
        self.network = network
        self.recorder = recorder
        self.broke: list[HopError] = []
        self.entry = target.address
        self._target = target
        self._broken = trio.Event()
        self._peers: list[Peer] = []
        self._close_case: Callable[[], None] = lambda: None

    def now_s(self) -> float:
        """Seconds since the scene began, to the microsecond."""
        return round(self.recorder.now_s(), 6)

    async def connect(self) -> Peer:
        """A client's connection to hop 1."""
        return self._with(await self.network.connect(*self.entry))

    async def get(self, path: str = "/events", *fields: str) -> Peer:
        """A client that has asked."""
        client = await self.connect()
        await client.send(asking(path, *fields))
        return client

    async def accept(self) -> Peer:
        """The next connection the last hop opened."""
        return self._with(await self._target.accept())

    def _with(self, stream: ByteStream) -> Peer:
        peer = Peer(stream)
        self._peers.append(peer)
        return peer

    async def streaming(self, *fields: str) -> tuple[Peer, Peer]:
        """A client and the target in the middle of a chunked response, both heads read."""
        client = await self.get("/events", *fields)
        target = await self.accept()
        await target.head()
        await target.send(CHUNKED)
        await client.head()
        return client, target

    async def stream(self, *events: bytes) -> bytes:
        """Stream events a second apart, to a clean end; what the client got for a body."""
        client, target = await self.streaming()
        for event in events:
            await trio.sleep(1)
            await target.send(chunk(event))
        await target.send(chunk(b""))
        return await client.body()

    async def close_target(self) -> None:
        """Nobody listens there any more."""
        await self._target.aclose()

    def close_case(self) -> None:
        """The case is over: the faults say how they stand."""
        self._close_case()

    async def a_hop_breaks(self) -> HopError:
        """Wait until one does; what it broke with."""
        await self._broken.wait()
        return self.broke.pop(0)

    def entries[E](self, kind: type[E]) -> list[E]:
        """The journal's entries of one kind."""
        return [it for it in self.recorder.journal() if isinstance(it, kind)]

    def notes(self) -> list[tuple[int, str, str]]:
        """Hop, fault and outcome of every note but those of arming."""
        notes = self.entries(journal.FaultNote)
        return [(it.hop, it.name, it.what) for it in notes if it.what != "armed"]

    def digest(self) -> str:
        """One line that differs when any entry does."""
        lines = b"\n".join(journal.encode(it) for it in self.recorder.journal())
        return hashlib.sha256(lines).hexdigest()

    def _broke(self, error: HopError) -> None:
        # What follows from the first one is no news.
        if not self._broken.is_set():
            self.broke.append(error)
            self._broken.set()

    async def perform[T](self, scene: Scene[T], spec: Callable[..., ChainSpec]) -> T:
        """Put the chain up, play the scene, and take everything down."""
        result: list[T] = []
        problem: Exception | None = None
        async with trio.open_nursery() as nursery:
            try:
                chain = make_chain(
                    spec(
                        upstream=self._target.address,
                        record=self.recorder.record,
                        now_s=self.recorder.now_s,
                        broke=self._broke,
                        network=self.network,
                    )
                )
                await nursery.start(chain.serve)
                self.entry, self._close_case = chain.entry, chain.close_case
                self.recorder.begin()
                result.append(await scene(self))
            except Exception as error:  # noqa: BLE001 - raised below, without the nursery's group around it
                problem = error
            self.recorder.stop()
            nursery.cancel_scope.cancel()
        for peer in self._peers:
            await trio.aclose_forcefully(peer.stream)
        if self.broke:
            raise self.broke[0]
        if problem is not None:
            raise problem
        return result[0]


def case_entry(seed: int, clock: Literal["real", "virtual"]) -> Entry:
    """The first entry of a journal of no scenario."""
    return journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool="test",
        case={},
        clock=clock,
        seed=seed,
        target="",
        is_reference=False,
    )


def play[T](
    scene: Scene[T],
    through: Sequence[Yaml] = ({},),
    *,
    on: On = "memory",
    seed: int = 1,
    base: Path = Path(),
    ca: Path | None = None,
) -> T:
    """Play a scene.

    Args:
        scene: Drives both ends.
        through: The hops, client first, as YAML writes them.
        on: The network, and so the clock.
        seed: The case's.
        base: Where scripts are.
        ca: Directory of the CA, when hop 1 speaks TLS.
    """
    network: Network = Memory() if on == "memory" else Sockets()
    clock: Literal["real", "virtual"] = "virtual" if on == "memory" else "real"

    async def main() -> T:
        with Recorder(None, trio.current_time) as recorder:
            recorder.record(case_entry(seed, clock))
            async with await network.listen() as target:
                stage = Stage(network, recorder, target)
                spec = partial(ChainSpec, hops=hops(through), seed=seed, base=base, ca=ca)
                return await stage.perform(scene, spec)

    with known(FAULTS):
        return run(main, clock=clock, seed=seed, budget_s=BUDGET_S, wall_limit_s=WALL_LIMIT_S)

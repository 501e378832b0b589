"""Our faults under a plain mitmdump."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

import pytest
import trio
from mitmproxy.addons import next_layer, proxyserver
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy import layer, layers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.proxy.tunnel import LayerStack
from mitmproxy.test import taddons

from harness.errors import ScenarioError
from harness.hops.mitm import addon, client_context, make_ca
from harness.hops.mitm.layer import HopLayer
from harness.net import Sockets
from tests.testkit.stage import CHUNKED, Peer, asking, chunk

# -- the setting -------------------------------------------------------------------------------


def test_the_setting_is_one_hop_in_the_order_it_is_written() -> None:
    specs = addon.read_hop("{idle_timeout: {after: 5s}, buffer: {block: 4KiB}}")
    assert [it.name for it in specs] == ["idle_timeout", "buffer"]


def test_without_a_setting_there_is_no_hop() -> None:
    assert addon.read_hop(" ") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5s", "sse_faults:1:1: expected a mapping of faults, got 5s"),
        (
            "{idle_timout: {after: 5s}}",
            "sse_faults:1:2: idle_timout: unknown fault idle_timout; did you mean idle_timeout?",
        ),
        (
            "{idle_timeout: {after: 5}}",
            "sse_faults:1:24: idle_timeout.after: ",
        ),
        ("{script: a.py}", "sse_faults:1:2: script: unknown fault script"),
        (
            "{cut: {afterbytes: 5B}}",
            "sse_faults:1:8: cut.afterbytes: unknown key; did you mean after_bytes?",
        ),
        ("{", "sse_faults:1:2: "),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        addon.read_hop(text)
    assert str(caught.value).startswith(message)


# -- in one process ----------------------------------------------------------------------------


class Wired:
    """The addon in a Master, with one client connected."""

    def __init__(self, it: addon.SseFaults, context: Context) -> None:
        self.it = it
        self.context = context

    def ask(self, *above: layer.Layer, decided: bool) -> layer.NextLayer:
        """Ask which layer is next, before or after mitmproxy's own addon has decided."""
        nextlayer = layer.NextLayer(self.context)
        nextlayer.events = []
        if decided:
            stack = LayerStack()
            for it in above:
                stack /= it
            stack /= HttpLayer(self.context, HTTPMode.transparent)
            nextlayer.layer = stack[0]
        self.it.next_layer(nextlayer)
        return nextlayer


class Handler:
    """A connection handler nobody drives."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.transports = {client: ConnectionIO(reader=Unused(), writer=Unused())}  # type: ignore[arg-type]  # nobody reads or writes


class Unused:
    transport = None


@asynccontextmanager
async def wired(setting: str, mode: str = "reverse:http://127.0.0.1:1") -> AsyncIterator[Wired]:
    it, proxy = addon.SseFaults(), proxyserver.Proxyserver()
    with taddons.context(proxy, it, next_layer.NextLayer()) as master:
        master.configure(it, sse_faults=setting)
        client = Client(
            peername=("127.0.0.1", 1),
            sockname=("127.0.0.1", 2),
            proxy_mode=mode_specs.ProxyMode.parse(mode),
            state=ConnectionState.OPEN,
        )
        context = Context(client, master.options)
        proxy.connections[client.id] = Handler(client)  # type: ignore[assignment]  # all that is used
        it.client_connected(client)
        yield Wired(it, context)


@pytest.mark.parametrize("decided", [False, True])
def test_our_layer_takes_the_place_of_mitmproxys(decided: bool) -> None:
    async def main() -> None:
        async with wired("{idle_timeout: {after: 5s}}") as stage:
            modes = layers.modes.ReverseProxy(stage.context)
            nextlayer = stage.ask(decided=decided)
            assert isinstance(nextlayer.layer, HopLayer)
            assert stage.context.layers == [modes, nextlayer.layer]

    asyncio.run(main())


def test_our_layer_stands_below_tls() -> None:
    async def main() -> None:
        async with wired("{idle_timeout: {after: 5s}}") as stage:
            modes = layers.modes.ReverseProxy(stage.context)
            tls = layers.ClientTLSLayer(stage.context)
            nextlayer = stage.ask(tls, decided=True)
            assert nextlayer.layer is tls
            assert isinstance(tls.child_layer, HopLayer)
            assert stage.context.layers == [modes, tls, tls.child_layer]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("setting", "mode"),
    [("", "reverse:http://127.0.0.1:1"), ("{answer: {status: 503}}", "regular")],
)
def test_what_is_not_meant_is_left_alone(setting: str, mode: str) -> None:
    async def main() -> None:
        async with wired(setting, mode) as stage:
            assert type(stage.ask(decided=True).layer) is HttpLayer

    asyncio.run(main())


def test_a_bad_setting_is_refused_by_mitmproxy() -> None:
    async def main() -> None:
        async with wired(""):
            pass
        with pytest.raises(OptionsError, match=r"sse_faults:1:2: .*unknown fault"):
            async with wired("{no_such: {}}"):
                pass

    asyncio.run(main())


# -- a real mitmdump ---------------------------------------------------------------------------


class Dump:
    """A mitmdump that runs."""

    def __init__(self, process: trio.Process, target: Any) -> None:
        self._process = process
        self._target = target
        self.port = 0
        self.log = ""
        self.peers: list[Peer] = []

    async def listening(self) -> None:
        """Wait until it listens; where it does."""
        while (found := re.search(r"listening at .*?:(\d+)", self.log)) is None:
            await self._read()
        self.port = int(found[1])

    async def says(self, what: str) -> None:
        """Wait for a line of its log."""
        while what not in self.log:
            await self._read()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        data = await self._process.stdout.receive_some()
        assert data, f"mitmdump has ended: {self.log}"
        self.log += data.decode()

    async def get(self) -> tuple[Peer, Peer]:
        """A client in the middle of a stream, and the target."""
        client = await self.connect()
        await client.send(asking())
        target = await self.accept()
        await target.head()
        await target.send(CHUNKED)
        await client.head()
        return client, target

    async def connect(self) -> Peer:
        self.peers.append(Peer(await Sockets().connect("127.0.0.1", self.port)))
        return self.peers[-1]

    async def accept(self) -> Peer:
        self.peers.append(Peer(await self._target.accept()))
        return self.peers[-1]


def command(port: int, setting: str, directory: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("mitmdump")),
        *("--mode", f"reverse:http://127.0.0.1:{port}@127.0.0.1:0"),
        *("-s", str(addon.__file__)),
        *("--set", f"sse_faults={setting}"),
        *("--set", f"confdir={directory}"),
    ]


@asynccontextmanager
async def mitmdump(setting: str, directory: Path) -> AsyncIterator[Dump]:
    async with await Sockets().listen() as target, trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            command(target.port, setting, directory),
            stdout=PIPE,
            stderr=STDOUT,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        process: trio.Process = await nursery.start(start)
        dump = Dump(process, target)
        with trio.fail_after(30):
            await dump.listening()
            # The script is loaded by a task of its own.
            await dump.says("Loading script")
            yield dump
        for peer in dump.peers:
            await trio.aclose_forcefully(peer.stream)
        process.terminate()


@pytest.fixture(scope="module")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mitmproxy")
    make_ca(directory)
    return directory


@pytest.mark.real
def test_a_limit_fires_and_says_so(confdir: Path) -> None:
    async def main() -> None:
        async with mitmdump("{idle_timeout: {after: 300ms}}", confdir) as dump:
            client, target = await dump.get()
            began_s = trio.current_time()
            await target.send(chunk(b"data: 1\n\n"))
            assert await client.rest() == (chunk(b"data: 1\n\n"), "fin")
            assert 0.3 <= trio.current_time() - began_s < 30.0
            assert await target.end() == "fin"
            # How late the alarm was is the machine's affair.
            await dump.says("exchange 1: idle_timeout fired: closed after ")
            await dump.says(" s of silence (limit 0.3 s), after 9 bytes")

    trio.run(main)


@pytest.mark.real
def test_faults_stand_in_order_and_tell_what_defeated_them(confdir: Path) -> None:
    unless = "unless_response_header: {Content-Type: text/event-stream}"
    setting = f"{{buffer: {{block: 10B, {unless}}}, latency: {{delay: 10ms}}}}"

    async def main() -> None:
        async with mitmdump(setting, confdir) as dump:
            client, target = await dump.get()
            await target.send(chunk(b"data: 1\n\n"))
            assert await client.until(chunk(b"data: 1\n\n")) == chunk(b"data: 1\n\n")
            await dump.says("exchange 1: buffer defeated: Content-Type: text/event-stream in the")
            await dump.says("exchange 1: latency fired: down: first delay 0.010 s")

    trio.run(main)


@pytest.mark.real
def test_the_client_is_ours_and_upstream_is_not_opened_early(confdir: Path) -> None:
    async def main() -> None:
        async with mitmdump("{max_duration: {after: 60s}}", confdir) as dump:
            await dump.connect()
            with trio.move_on_after(0.3) as scope:
                await dump.accept()
            assert scope.cancelled_caught
            client, target = await dump.get()
            client.reset()
            assert await target.end() == "rst"

    trio.run(main)


@pytest.mark.real
def test_tls_and_http_1_towards_the_client_work_as_ever(confdir: Path) -> None:
    async def main() -> None:
        async with mitmdump("{answer: {status: 503, body: later}}", confdir) as dump:
            context: ssl.SSLContext = client_context(confdir)
            stream = (await dump.connect()).stream
            secure = trio.SSLStream(
                stream, context, server_hostname="target.test", https_compatible=True
            )
            await secure.send_all(asking())
            data = b""
            while not data.endswith(b"later"):
                data += await secure.receive_some()
            assert data.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            await secure.aclose()

    trio.run(main)


@pytest.mark.real
def test_a_bad_setting_stops_mitmdump(confdir: Path) -> None:
    done = subprocess.run(
        command(1, "{idle_timout: {after: 5s}}", confdir),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    said = "sse_faults:1:2: idle_timout: unknown fault idle_timout; did you mean idle_timeout?"
    assert said in done.stdout

r"""Our faults under a plain mitmdump: one hop, without a stage, a journal or a verdict.

    mitmdump --mode reverse:http://127.0.0.1:3000@8080 -s path/to/this/file \
        --set sse_faults='{idle_timeout: {after: 5s}, buffer: {block: 4KiB}}'

The setting is one hop as `through:` has it, in the order bytes from upstream meet its faults. What
they do is told in mitmproxy's log. Connections of other modes than `reverse:http` are left alone;
TLS and HTTP/2 towards the client work as ever. Other addons see connections, but no flows: the
exchange is ours from its first byte to its last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from mitmproxy import connection, ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy import layer, mode_specs, server_hooks
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.tunnel import TunnelLayer
from pydantic import ValidationError

from harness.errors import ScenarioError, did_you_mean, explain_validation, shown
from harness.faults.base import GoneHow
from harness.faults.registry import FAULTS
from harness.hops import build
from harness.hops.machine import HopMachine
from harness.hops.mitm.connection import Wires
from harness.hops.mitm.layer import HopLayer
from harness.hops.mitm.ports import ClientWent, Exchanges
from harness.hops.mitm.sides import ClientSide
from harness.model import journal
from harness.model.scenario import FaultSpec
from harness.units import YAML_CONTEXT
from harness.yamlio import parse_inline

OPTION: Final = "sse_faults"
# mitmproxy cuts a connection after 600 quiet seconds; how long a hop waits is its faults' business.
_NEVER_S = 10**9

_log = logging.getLogger(__name__)


class SseFaults:
    """The addon."""

    def __init__(self) -> None:
        self._hop: _Hop | None = None
        self._clients: dict[str, _Client] = {}
        self._left_alone: set[str] = set()

    def load(self, loader: Loader) -> None:
        """A mitmproxy hook."""
        loader.add_option(
            OPTION, str, "", "Faults of this hop, in YAML: {idle_timeout: {after: 5s}}"
        )
        loader.add_option("sse_seed", int, 1, "What faults that draw lots draw them from.")

    def configure(self, updated: set[str]) -> None:
        """A mitmproxy hook; connections that are open keep their faults.

        Raises:
            OptionsError: The setting is not a hop.
        """
        if updated & {OPTION, "sse_seed"}:
            try:
                specs = read_hop(ctx.options.sse_faults)
            except ScenarioError as error:
                # mitmproxy logs the whole chain, of which the message says all there is.
                raise OptionsError(str(error)) from None
            self._hop = _Hop(specs, ctx.options.sse_seed) if specs else None
            # Eagerly, mitmproxy connects upstream before there is a request.
            ctx.options.update(connection_strategy="lazy", tcp_timeout=_NEVER_S)

    def client_connected(self, client: connection.Client) -> None:
        """A mitmproxy hook: the client's side becomes ours before the first byte."""
        mode = client.proxy_mode
        if self._hop is None:
            return
        if not isinstance(mode, mode_specs.ReverseMode) or mode.scheme != "http":
            if mode.full_spec not in self._left_alone:
                self._left_alone.add(mode.full_spec)
                _log.warning(f"{OPTION}: {mode.full_spec} is left alone, expected reverse:http:…")
            return
        proxy = ctx.master.addons.get("proxyserver")
        assert isinstance(proxy, Proxyserver)
        handler = proxy.connections[client.id]
        self._clients[client.id] = _Client(handler, self._hop, mode.address)

    def client_disconnected(self, client: connection.Client) -> None:
        """A mitmproxy hook."""
        self._clients.pop(client.id, None)

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """A mitmproxy hook."""
        if data.client.id in self._clients:
            self._clients[data.client.id].wires.own_upstream(data.server)

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """A mitmproxy hook."""
        if data.client.id in self._clients:
            self._clients[data.client.id].wires.disown_upstream(data.server)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """A mitmproxy hook: where mitmproxy would put its HTTP layer, put ours."""
        client = self._clients.get(nextlayer.context.client.id)
        if client is None:
            return
        if nextlayer.layer is None:
            # Scripts are asked before the addon that decides.
            ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        if nextlayer.layer is not None:
            nextlayer.layer = client.replace_http(nextlayer.layer)

    def done(self) -> None:
        """A mitmproxy hook."""
        if self._hop is not None:
            self._hop.close()


class _Hop(Exchanges):
    """The hop all clients share: what `ports.Ports` asks for, but for what is of one client."""

    def __init__(self, specs: tuple[FaultSpec, ...], seed: int) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._tasks: set[asyncio.Task[None]] = set()
        self.machine: HopMachine = build.machine(1, build.Faults(specs, 0), seed, self.record)

    def now_s(self) -> float:
        """Seconds since the hop was set up."""
        return self._loop.time() - self._began_s

    def record(self, entry: journal.Entry) -> None:
        """There is no journal: tell the outcomes."""
        if isinstance(entry, journal.FaultNote) and entry.what in {"fired", "defeated"}:
            _log.info(
                f"{OPTION}: exchange {entry.x}: {entry.name} {entry.what}: {entry.reason}, "
                f"after {entry.offset} bytes"
            )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """See `Exchanges`."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Let every fault say how it stands."""
        self.machine.close(self.now_s())


class _Client:
    """One client of the hop."""

    def __init__(self, handler: ConnectionHandler, hop: _Hop, upstream: tuple[str, int]) -> None:
        self.wires = Wires(handler)
        self._handler = handler
        self._ports = _Ports(hop, upstream, self._broke)
        io = handler.transports[handler.client]
        self._side = ClientSide(io.reader, io.writer, self._went)  # type: ignore[arg-type]  # TCP only: asyncio's streams
        self.wires.own_client(self._side)

    def replace_http(self, top: layer.Layer) -> layer.Layer:
        """The same stack with our HTTP layer in the place of mitmproxy's."""
        above: TunnelLayer | None = None
        below = top
        while isinstance(below, TunnelLayer):
            above, below = below, below.child_layer
        if type(below) is not HttpLayer:
            return top
        # It has put itself there when it was made, and ours does now.
        below.context.layers.remove(below)
        ours = HopLayer(below.context, self._ports, self.wires, self._side)
        if above is None:
            return ours
        above.child_layer = ours
        return top

    async def _went(self, how: GoneHow) -> None:
        await self._handler.server_event(ClientWent(how))

    def _broke(self, error: Exception) -> None:
        _log.error(f"{OPTION}: {error}", exc_info=error)
        # A stream that just hangs would look like the target's doing.
        self._handler.close_connection(self._handler.client)


class _Ports:
    """What `ports.Ports` asks for, for one client."""

    rank = 0

    def __init__(self, hop: _Hop, upstream: tuple[str, int], broke: Any) -> None:
        self.machine = hop.machine
        self.upstream = upstream
        self.now_s = hop.now_s
        self.record = hop.record
        self.own = hop.own
        self.disown = hop.disown
        self.act = hop.act
        self.next_conn = hop.next_conn
        self.broke = broke


def read_hop(text: str) -> tuple[FaultSpec, ...]:
    """Read the setting.

    Raises:
        ScenarioError: It is not a mapping of known faults, or a setting makes no sense.
    """
    if not text.strip():
        return ()
    document = parse_inline(text, OPTION)
    if not isinstance(document.value, dict):
        raise document.error((), f"expected a mapping of faults, got {shown(document.value)}")
    for name, settings in document.value.items():
        fault = FAULTS.get(name)
        if fault is None:
            message = f"unknown fault {shown(name)}{did_you_mean(name, FAULTS)}"
            raise ScenarioError(message, document.key_place((name,)), name)
        try:
            fault.model_validate(
                {} if settings is None else settings,
                context=YAML_CONTEXT,
                by_alias=True,
                by_name=False,
            )
        except ValidationError as error:
            raise explain_validation(error, document, fault, (name,)) from error
    return tuple(FaultSpec(name=name, settings=it) for name, it in document.value.items())


addons = [SseFaults()]

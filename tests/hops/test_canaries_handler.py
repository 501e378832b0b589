"""One canary for each part of mitmproxy's connections and addons we lean on."""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import addonmanager, connection, master, options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
from mitmproxy.certs import CertStore
from mitmproxy.exceptions import AddonManagerError
from mitmproxy.proxy import (
    commands,
    mode_specs,
    server,
    server_hooks,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.layers.tls import TlsClienthelloHook, TlsStartClientHook

from tests.testkit.stage_canaries import Recording, broken, new_context, parameters

# -- the connection handler --------------------------------------------------------------------


def test_the_handler_has_the_parts_we_replace() -> None:
    told = broken("harness.hops.mitm.connection (LiveConnectionHandler)")
    wanted = ["self", "reader", "writer", "options", "mode"]
    assert parameters(server.LiveConnectionHandler.__init__) == wanted, told
    assert [it.name for it in fields(server.ConnectionIO)] == ["handler", "reader", "writer"], told
    assert parameters(server.ConnectionHandler.log) == ["self", "message", "level", "exc_info"], (
        told
    )
    assert parameters(server.ConnectionHandler.handle_hook) == ["self", "hook"], told
    assert parameters(server.ConnectionHandler.server_event) == ["self", "event"], told
    wanted = ["self", "connection", "half_close"]
    assert parameters(server.ConnectionHandler.close_connection) == wanted, told
    assert inspect.iscoroutinefunction(server.ConnectionHandler.handle_client), told
    assert hasattr(server.TimeoutWatchdog, "disarm"), told


class Quiet(server.LiveConnectionHandler):
    async def handle_hook(self, hook: commands.StartHook) -> None:
        pass


class Pipe:
    """A reader and a writer: gives what the test wants, notes what mitmproxy does."""

    def __init__(self, *reads: bytes) -> None:
        self.reads: Iterator[bytes] = iter(reads)
        self.done: list[str] = []

    async def read(self, _n: int) -> bytes:
        await asyncio.sleep(0)
        return next(self.reads, b"")

    def close(self) -> None:
        self.done.append("close")

    async def drain(self) -> None:
        self.done.append("drain")

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default


def handler(pipe: Pipe) -> Quiet:
    mode = mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:3")
    opts = options.Options()
    opts.add_option("proxy_debug", bool, False, "")
    return Quiet(pipe, pipe, opts, mode)  # type: ignore[arg-type]  # as ClientSide does


def test_the_handler_reads_and_drains_what_stands_in_for_the_client() -> None:
    told = broken("harness.hops.mitm.sides (transports[client].reader, .writer)")

    async def main() -> None:
        pipe = Pipe(b"data")
        it = handler(pipe)
        top = it.layer = Recording(it.layer.context, {})
        assert list(it.transports) == [it.client], told
        # As HopLayer.finish leaves it: nothing to wait for.
        it.client.state = connection.ConnectionState.CLOSED
        await asyncio.wait_for(it.handle_client(), 5)
        seen = [type(event).__name__ for event in top.seen]
        assert seen == ["Start", "DataReceived", "ConnectionClosed"], told
        assert pipe.done == ["drain", "close"], told

    asyncio.run(main())


def test_the_handler_still_notes_its_reader_too_late_for_an_eager_one() -> None:
    told = "mitmproxy notes its reading task before it reads: sides.ClientSide._has_begun can go"
    source = inspect.getsource(server.ConnectionHandler.handle_client)
    created = source.index("self.handle_connection(self.client)")
    assert source.index("self.transports[self.client].handler = handler") > created, told
    assert "eager_task_factory" in inspect.getsource(master.Master.run), told


def test_the_handler_limits_upstream_connections_by_a_semaphore() -> None:
    told = broken("harness.hops.mitm.connection (max_conns)")

    async def main() -> None:
        it = handler(Pipe())
        assert isinstance(it.max_conns["a", 1], asyncio.Semaphore), told
        assert it.max_conns["a", 1]._value == 5, told + "; if there is no limit, all the better"

    asyncio.run(main())


@pytest.mark.parametrize(
    "hook", [server_hooks.ServerConnectedHook, server_hooks.ServerDisconnectedHook]
)
def test_hooks_of_upstream_connections_carry_client_and_server(hook: Any) -> None:
    told = broken("harness.hops.mitm.connection (server hooks)")
    context = new_context()
    data = server_hooks.ServerConnectionHookData(context.server, context.client)
    assert (hook(data).data.server, hook(data).data.client) == (context.server, context.client), (
        told
    )
    assert hook(data).args() == [data], told


def test_hooks_of_tls_and_heads_are_the_ones_we_look_for() -> None:
    told = broken("harness.hops.mitm.listeners, .script (hook classes)")
    assert TlsClienthelloHook.name == "tls_clienthello", told
    assert TlsStartClientHook.name == "tls_start_client", told
    assert HttpResponseHeadersHook.name == "responseheaders", told
    assert [it.name for it in fields(HttpResponseHeadersHook)] == ["flow"], told


# -- Master, addons, options -------------------------------------------------------------------


class Named:
    name = "named"

    def __init__(self, seen: list[str] | None = None) -> None:
        self.seen = [] if seen is None else seen

    def load(self, loader: addonmanager.Loader) -> None:
        self.seen.append("load")

    def running(self) -> None:
        self.seen.append("running")
        raise ZeroDivisionError("boom")

    def done(self) -> None:
        self.seen.append("done")


def test_a_master_runs_addons_from_load_to_done_and_logs_what_they_raise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = broken("harness.hops.mitm.chain (Master.run, _ErrorsHeard)")
    seen: list[str] = []

    async def main() -> None:
        it = master.Master(options.Options())
        it.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer(), Named(seen))
        it.options.update(mode=[])
        running = asyncio.ensure_future(it.run())
        while "running" not in seen:  # noqa: ASYNC110 - the hook is what is waited for
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(main())
    assert seen == ["load", "running", "done"], told
    (record,) = (it for it in caplog.records if it.levelno >= logging.ERROR)
    assert record.name.startswith("mitmproxy."), told
    assert record.exc_info is not None, told
    assert isinstance(record.exc_info[1], ZeroDivisionError), told


def test_the_manager_runs_one_addon_and_takes_no_two_of_one_name() -> None:
    told = broken("harness.hops.mitm.script (AddonManager)")

    async def main() -> None:
        manager = master.Master(options.Options()).addons
        seen: list[str] = []
        module = type("Module", (), {"addons": [Named(seen), Named(seen)]})
        assert len(list(addonmanager.traverse([module]))) == 3, told
        manager.invoke_addon_sync(module, addonmanager.LoadHook(addonmanager.Loader(None)))
        assert seen == ["load", "load"], told
        manager.add(Named())
        with pytest.raises(AddonManagerError):
            manager.add(Named())
        assert inspect.iscoroutinefunction(manager.invoke_addon), told

    asyncio.run(main())


def test_the_options_we_set_exist() -> None:
    told = broken("harness.hops.mitm.chain, .addon (options)")

    async def main() -> None:
        it = master.Master(options.Options())
        it.addons.add(core.Core(), proxyserver.Proxyserver(), tlsconfig.TlsConfig())
        known = set(it.options.keys())
        wanted = {
            "mode",
            "tcp_timeout",
            "keep_host_header",
            "connection_strategy",
            "validate_inbound_headers",
            "confdir",
        }
        assert wanted <= known, told
        assert it.options.tcp_timeout == 600, told + "; if quiet streams live longer, look again"

    asyncio.run(main())


def test_connections_of_the_proxyserver_go_by_the_clients_id() -> None:
    told = broken("harness.hops.mitm.addon (Proxyserver.connections)")
    assert proxyserver.Proxyserver().connections == {}, told
    source = inspect.getsource(sys.modules["mitmproxy.proxy.mode_servers"])
    assert "register_connection(handler.layer.context.client.id, handler)" in source, told


def test_a_reverse_mode_says_where_to() -> None:
    told = broken("harness.hops.mitm.addon, .listeners (mode_specs)")
    mode = mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:3000")
    assert isinstance(mode, mode_specs.ReverseMode), told
    assert (mode.scheme, mode.address) == ("http", ("127.0.0.1", 3000)), told


def test_a_certificate_store_writes_the_authority_under_its_name(tmp_path: Path) -> None:
    told = broken("harness.hops.mitm.tls (CertStore.create_store)")
    CertStore.create_store(tmp_path, "mitmproxy", 2048)
    assert (tmp_path / "mitmproxy-ca-cert.pem").exists(), told


LEAN = """
import sys, warnings
warnings.simplefilter("ignore")
import harness.hops.mitm.lean
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
assert "mitmproxy.addons.onboarding" not in sys.modules, "all of them were imported"
import mitmproxy.addons
assert len(mitmproxy.addons.default_addons()) > 20, "the package cannot be had any more"
assert "mitmproxy.addons.onboarding" in sys.modules
"""


def test_the_addons_can_be_imported_one_by_one_and_the_package_on_demand() -> None:
    told = broken("harness.hops.mitm.lean (mitmproxy.addons)")
    done = subprocess.run(
        [sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{told}\n{done.stderr}"

"""A chain on the wire: every hop listens on its own port, in one mitmproxy Master in our process.

The listeners are ours, not those of mitmproxy's `mode` option: with a backlog that takes a
reconnect storm, errors where they happen, and no refusal to connect to one's own listeners.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import trio
from mitmproxy import master, options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig

from harness import clock
from harness.errors import HopError
from harness.hops import build
from harness.hops.machine import HopMachine
from harness.hops.mitm.listeners import FaultListener, Listener, ScriptListener
from harness.hops.mitm.script import Script, as_hop_error
from harness.hops.mitm.spec import ChainSpec

# mitmproxy cuts a connection after 600 quiet seconds; how long a hop waits is its faults' business.
_NEVER_S = 10**9


class Chain:
    """A chain that listens; `entry` is where its first hop does."""

    def __init__(self, spec: ChainSpec) -> None:
        self._spec = spec
        self._machines: list[HopMachine] = []
        self._listeners: list[Listener] = []
        self._scripts: list[Script] = []
        self.entry = spec.upstream

    async def serve(self, task_status: trio.TaskStatus[Chain] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled.

        Raises:
            HopError: A script cannot be loaded, or a port is taken.
            MissingExtraError: trio-asyncio is not installed.
        """
        async with clock.open_loop(self._spec.network) as loop:
            await loop.run(self._run, lambda: task_status.started(self))

    def close_case(self) -> None:
        """The case is over: let every fault say how it stands."""
        for machine in self._machines:
            machine.close(self._spec.now_s())

    def _broke(self, number: int, error: Exception | SystemExit) -> None:
        self._spec.broke(as_hop_error(error, number, self._scripts))

    # -- in the asyncio loop -----------------------------------------------------------------

    async def _run(self, ready: Callable[[], None]) -> None:
        opts = options.Options()
        it = master.Master(opts)
        with _ErrorsHeard(self._broke):
            it.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer())
            if self._spec.ca is not None:
                it.addons.add(tlsconfig.TlsConfig())
                opts.update(confdir=str(self._spec.ca))
            opts.update(
                mode=[],
                tcp_timeout=_NEVER_S,
                keep_host_header=True,
                connection_strategy="lazy",
                validate_inbound_headers=False,
            )
            try:
                try:
                    await self._listen(it)
                except BaseException:
                    await it.done()  # what run() would do at its end
                    raise
                it.addons.add(_Ready(ready))
                await it.run()
            finally:
                for listener in self._listeners:
                    await listener.close()

    async def _listen(self, it: master.Master) -> None:
        count = len(self._spec.hops)
        for number in range(count, 0, -1):
            if self._spec.hops[number - 1].is_outside:
                assert self._spec.stand is not None
                self.entry = await clock.call_trio(self._spec.stand, number, self.entry)
                continue
            port = build.port_of(self._spec.hops, number)
            parts = build.segments(self._spec.hops[number - 1])
            for position, part in enumerate(parts):
                is_outer = position == len(parts) - 1
                has_tls = is_outer and number == 1 and self._spec.ca is not None
                listener: Listener
                if isinstance(part, build.Script):
                    script = Script(self._spec.base, part.path, number, len(self._scripts), it)
                    self._scripts.append(script)
                    it.addons.add(script)
                    listener = ScriptListener(script, self.entry, it, self._broke)
                else:
                    machine = build.machine(
                        number,
                        part,
                        self._spec.seed,
                        self._spec.record,
                        faces_client=is_outer,
                        faces_target=position == 0,
                    )
                    self._machines.append(machine)
                    listener = FaultListener(
                        machine,
                        count - number,
                        self._spec.now_s,
                        self.entry,
                        it,
                        self._broke,
                        has_tls=has_tls,
                    )
                self._listeners.append(listener)
                try:
                    self.entry = await listener.open(port if is_outer else 0)
                except OSError as error:
                    # asyncio has a sentence of its own for this.
                    reason = os.strerror(error.errno) if error.errno else str(error)
                    raise HopError(f"port {port}: {reason.lower()}", number) from error


class _Ready:
    """The last addon: everything runs."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready

    def running(self) -> None:
        """A mitmproxy hook."""
        self._ready()


class _ErrorsHeard(logging.Handler):
    """mitmproxy tells of a crashed addon or task in its log only: here that ends the case.

    While it is entered, mitmproxy's log goes nowhere else.
    """

    def __init__(self, broke: Callable[[int, Exception], None]) -> None:
        super().__init__(logging.ERROR)
        self._broke = broke
        self._logger = logging.getLogger("mitmproxy")
        self._was_propagating = True

    def __enter__(self) -> None:
        self._was_propagating = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._was_propagating

    def emit(self, record: logging.LogRecord) -> None:
        """A logging hook."""
        error = record.exc_info[1] if record.exc_info else None
        self._broke(0, error if isinstance(error, Exception) else RuntimeError(record.getMessage()))

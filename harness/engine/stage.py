"""One case on one stage: target, tap, hops and clients under one clock.

    client ⇐ hop 1 ⇐ … ⇐ hop n ⇐ tap ⇐ target

Between two neighbouring hops that keep no record of their own there is a relay that does.
Everything that runs is started here, in one nursery, from the target's end to the client's, and is
cancelled together when the case is over.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from harness.ends import hosting
from harness.ends.asker import Asking
from harness.ends.between import Between
from harness.ends.crowd import Crowding
from harness.ends.flaws import behaviour
from harness.ends.reference import ReferenceServer
from harness.ends.relay import Relay
from harness.ends.tap import Tap
from harness.ends.target import Origin, no_connection, origin
from harness.engine import reach, real_hop, target_app, target_process
from harness.engine.audience import Door, Guest, audience
from harness.engine.recorder import Recorder
from harness.engine.settling import SETTLE_S, settled
from harness.engine.trigger import At, armed
from harness.errors import HarnessError, HopError, LocalEnvironmentError, TargetError
from harness.hops.build import port_of
from harness.hops.mitm import ChainSpec, client_context, make_chain
from harness.model import journal, secret_values
from harness.model.journal import Entry
from harness.model.scenario import Case, Traffic, has_relay
from harness.net import Listener, Memory, Network, Sockets

REFERENCE_URL = "http://reference.test/events"
# Past the feed's end: time for the last reconnect, which is told to stop.
_AFTER_END_S = 30.0
_UNSCRIPTED_S = 60.0
# Clients that start at one instant still arrive in order: nobody connects in the same microsecond.
_APART_S = 1e-6
_LAG_SAMPLE_S = 0.05
_LAG_STEP_S = 0.001


@dataclass(frozen=True, slots=True)
class Props:
    """What a case needs beside itself.

    Args:
        base: Directory that relative paths in the scenario start from.
        ca: Directory of the run's CA, for clients that speak TLS; None: no case does.
        programs: Directory in which each real hop keeps its configuration and its log in a folder
            `hop-1`, and a command target its output in `target`; None: nothing is kept.
        settle_s: Seconds to watch on after the last client is done.
        is_settled: Whether that is long enough, asked again and again; None: it never is.
        is_enough: The same while clients are there: whether all was seen that there is to be seen.
        watch: Told of every entry as it is written; None: nobody watches.
        asking: Who asks in place of the case's clients, of a target without hops; None: they do.
        crowding: How many clients like the case's first come, one after the other, in place of
            those it has; None: those it has.
    """

    base: Path = field(default_factory=Path)
    ca: Path | None = None
    programs: Path | None = None
    settle_s: float = SETTLE_S
    is_settled: Callable[[], bool] | None = None
    is_enough: Callable[[], bool] | None = None
    watch: Callable[[Entry], None] | None = None
    asking: Asking | None = None
    crowding: Crowding | None = None

    def folder(self, name: str) -> Path | None:
        """Where something that the stage starts keeps what it has to say; None: nowhere."""
        return None if self.programs is None else self.programs / name


def is_simulated(case: Case) -> bool:
    """Whether any hop of a case is driven in this process, by mitmproxy."""
    return any(not hop.is_outside for hop in case.scenario.through)


def watch_s(case: Case) -> float:
    """How long a case is watched at most, in seconds of its clock."""
    scenario = case.scenario
    if scenario.watch_s is not None:
        return scenario.watch_s
    end_s = scenario.traffic.end_after_s if scenario.traffic is not None else None
    return (_UNSCRIPTED_S if end_s is None else end_s) + _AFTER_END_S


class Stage:
    """One performance of one case."""

    def __init__(self, case: Case, props: Props, recorder: Recorder) -> None:
        self._case = case
        self._props = props
        self._recorder = recorder
        self._network: Network = Memory() if case.clock == "virtual" else Sockets()
        self._over = trio.Event()
        self._remarks: list[str] = []

    async def perform(self) -> None:
        """Run the case to its end; everything it does is in the journal.

        Raises:
            TargetError: The target cannot be reached at all.
            HopError: A hop broke, or a client went around the chain.
        """
        problem: HarnessError | None = None
        async with trio.open_nursery() as nursery:
            try:
                await self._set(nursery)
                await self._over.wait()
            except HarnessError as error:
                problem = error
            finally:
                # Also when the run is interrupted: what tearing down causes is no behaviour.
                self._recorder.stop()
            nursery.cancel_scope.cancel()
        for remark in self._remarks:
            self._recorder.remark(remark)
        if problem is not None:
            raise problem

    # -- setting the stage, from the target's end ------------------------------------------------

    async def _set(self, nursery: trio.Nursery) -> None:
        case = self._case
        server: ReferenceServer | None = None
        if case.target.url is None:
            url = REFERENCE_URL
            at = origin(url)
            server = ReferenceServer(
                case.scenario.traffic or Traffic(),
                case.scenario.server,
                behaviour(case.target.flaws),
                self._recorder.record,
            )
            listener = await nursery.start(hosting.serve, server, self._network)
            address = listener.address
        elif case.target.app is not None:
            url = case.target.url
            at = origin(url)
            serve = partial(
                target_app.stand,
                case.target.app,
                self._network,
                self._props.folder("target"),
                secret_values.of(case.target),
                self._remarks.append,
            )
            address = await nursery.start(serve)
        else:
            url = await self._target_url(nursery, case.target.url)
            at = self._beyond_tap(url)
            address = (at.host, at.port)
            await reach.probe(self._network, at, self._tls(at), watch_s(self._case))
        record: Callable[[Entry], None] = self._recorder.record
        if case.target.trigger is not None:
            where = At(self._network, url, at, address, secret_values.of(case.target))
            record = armed(case.target.trigger, where, self._target_broke, record, nursery)
        tap = Tap(
            self._network,
            address,
            record,
            tls=self._tls(at),
            server_name=at.host,
        )
        port = port_of(case.scenario.through, len(case.scenario.through) + 1)
        try:
            entry = await _serve(nursery, tap, port)
        except OSError as error:
            raise LocalEnvironmentError(f"port {port}: {no_connection(error)}") from error
        closing: Callable[[], None] = lambda: None  # noqa: E731 - replaced when there is a chain
        if is_simulated(case):
            chain = make_chain(self._chain_spec(entry, nursery))
            await nursery.start(chain.serve)
            entry, closing = chain.entry, chain.close_case
        else:
            for number in range(len(case.scenario.through), 0, -1):
                entry = await self._stand(nursery, number, entry)
        self._recorder.begin()
        self._recorder.record(journal.StageReady())
        if server is not None:
            nursery.start_soon(server.feed.run)
        if case.clock == "real":
            nursery.start_soon(self._measure_lag)
        nursery.start_soon(self._clients, url, entry, closing)

    async def _target_url(self, nursery: trio.Nursery, url: str) -> str:
        """Start the target, if it does not run already; its URL."""
        command = self._case.target.command
        if command is None:
            return url
        stand = partial(
            target_process.stand,
            command,
            url,
            self._props.folder("target"),
            secret_values.of(self._case.target),
            target_process.Told(self._target_broke, self._remarks.append),
        )
        started: str = await nursery.start(stand)
        return started

    def _beyond_tap(self, url: str) -> Origin:
        """Where the tap connects to: the target, or a proxy that forwards to it by itself."""
        hops = self._case.scenario.through
        via = hops[-1].via if hops else None
        return origin(url if via is None or via.listen is not None else via.url)

    async def _stand(
        self, nursery: trio.Nursery, number: int, upstream: tuple[str, int]
    ) -> tuple[str, int]:
        """Start the real hop of this number, or meet what runs already; where it is met."""
        hops = self._case.scenario.through
        port = port_of(hops, number)
        if not has_relay(hops, number):
            return await self._stand_alone(nursery, number, upstream, port)
        address = await self._stand_alone(nursery, number, upstream, 0)
        relay = Between(self._network, number, address, self._recorder.record)
        try:
            return await _serve(nursery, relay, port)
        except OSError as error:
            raise HopError(f"port {port}: {no_connection(error)}", number) from error

    async def _stand_alone(
        self, nursery: trio.Nursery, number: int, upstream: tuple[str, int], port: int
    ) -> tuple[str, int]:
        hop = self._case.scenario.through[number - 1]
        if hop.via is not None:
            if hop.is_beyond_tap:
                return upstream
            at = origin(hop.via.url)
            try:
                await reach.probe(self._network, at, self._tls(at), watch_s(self._case))
            except TargetError as error:
                raise HopError(error.message, number) from error
            return at.host, at.port
        stand = partial(
            real_hop.stand,
            hop,
            number,
            upstream,
            self._props.folder(f"hop-{number}"),
            self._broke,
            port,
            base=self._props.base,
            secrets=secret_values.of(self._case.target),
        )
        standing: real_hop.Standing = await nursery.start(stand)
        return standing.at

    def _chain_spec(self, upstream: tuple[str, int], nursery: trio.Nursery) -> ChainSpec:
        return ChainSpec(
            hops=self._case.scenario.through,
            upstream=upstream,
            seed=self._case.seed,
            record=self._recorder.record,
            now_s=self._recorder.now_s,
            broke=self._broke,
            network=self._network,
            base=self._props.base,
            stand=partial(self._stand, nursery),
            ca=self._props.ca if self._speaks_tls else None,
        )

    @property
    def _speaks_tls(self) -> bool:
        return any(client.tls or client.http == "2" for client in self._case.scenario.client)

    def _tls(self, at: Origin) -> ssl.SSLContext | None:
        target = self._case.target
        return at.tls(insecure=target.insecure, cacert=target.cacert)

    # -- the performance -------------------------------------------------------------------------

    async def _clients(self, url: str, entry: tuple[str, int], closing: Callable[[], None]) -> None:
        case = self._case
        limit_s = watch_s(case)
        tls = self._tls_context() if self._speaks_tls else None
        door = Door(url, entry, self._network, tls, self._went_around)
        guests = audience(case, door, self._recorder, self._props.asking, self._props.crowding)
        reason = f"watched for {limit_s:g} s"
        with trio.CancelScope() as watching:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, limit_s, watching, closing)
                async with trio.open_nursery() as present:
                    for number, it in enumerate(guests):
                        present.start_soon(self._enter, it, number * _APART_S)
                nursery.cancel_scope.cancel()
        if not watching.cancelled_caught:
            reason = "every client is done"
            left_s = max(0.0, limit_s - self._recorder.now_s())
            await settled(self._props.is_settled, min(self._props.settle_s, left_s))
        elif self._props.is_enough is not None and self._props.is_enough():
            reason = "enough was seen"
        closing()
        self._finish(reason)

    async def _watch(
        self, limit_s: float, watching: trio.CancelScope, closing: Callable[[], None]
    ) -> None:
        await settled(self._props.is_enough, limit_s, after_s=0.0)
        # Who still reads is sent home. That the hops see them leave is no part of the case, and
        # no fault is to act on it.
        closing()
        self._recorder.only(journal.ClientEnd, journal.StageOver)
        watching.cancel()

    @staticmethod
    async def _enter(guest: Guest, after_s: float) -> None:
        await trio.sleep(after_s)
        await guest.run()

    def _tls_context(self) -> ssl.SSLContext:
        assert self._props.ca is not None
        return client_context(self._props.ca)

    async def _measure_lag(self) -> None:
        """How late this process wakes up: a finding with a smaller margin proves nothing."""
        worst_s = 0.0
        due_s = trio.current_time()
        while True:
            due_s += _LAG_SAMPLE_S
            await trio.sleep_until(due_s)
            lag_s = trio.current_time() - due_s
            if lag_s > worst_s + _LAG_STEP_S:
                worst_s = lag_s
                self._recorder.record(journal.StageLag(lag_s=round(lag_s, 6)))
            due_s = max(due_s, trio.current_time() - _LAG_SAMPLE_S)

    # -- its end -----------------------------------------------------------------------------------

    def _finish(self, reason: str) -> None:
        if not self._over.is_set():
            self._recorder.record(journal.StageOver(reason=reason))
            self._recorder.stop()
            self._over.set()

    def _broke(self, error: HopError) -> None:
        self._recorder.record(
            journal.StageProblem(source="hop", message=error.message, hop=error.hop or None)
        )
        self._finish("a hop broke")

    def _target_broke(self, error: TargetError) -> None:
        self._recorder.record(journal.StageProblem(source="target", message=error.message))
        self._finish("the target ended")

    def _went_around(self, where: str) -> None:
        self._recorder.record(
            journal.StageProblem(
                source="hop", message=f"the client was led around the chain, to {where}", hop=1
            )
        )
        self._finish("the client was led around the chain")


async def _serve(nursery: trio.Nursery, relay: Relay, port: int) -> tuple[str, int]:
    """Start a relay; where it listens."""
    listener: Listener = await nursery.start(relay.serve, port)
    return listener.address

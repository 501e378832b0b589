"""The reference server on a real port, until it is interrupted."""

from __future__ import annotations

from collections.abc import Callable

import trio

from harness.clock import Interrupt
from harness.ends import hosting
from harness.ends.flaws import FLAWS, behaviour
from harness.ends.reference import ReferenceServer
from harness.errors import LocalEnvironmentError, UsageError, did_you_mean
from harness.model.journal import Entry, ServerDone, ServerRequest
from harness.model.scenario import ReferenceSettings, Traffic
from harness.net import Sockets


def check_flaws(names: tuple[str, ...]) -> None:
    """See that all flaws are known.

    Raises:
        UsageError: One is not.
    """
    for name in names:
        if name not in FLAWS:
            hint = did_you_mean(name, FLAWS) or f"; there are {', '.join(FLAWS)}"
            raise UsageError(f"unknown flaw {name}{hint}")


def serve_reference(
    *,
    port: int,
    every_s: float,
    heartbeat_s: float,
    flaws: tuple[str, ...],
    said: Callable[[str], None],
) -> None:
    """Serve on loopback until Ctrl-C.

    Args:
        port: 0 takes a free one.
        every_s: Seconds between two events.
        heartbeat_s: Seconds between two comments.
        flaws: What it does wrong.
        said: Told what happens, a line each.

    Raises:
        UsageError: A flaw is unknown, or a time is not positive.
        LocalEnvironmentError: The port is taken.
    """
    check_flaws(flaws)
    if every_s <= 0 or heartbeat_s <= 0:
        raise UsageError("expected times above zero")

    def record(entry: Entry) -> None:
        match entry:
            case ServerRequest(x=x, last_event_id=last_id, status=status):
                since = "" if last_id is None else f", after id {last_id}"
                said(f"request {x}: {status}{since}")
            case ServerDone(x=x, reason=reason):
                said(f"request {x}: {reason}")
            case _:
                pass

    server = ReferenceServer(
        Traffic(every_s=every_s),
        ReferenceSettings(heartbeat_s=heartbeat_s),
        behaviour(flaws),
        record,
    )

    interrupt = Interrupt()

    async def main() -> str | None:
        """Serve; why it could not."""
        async with trio.open_nursery() as nursery:
            interrupt.guard(nursery.cancel_scope)
            try:
                listener = await nursery.start(
                    lambda task_status: hosting.serve(
                        server, Sockets(), port=port, task_status=task_status
                    )
                )
            except OSError as error:
                return (error.strerror or str(error)).lower()
            said(f"http://127.0.0.1:{listener.port}/events  (Ctrl-C ends it)")
            await server.feed.run()
        return None

    with interrupt:
        problem = trio.run(main)
    if interrupt.came:
        said("stopped")
    if problem is not None:
        raise LocalEnvironmentError(f"port {port}: {problem}")

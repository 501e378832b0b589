"""What `sse-harness trace` does with its options."""

from __future__ import annotations

import sys
import time

from harness.checks.evidence import Evidence
from harness.ends.target import origin
from harness.engine.case import perform
from harness.engine.stage import Props
from harness.errors import TargetError
from harness.hops.mitm import need_mitmproxy
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import EventSource, Scenario, Target
from harness.model.verdict import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_PASS
from harness.report import terminal
from harness.report import trace as report
from harness.report.live import LiveTrace
from harness.scenario.chain import parse_chain
from harness.scenario.expand import AD_HOC_PLACE, case_of

_SEED = 1


def trace(
    target: Target,
    *,
    through: str | None,
    max_time_s: float,
    reconnect: bool,
    as_json: bool,
    no_color: bool,
) -> int:
    """Trace one stream; the exit code.

    Raises:
        HarnessError: The target cannot be reached, or a hop broke.
    """
    where = origin(target.url or "")
    chain = () if through is None else parse_chain(through)
    if chain:
        need_mitmproxy("--through")
    scenario = Scenario(
        id="trace",
        why="a stream, traced",
        through=chain,
        client=(EventSource(reconnect=reconnect),),
        watch_s=max_time_s,
    )
    case = case_of(scenario, target=target, clock="real", seed=_SEED, place=AD_HOC_PLACE)
    console = terminal.make_console(no_color=no_color)
    if not where.is_local and not as_json:
        console.print(
            "the target is not on this machine: delay is measured from our tap only",
            soft_wrap=True,
        )
    live = LiveTrace(console)
    started = time.time()
    entries: list[Entry] = []

    def watch(entry: Entry) -> None:
        nonlocal started
        if isinstance(entry, journal.ClientRequest) and not any(
            isinstance(it, journal.ClientRequest) for it in entries
        ):
            started = time.time()
        entries.append(entry)
        if not as_json:
            live.entry(entry)

    code = EXIT_PASS
    try:
        kept, _ = perform(case, Props(watch=watch), None)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
        kept = journal.Journal(entries)
    for entry in kept:
        if isinstance(entry, journal.StageProblem):
            raise TargetError(entry.message, entry.source)
    evidence = Evidence.of(kept)
    if not evidence.clients:
        return EXIT_ERROR if code == EXIT_PASS else code
    traced = report.of(evidence, started)
    if as_json:
        sys.stdout.write(report.encode(traced).decode())
    else:
        report.show_end(traced, console)
    if traced.end.how == "refused":
        return EXIT_ERROR
    return code

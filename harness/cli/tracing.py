"""What `sse-harness trace` does with its options."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Literal

from harness.checks.evidence import Evidence
from harness.ends.command import with_port
from harness.ends.target import origin
from harness.engine.case import perform
from harness.engine.real_hop import identified
from harness.engine.recorder import masked
from harness.engine.stage import Props, is_simulated
from harness.errors import TargetError
from harness.hops.mitm import need_mitmproxy
from harness.model import journal, redaction, secret_values
from harness.model.journal import Entry
from harness.model.scenario import EventSource, Scenario, Target
from harness.model.verdict import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_PASS
from harness.report import terminal, trace_text
from harness.report import trace as report
from harness.report.live import LiveTrace
from harness.report.trace import Trace
from harness.scenario.chain import parse_chain, remarks, show_chain
from harness.scenario.expand import AD_HOC_PLACE, case_of
from harness.scenario.override import check_used, overridden, parse_override
from harness.units import show_seconds

_SEED = 1


def trace(
    target: Target,
    *,
    through: str | None,
    settings: tuple[str, ...],
    max_time_s: float,
    reconnect: bool,
    as_json: bool,
    no_color: bool,
) -> int:
    """Trace one stream; the exit code.

    Raises:
        TargetError: It refuses, never answers, or what it answers is no event stream. What there
            is to show has been shown.
        HarnessError: A hop broke, or the like.
    """
    where = origin(with_port(target.url or "", 1))
    overrides = [parse_override(text) for text in settings]
    chain = () if through is None else parse_chain(through)
    check_used(overrides, [chain])
    chain = overridden(chain, overrides)
    for remark in remarks(chain):
        sys.stderr.write(f"note: {remark}\n")
    scenario = Scenario(
        id="trace",
        why="a stream, traced",
        through=chain,
        client=(EventSource(reconnect=reconnect),),
        watch_s=max_time_s,
    )
    # A program outside of this process waits for nobody.
    is_inside = target.is_inside and not any(hop.is_outside for hop in chain)
    clock: Literal["real", "virtual"] = "virtual" if is_inside else "real"
    case = case_of(scenario, target=target, clock=clock, seed=_SEED, place=AD_HOC_PLACE)
    case = identified(case)
    if is_simulated(case):
        need_mitmproxy("--through")
    console = terminal.make_console(no_color=no_color)
    if not where.is_local and not as_json:
        console.print(
            "the target is not on this machine: delay is measured from our tap only",
            soft_wrap=True,
        )
    if chain and not as_json:
        trace_text.show_chain(show_chain(chain), redaction.url(target.url or ""), console)
    secrets = secret_values.of(target)
    live = LiveTrace(console, secrets)
    started = time.time()
    entries: list[Entry] = []

    def watch(entry: Entry) -> None:
        nonlocal started, live
        if isinstance(entry, journal.CaseEntry):
            # Once more, if what was seen on the virtual clock was worth nothing.
            entries.clear()
            live = LiveTrace(console, secrets)
        if isinstance(entry, journal.StageMoved):
            sys.stderr.write(f"note: moved to the real clock: {entry.why}\n")
        if isinstance(entry, journal.ClientRequest) and not any(
            isinstance(it, journal.ClientRequest) for it in entries
        ):
            started = time.time()
        entries.append(entry)
        if _is_live(entries) and not as_json:
            live.entry(entry)
        if console.quiet:
            raise KeyboardInterrupt  # whoever read the output has gone

    code = EXIT_PASS
    try:
        kept, _ = perform(case, Props(watch=watch), None)
    except KeyboardInterrupt:
        if not entries:
            raise
        code = EXIT_PASS if console.quiet else EXIT_INTERRUPTED
        kept = masked(entries, secrets)
    if not _is_live(entries) and not as_json:
        for entry in entries:
            live.entry(entry)
    for entry in kept:
        if isinstance(entry, journal.StageProblem):
            raise TargetError(entry.message, entry.source)
        if isinstance(entry, journal.StageRemark):
            sys.stderr.write(f"note: {entry.what}\n")
    evidence = Evidence.of(kept)
    if not evidence.clients:
        return EXIT_ERROR if code == EXIT_PASS else code
    traced = report.of(evidence, started)
    if as_json:
        sys.stdout.write(report.encode(traced).decode())
    else:
        trace_text.show_end(traced, console)
    if evidence.clipped_n is not None:
        since = show_seconds(evidence.journal[evidence.clipped_n].t_s)
        sys.stderr.write(f"more came than is kept: events after {since} are not counted\n")
    why = _useless(traced, evidence)
    if code == EXIT_PASS and why is not None:
        is_answer = traced.status is not None and traced.end.how != "refused"
        asked = redaction.url(target.url or "") if is_answer else where
        raise TargetError(f"{asked}: {why}", "not-traceable")
    return code


def _is_live(entries: Sequence[Entry]) -> bool:
    """Whether a stream is shown as it comes.

    On the virtual clock it is all there at once, and nothing before it is known to stay there.
    """
    first = entries[0]
    return not isinstance(first, journal.CaseEntry) or first.clock == "real"


def _useless(traced: Trace, evidence: Evidence) -> str | None:
    """Why this is no trace of an event stream; None: it is one."""
    client = evidence.clients[0]
    if traced.end.how == "refused":
        return next((it.end.detail for it in reversed(evidence.exchanges) if it.end), "refused")
    if client.done is not None and client.done.is_fatal:
        return client.done.reason
    ends = [it.end for it in client.attempts if it.end is not None]
    if ends and ends[-1].how == "malformed":
        return ends[-1].detail
    if traced.status is None and traced.answered_s is None:
        return f"no response: {ends[-1].detail}" if ends and ends[-1].detail else "no response"
    return None

"""What `sse-harness check` does with its options."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec
from rich.console import Console

from harness.cli.again import shell_line, target_again
from harness.engine.asking import Interview, Limits, heard_before
from harness.engine.case import describe, target_without_secrets
from harness.engine.exact import left_on_the_wire, on_the_wire, requests_of, wait_s
from harness.engine.judge import digest
from harness.engine.run import summary
from harness.errors import LocalEnvironmentError, UsageError
from harness.model import journal
from harness.model.journal import Journal
from harness.model.scenario import Hop, Target
from harness.model.survey import Remedy, Survey
from harness.model.verdict import EXIT_FAIL, EXIT_INTERRUPTED, CaseVerdict, Verdict, case_counts
from harness.report import junit, survey, terminal
from harness.report.directory import VERDICT, RunDirectory, read_run
from harness.report.jsonfile import render
from harness.scenario.chain import parse_chain, remarks
from harness.scenario.fault_settings import SCRIPT
from harness.scenario.override import check_used, overridden, parse_override
from harness.survey import facts, rows
from harness.survey.cells import Cell, all_chains, all_products, all_settings, name_of
from harness.survey.expect import Terms
from harness.survey.judging import (
    INTERRUPTED,
    TARGET,
    Judge,
    Judged,
    is_broken_off,
    skipped,
    survivors,
    with_leaving,
)
from harness.survey.kinds import KINDS, guess
from harness.survey.leaving import CHECK as LEAVING
from harness.survey.needs import cutting
from harness.survey.play import Observed
from harness.survey.proofs import Prover, first_to_do, is_curable, with_fix
from harness.survey.proofs import told as told_of
from harness.survey.resuming import resuming
from harness.units import show_seconds

JUNIT = "junit.xml"
# Where the journal of a client that leaves is kept, below that of one that stays.
LEFT = "leaving"
# How long an endless stream may take on the wire where nobody says how long.
_PATIENCE_S = 65.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of `check`, as they were given."""

    target: Target
    from_dir: Path | None
    through: str | None
    settings: tuple[str, ...]
    limits: Limits
    seed: int
    kinds: tuple[str, ...]
    reports: Path
    is_full: bool
    kind: str | None = None
    is_exact: bool = False


def check(wanted: Wanted, *, no_color: bool) -> int:
    """Check a target; the exit code.

    Raises:
        UsageError: The options cannot be obeyed.
        TargetError: The target cannot be reached, or does not answer.
        LocalEnvironmentError: Nothing can be written.
    """
    console = terminal.make_console(no_color=no_color)
    began = time.perf_counter()
    cells = _cells(wanted)
    directory: RunDirectory | None
    if wanted.from_dir is None:
        directory = RunDirectory.create(wanted.reports)
        interview = Interview(
            wanted.target,
            wanted.limits,
            wanted.seed,
            directory.path,
            lambda line: console.print(line, soft_wrap=True, style="dim"),
        )
        try:
            observed = interview.hold(cells, for_replays=not wanted.is_exact)
        except KeyboardInterrupt:
            return _nothing_heard(wanted, cells, directory, console, began)
        target = target_without_secrets(wanted.target)
        source = directory.path
        left, was_interrupted = interview.left, interview.was_interrupted
    else:
        source = read_run(wanted.from_dir).path
        target, observed = heard_before(source)
        # One chain looked at again does not replace the verdict on all of them.
        directory = RunDirectory(source) if wanted.through is None else None
        left, was_interrupted = 0, False
    stop = "not all was asked" if was_interrupted else ""
    kind = guess(observed.first) if wanted.kind is None else KINDS[wanted.kind]
    is_needed = bool(cutting(cells, observed.first))
    resumes = resuming(observed.first, observed.resumed, is_needed=is_needed)
    judge = Judge(observed, target, Terms(kind, resumes), wanted.seed)
    if not observed.first.is_stream:
        cells = []
    work: Iterator[Judged] = map(judge.through, cells)
    if wanted.is_exact:
        work = iter(())
        if directory is not None and not was_interrupted:
            work = _exactly(cells, judge, wanted, directory, left, console)
    elif len(cells) > 1:
        console.print(f"replaying through {len(cells)} chains", soft_wrap=True, style="dim")
    done, is_cut = _until_interrupted(chain((it.on_itself() for it in (judge,)), work))
    if is_cut:
        whole = sum(not is_broken_off(it.case) for it in done[1:])
        stop = stop or f"{whole} of {len(cells)} chains are done"
    on_itself, *judged = [*done, *map(_not_done, [TARGET, *cells][len(done) :])]
    # What was on the wire once cannot be tried again for nothing.
    curable = [] if wanted.is_exact else [it for it in judged if is_curable(it)]
    prover = Prover(judge)
    tried, is_cut = _until_interrupted(() if is_cut else map(prover.prove, curable))
    if is_cut:
        stop = f"fixes were tried for {len(tried)} of {len(curable)} chains"
    proven = {it.cell.name: found for it, found in zip(curable, tried, strict=False)}
    fixes, cured = first_to_do(proven)
    remedies = {name: it.remedies(fixes) for name, it in proven.items()}
    told = [on_itself, *(with_fix(it, remedies.get(it.cell.name, ())) for it in judged)]
    again = partial(_again, wanted=wanted, source=source)
    verdict = summary(
        tuple(_kept(told, directory, again)),
        clock="real" if wanted.is_exact else "replay",
        target=describe(target),
        seed=wanted.seed,
        wall_s=time.perf_counter() - began,
        is_interrupted=bool(stop),
    )
    problem = None if directory is None else write_reports(verdict, directory, wanted.kinds)
    first = f"{told_of(fixes)}     cures {cured} of {len(proven)}" if fixes else ""
    kind_said = f"{kind.name}{'' if wanted.kind else ' (guessed; --kind)'}: {kind.says}"
    shown = _survey(observed, told, remedies, (kind_said, first), again)
    if stop:
        console.print(f"interrupted: {stop}", soft_wrap=True)
    survey.show(shown, console, directory.path if directory else None, is_full=wanted.is_full)
    return exit_code(verdict, problem)


def exit_code(verdict: Verdict, problem: LocalEnvironmentError | None) -> int:
    """The exit code of a verdict that was told, also where it could not be written."""
    if problem is None:
        return verdict.exit_code
    sys.stderr.write(f"error: {problem}\n")
    is_worse = verdict.exit_code in {EXIT_FAIL, EXIT_INTERRUPTED}
    return verdict.exit_code if is_worse else problem.exit_code


def _until_interrupted[T](work: Iterable[T]) -> tuple[list[T], bool]:
    """What is done, up to a Ctrl-C, and whether there was one."""
    done: list[T] = []
    try:
        for it in work:
            done.append(it)  # noqa: PERF402 - what is done before an interrupt is kept
    except KeyboardInterrupt:
        return done, True
    return done, False


def _not_done(cell: Cell) -> Judged:
    return skipped(cell, f"the stream, through {cell.title}", INTERRUPTED)


def _nothing_heard(
    wanted: Wanted, cells: Sequence[Cell], directory: RunDirectory, console: Console, began: float
) -> int:
    """Tell of a check that was interrupted before its first answer was known; the exit code."""
    again = partial(_again, wanted=wanted, source=directory.path)
    verdict = summary(
        tuple(_kept(map(_not_done, cells), directory, again)),
        clock="real" if wanted.is_exact else "replay",
        target=describe(wanted.target),
        seed=wanted.seed,
        wall_s=time.perf_counter() - began,
        is_interrupted=True,
    )
    problem = write_reports(verdict, directory, wanted.kinds)
    console.print("interrupted: nothing was heard to its end, so nothing is known", soft_wrap=True)
    console.print(f"report {directory.path}", soft_wrap=True)
    return exit_code(verdict, problem)


def _exactly(
    cells: Sequence[Cell],
    judge: Judge,
    wanted: Wanted,
    directory: RunDirectory,
    left: int,
    console: Console,
) -> Iterator[Judged]:
    """The chains on the wire, one after the other, as often as the target may still be asked.

    What becomes of a stream comes first: no client leaves for which another chain would go short.
    """
    patience_s = wanted.limits.time_s or _PATIENCE_S
    asked = f"asked {wanted.limits.requests} times (--max-requests)"
    leaving = judge.how_left

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, style="dim")

    waits_s = [wait_s(cell, judge) for cell in cells]
    is_short = [it <= patience_s or judge.observed.first.has_all for it in waits_s]
    ahead = [requests_of(it, judge) * fits for it, fits in zip(cells, is_short, strict=True)]
    for at, (cell, needed_s) in enumerate(zip(cells, waits_s, strict=True)):
        expected = "the chain on the wire"
        if not is_short[at]:
            waiting = show_seconds(needed_s)
            why = f"it would have to be waited for {waiting} (--max-time)"
            yield skipped(cell, expected, why)
            continue
        if left < ahead[at]:
            yield skipped(cell, expected, asked)
            continue
        left -= ahead[at]
        say(f"{cell.title}: up to {show_seconds(needed_s)}")
        judged = on_the_wire(cell, judge, wanted.target, directory.case(f"check/{cell.name}"))
        if leaving is None or judged.case.outcome == "ERROR":
            yield judged
            continue
        if left <= sum(ahead[at + 1 :]):
            yield with_leaving(judged, skipped(cell, "a client that leaves", asked, LEAVING))
            continue
        left -= 1
        most_s = leaving.at_s + min(leaving.within_s, patience_s)
        say(f"{cell.title}: up to {show_seconds(most_s)} for a client that leaves")
        folder = directory.case(f"check/{cell.name}/{LEFT}")
        try:
            gone = left_on_the_wire(cell, judge, leaving, wanted.target, folder, patience_s)
        except KeyboardInterrupt:
            # What was seen before is told all the same.
            not_seen = skipped(cell, "a client that leaves", INTERRUPTED, LEAVING)
            yield with_leaving(judged, not_seen)
            raise
        yield with_leaving(judged, gone)


def _cells(wanted: Wanted) -> list[Cell]:
    """What to replay through.

    Raises:
        UsageError: It cannot be replayed.
    """
    overrides = [parse_override(text) for text in wanted.settings]
    if wanted.through is None:
        if overrides:
            raise UsageError("--set goes with --through")
        return [*all_products(), *all_settings(), *all_chains()]
    hops = parse_chain(wanted.through)
    check_used(overrides, [hops])
    hops = overridden(hops, overrides)
    if not wanted.is_exact:
        _see_that_it_can_be_replayed(hops)
    for remark in remarks(hops):
        sys.stderr.write(f"note: {remark}\n")
    return [Cell(name_of(hops), hops)]


def _see_that_it_can_be_replayed(hops: Sequence[Hop]) -> None:
    """Raises UsageError for what there is on the wire only."""
    if any(hop.is_outside for hop in hops):
        raise UsageError("--through: a real hop cannot be replayed through; put it there, --exact")
    if any(fault.name == SCRIPT for hop in hops for fault in hop.faults):
        raise UsageError("--through: a script cannot be replayed through; put it there, --exact")


def _kept(
    cells: Iterable[Judged], directory: RunDirectory | None, again: Callable[[Cell], str]
) -> Iterator[CaseVerdict]:
    """The verdict on each cell; the journals of those that did not pass are written.

    What passes is replayed again from what was observed: nothing is lost with its journal.

    Raises:
        LocalEnvironmentError: It cannot be written.
    """
    for it in cells:
        case = it.case
        # What was on the wire is kept in any case.
        is_told = case.outcome not in {"PASS", "SKIP"} or case.clock == "real"
        if directory is not None and it.entries is not None and is_told:
            shown = _written(directory, case.id, it.entries)
            case = msgspec.structs.replace(case, journal=shown, journal_sha256=digest(it.entries))
            if it.left is not None and it.left.entries is not None and it.is_left_unheard:
                _written(directory, f"{case.id}/{LEFT}", it.left.entries)
        yield msgspec.structs.replace(case, again=again(it.cell))


def _written(directory: RunDirectory, case_id: str, entries: Journal) -> str:
    """Write a journal; what it is called in the run's directory.

    Raises:
        LocalEnvironmentError: It cannot be written.
    """
    shown = directory.journal(case_id)
    directory.case(case_id)
    directory.write(shown, b"".join(journal.encode(entry) + b"\n" for entry in entries))
    return shown


def _again(cell: Cell, wanted: Wanted, source: Path) -> str:
    """The command that shows one chain again."""
    words = ["sse-harness", "check"]
    if wanted.is_exact:
        words += [*target_again(wanted.target), "--exact"]
    else:
        words += ["--from", str(source)]
    if cell.hops:
        words += ["--through", cell.asked_for]
    return shell_line(words)


def write_reports(
    verdict: Verdict, directory: RunDirectory, kinds: tuple[str, ...]
) -> LocalEnvironmentError | None:
    """Write the files; why they could not be, if so."""
    try:
        if "json" in kinds:
            directory.write(VERDICT, render(verdict))
        if "junit" in kinds:
            directory.write(JUNIT, junit.render(verdict))
    except LocalEnvironmentError as error:
        return error
    return None


def _survey(
    observed: Observed,
    cells: Sequence[Judged],
    remedies: Mapping[str, tuple[Remedy, ...]],
    said: tuple[str, str],
    again: Callable[[Cell], str],
) -> Survey:
    """All there is to tell.

    Args:
        observed: What the target said.
        cells: The target itself, and every chain.
        remedies: What was tried, by the name of the chain.
        said: What kind of stream it is, and what is to be done first.
        again: Gives the command that shows one chain again.
    """
    on_itself, *judged = cells
    seen = observed.first
    server = facts.server_of(seen)
    spoken_s = [it.t_s for it in seen.reads for _ in range(it.events)]
    worst = next((it for it in judged if it.case.outcome == "FAIL"), None)
    return Survey(
        target=f"yours: {seen.request.method} {seen.request.target}"
        + (f" ({server})" if server else ""),
        stream=facts.stream_of(seen),
        observed=(*facts.observed(seen), *facts.together(observed.together)),
        projected=next((it.case.note for it in judged if it.case.note), ""),
        survived=survivors(judged),
        of=len(judged),
        counts=case_counts(it.case for it in judged),
        kind=said[0],
        first=said[1],
        rows=(
            *rows.rows_of_target(on_itself),
            *rows.rows_of_paths(judged, spoken_s, remedies),
        ),
        skips=(*facts.not_meant(judged), *facts.not_reached(judged)),
        again="" if worst is None else again(worst.cell),
    )

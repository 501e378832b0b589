"""Run many cases: one after the other, or shared out over processes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from harness.engine.case import perform
from harness.engine.judge import judge
from harness.engine.pool import pool
from harness.engine.stage import Props
from harness.errors import HarnessError, StageError
from harness.model import verdict as model
from harness.model.journal import Journal
from harness.model.scenario import Case
from harness.model.verdict import CaseVerdict, Verdict
from harness.version import VERSION

# A worker takes about a second to start; fewer cases are done sooner in this process.
_WORTH_SHARING = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One case to run.

    Args:
        case: The case.
        props: What it needs beside itself.
        path: Where its journal goes.
        shown_path: The same, as the verdict names it.
        through: The chain as it is written, one string a hop.
        again: The command that runs it again.
    """

    case: Case
    props: Props
    path: Path
    shown_path: str
    through: tuple[str, ...]
    again: str


class Observer(Protocol):
    """Whoever watches the run."""

    def began(self, case_id: str) -> None:
        """A case has begun, or waits for a worker."""
        ...

    def finished(self, case: CaseVerdict) -> None:
        """A case is judged."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run.

    Args:
        verdict: On the cases that were judged.
        problem: Why the run ended before its time, other than by Ctrl-C; None: it did not.
    """

    verdict: Verdict
    problem: HarnessError | None = None


def run_job(job: Job) -> CaseVerdict:
    """Run and judge one case."""
    entries, wall_s = perform(job.case, job.props, job.path)
    return judge(
        entries,
        wall_s=wall_s,
        shown_path=job.shown_path,
        through=job.through,
        again=job.again,
    )


def run(
    jobs: Sequence[Job],
    observer: Observer,
    *,
    workers: int,
    target: str,
    seed: int,
    max_failures: int | None = None,
) -> Ran:
    """Run cases and judge them; whatever ends the run, there is a verdict on what was judged.

    Args:
        jobs: What to run; the verdict keeps this order.
        observer: Told of every beginning and end.
        workers: Processes; 1 runs everything in this one.
        target: What is tested, for a person.
        seed: The run's.
        max_failures: Begin nothing more after so many failed cases; None: run all.
    """
    began = time.perf_counter()
    done: dict[str, CaseVerdict] = {}
    is_interrupted = False
    problem: HarnessError | None = None
    share = workers > 1 and len(jobs) >= _WORTH_SHARING
    try:
        for case in _shared(jobs, observer, workers) if share else _in_turn(jobs, observer):
            done[case.id] = case
            observer.finished(case)
            failures = sum(it.outcome == "FAIL" for it in done.values())
            if max_failures is not None and failures >= max_failures:
                break
    except KeyboardInterrupt:
        is_interrupted = True
    except HarnessError as error:
        problem = error
    cases = tuple(done[job.case.id] for job in jobs if job.case.id in done)
    verdict = summary(
        cases,
        clock=_clock(jobs, cases),
        target=target,
        seed=seed,
        wall_s=time.perf_counter() - began,
        is_interrupted=is_interrupted,
    )
    if problem is not None and verdict.exit_code != model.EXIT_FAIL:
        verdict = msgspec.structs.replace(verdict, exit_code=problem.exit_code)
    return Ran(verdict, problem)


def summary(
    cases: tuple[CaseVerdict, ...],
    *,
    clock: str,
    target: str,
    seed: int,
    wall_s: float,
    is_interrupted: bool = False,
) -> Verdict:
    """The verdict on judged cases."""
    outcomes = [case.outcome for case in cases]
    return Verdict(
        schema=f"{model.SCHEMA}/{model.VERSION}",
        version=VERSION,
        seed=seed,
        clock=clock,
        target=target,
        wall_s=round(wall_s, 3),
        simulated_s=round(sum(case.simulated_s for case in cases), 3),
        outcome=model.run_outcome(outcomes),
        exit_code=model.exit_code(outcomes, is_interrupted=is_interrupted),
        counts=model.case_counts(cases),
        cases=cases,
    )


def default_workers() -> int:
    """As many as this process may use cores."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _clock(jobs: Sequence[Job], cases: Sequence[CaseVerdict]) -> str:
    """The clock of the cases as they ran: one may have been moved to the real one."""
    names: set[str] = {case.clock for case in cases} or {job.case.clock for job in jobs}
    return names.pop() if len(names) == 1 else "mixed"


def _in_turn(jobs: Sequence[Job], observer: Observer) -> Iterator[CaseVerdict]:
    for job in jobs:
        observer.began(job.case.id)
        try:
            verdict = run_job(job)
        except KeyboardInterrupt:
            if (partial := _partial(job)) is not None:
                yield partial
            raise
        yield verdict


def _partial(job: Job) -> CaseVerdict | None:
    """The verdict on a case that was interrupted: what its journal shows so far."""
    try:
        entries = Journal.read(job.path.read_bytes().splitlines())
    except (OSError, ValueError):
        return None
    return judge(
        entries,
        wall_s=0.0,
        shown_path=job.shown_path,
        through=job.through,
        again=job.again,
    )


def _shared(jobs: Sequence[Job], observer: Observer, workers: int) -> Iterator[CaseVerdict]:
    """Share cases out, no more at once than there are workers, so that stopping is quick."""
    waiting = list(reversed(jobs))
    with pool(min(workers, len(jobs))) as submit:
        running: set[Future[CaseVerdict]] = set()
        names: dict[Future[CaseVerdict], str] = {}
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop()
                observer.began(job.case.id)
                future = submit(run_job, job)
                running.add(future)
                names[future] = job.case.id
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                try:
                    yield future.result()
                except BrokenProcessPool as error:
                    ids = ", ".join(sorted(names[it] for it in {future, *ready, *running}))
                    raise StageError(f"a worker process died during one of {ids}") from error

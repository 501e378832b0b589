"""What `sse-harness compare` does with its options."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from harness.cli.checking import exit_code, write_reports
from harness.ends.asker import request_of
from harness.engine.asking import PLACE, Interview, Limits
from harness.engine.case import target_without_secrets
from harness.engine.run import summary
from harness.model import secret_values
from harness.model.ask import Ask
from harness.model.scenario import Target
from harness.model.survey import Comparison, Place
from harness.report import comparison, terminal
from harness.report.directory import RunDirectory
from harness.survey import facts
from harness.survey.between import NOT_DONE, Between, between, case_of, change_of, not_done
from harness.survey.cells import all_products
from harness.survey.comparing import differences
from harness.survey.needs import unasked
from harness.survey.observation import Observation
from harness.survey.play import Observed

_SEED = 1
# Long enough for what ends every stream after a few seconds.
_LEAST_S = 20.0


def compare(
    targets: Sequence[Target],
    *,
    max_requests: int,
    max_time_s: float,
    kinds: tuple[str, ...],
    reports: Path,
    no_color: bool,
) -> int:
    """Compare the places of one stream; the exit code.

    Args:
        targets: The places, nearest the target first.
        max_requests: How often each is asked at most.
        max_time_s: How long an endless response is watched at most.
        kinds: Files to write.
        reports: Where runs are kept.
        no_color: Plain text.

    Raises:
        TargetError: A place cannot be reached, or does not answer.
        LocalEnvironmentError: Nothing can be written.
    """
    console = terminal.make_console(no_color=no_color)
    began = time.perf_counter()
    directory = RunDirectory.create(reports)
    limits = Limits(max_requests, max_time_s, min(_LEAST_S, max_time_s))
    secrets = [secret_values.of(target) for target in targets]
    urls = [it.text(target.url or "") for it, target in zip(secrets, targets, strict=True)]
    interviews = []
    seen: list[Observation] = []
    found: list[Between] = []
    is_interrupted = False
    try:
        for number, (url, target) in enumerate(zip(urls, targets, strict=True), 1):
            console.print(f"asking {url}", soft_wrap=True, style="dim")
            folder = directory.path / f"{PLACE}-{number}"
            interviews.append(Interview(target, limits, _SEED, folder, console.print))
            seen.append(interviews[-1].ask(Ask()))
        for interview, target, (up, down) in zip(interviews, targets, pairwise(seen), strict=False):
            found.append(_between(interview, target, up, down))
    except KeyboardInterrupt:
        is_interrupted = True
    rest = range(len(found) + 1, len(targets))
    verdict = summary(
        (
            *(case_of(it, number, urls) for number, it in enumerate(found, 1)),
            *(not_done(number, urls) for number in rest),
        ),
        clock="real",
        target=" → ".join(urls),
        seed=_SEED,
        wall_s=time.perf_counter() - began,
        is_interrupted=is_interrupted,
    )
    problem = write_reports(verdict, directory, kinds)
    asked = request_of(Ask(), targets[0], targets[0].url or "")
    told = Comparison(
        request=secrets[0].text(f"{asked.method} {asked.target}"),
        places=(
            *(
                Place(url, facts.stream_of(it), tuple(facts.observed(it)))
                for url, it in zip(urls, seen, strict=False)
            ),
            *(Place(url, "not heard to the end", ()) for url in urls[len(seen) :]),
        ),
        changes=(*map(change_of, found), *(NOT_DONE for _ in rest)),
    )
    if is_interrupted:
        done = f"{len(seen)} of {len(targets)} places were heard"
        console.print(f"interrupted: {done}", soft_wrap=True)
    comparison.show(told, console, directory.path)
    return exit_code(verdict, problem)


def _between(interview: Interview, target: Target, up: Observation, down: Observation) -> Between:
    """What changes behind a place."""
    known = Observed(up)
    if up.is_stream and differences(up, down):
        # What a product makes of the stream is known once it is asked as the product asks.
        for ask in unasked(all_products(), known, _SEED):
            if interview.left:
                known = Observed(up, [interview.ask(ask, up)])
    return between(known, down, target_without_secrets(target), _SEED)

"""What `sse-harness compare` does with its options."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from harness.cli.checking import write_reports
from harness.engine.asking import PLACE, Interview, Limits
from harness.engine.case import target_without_secrets
from harness.engine.run import summary
from harness.model import secret_values
from harness.model.ask import Ask
from harness.model.scenario import Target
from harness.model.survey import Comparison, Place
from harness.model.verdict import EXIT_FAIL
from harness.report import comparison, terminal
from harness.report.directory import RunDirectory
from harness.survey import facts
from harness.survey.between import Between, between, case_of, change_of
from harness.survey.cells import all_products
from harness.survey.comparing import differences
from harness.survey.judging import unasked
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
    interviews = []
    seen: list[Observation] = []
    for number, target in enumerate(targets, 1):
        url = secret_values.of(target).text(target.url or "")
        console.print(f"asking {url}", soft_wrap=True, style="dim")
        folder = directory.path / f"{PLACE}-{number}"
        interviews.append(Interview(target, limits, _SEED, folder, console.print))
        seen.append(interviews[-1].ask(Ask()))
    found: list[Between] = []
    for interview, target, (up, down) in zip(interviews, targets, pairwise(seen), strict=False):
        known = Observed(up)
        if up.is_stream and differences(up, down):
            # What a product makes of the stream is known once it is asked as the product asks.
            for ask in unasked(all_products(), known, _SEED):
                if interview.left:
                    known = Observed(up, [interview.ask(ask, up)])
        found.append(between(known, down, target_without_secrets(target), _SEED))
    urls = [secret_values.of(target).text(target.url or "") for target in targets]
    verdict = summary(
        tuple(case_of(it, number, urls) for number, it in enumerate(found, 1)),
        clock="real",
        target=" → ".join(urls),
        seed=_SEED,
        wall_s=time.perf_counter() - began,
    )
    problem = write_reports(verdict, directory, kinds)
    told = Comparison(
        request=f"{seen[0].request.method} {seen[0].request.target}",
        places=tuple(
            Place(url, facts.stream_of(it), tuple(facts.observed(it)))
            for url, it in zip(urls, seen, strict=True)
        ),
        changes=tuple(map(change_of, found)),
    )
    comparison.show(told, console, directory.path)
    if problem is None:
        return verdict.exit_code
    sys.stderr.write(f"error: {problem}\n")
    return verdict.exit_code if verdict.exit_code == EXIT_FAIL else problem.exit_code

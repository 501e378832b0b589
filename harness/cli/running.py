"""What `sse-harness run` does with its options."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from harness.cli.again import shell_line, target_again
from harness.cli.options import Clock
from harness.ends.flaws import FLAWS
from harness.ends.target import origin
from harness.engine.asking import OBSERVED, PLACE
from harness.engine.case import describe, without_secrets
from harness.engine.judge import judge
from harness.engine.judge import judge_again as judge_once_more
from harness.engine.real_hop import identified
from harness.engine.run import Job, default_workers, run, summary
from harness.engine.scratch import own_folder
from harness.engine.serving import check_flaws
from harness.engine.settling import settle_s
from harness.engine.stage import Props, is_simulated, watch_s
from harness.errors import LocalEnvironmentError, UsageError, did_you_mean
from harness.hops.mitm import make_ca, need_mitmproxy
from harness.model.journal import Journal
from harness.model.scenario import Case, Target
from harness.model.target import PORT
from harness.model.verdict import (
    EXIT_FAIL,
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    CaseVerdict,
    Verdict,
)
from harness.report import junit, terminal
from harness.report.directory import VERDICT, RunDirectory, read_run
from harness.report.jsonfile import render
from harness.report.progress import Progress
from harness.scenario import builtin
from harness.scenario.chain import parse_chain, remarks, show_chain
from harness.scenario.expand import AD_HOC_PLACE, ad_hoc, case_of, expand
from harness.scenario.override import check_used, overridden, parse_override
from harness.scenario.select import matching, select

_KINDS = ("json", "junit")
JUNIT = "junit.xml"
# A real run that takes longer says so before it begins.
_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `run`, as they were given."""

    words: tuple[str, ...]
    keyword: str
    target: Target
    through: str | None
    settings: tuple[str, ...]
    clock: Clock
    seed: int
    workers: int | None
    max_failures: int | None
    is_load_allowed: bool = False


def report_kinds(text: str) -> tuple[str, ...]:
    """The kinds of report that `--report` names.

    Raises:
        UsageError: One is unknown.
    """
    kinds = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    for kind in kinds:
        if kind not in _KINDS:
            hint = did_you_mean(kind, _KINDS) or f"; there are {', '.join(_KINDS)}"
            raise UsageError(f"--report {kind}: unknown kind{hint}")
    return kinds


def list_cases(asked: Asked, *, no_color: bool) -> int:
    """Print the selected cases; the exit code."""
    console = terminal.make_console(no_color=no_color)
    cases = select_cases(asked, _warn)
    for case in cases:
        console.print(f"{case.id}  {case.scenario.why}", soft_wrap=True)
    if not cases:
        console.print("nothing selected", soft_wrap=True)
    return 0 if cases else EXIT_NOTHING


def run_cases(asked: Asked, kinds: Sequence[str], reports: Path, *, no_color: bool) -> int:
    """Run the selected cases and report; the exit code."""
    console = terminal.make_console(no_color=no_color)
    cases = [identified(case) for case in select_cases(asked, _warn)]
    if not cases:
        console.print("nothing selected", soft_wrap=True)
        return EXIT_NOTHING
    if any(map(is_simulated, cases)):
        need_mitmproxy("a chain of hops on the wire")
    workers = asked.workers or (default_workers() if asked.target.is_inside else 1)
    if asked.target.command is not None and PORT not in (asked.target.url or ""):
        workers = 1  # two of them cannot listen on one port
    if not asked.is_load_allowed:
        _check_load(asked.target, cases, workers)
    directory = RunDirectory.create(reports)
    if asked.target.is_reference:
        console.print("testing the built-in reference server, not yours", soft_wrap=True)
    real_s = sum(watch_s(case) for case in cases if case.clock == "real") / workers
    if real_s > _LONG_S:
        console.print(
            f"real clock: up to {real_s / 60:.0f} min; select fewer cases or raise -n",
            soft_wrap=True,
        )
    with ExitStack() as stack:
        ca = _authority(cases, stack)
        jobs = [_job(case, asked, directory, ca) for case in cases]
        progress = stack.enter_context(Progress(console))
        progress.start(len(jobs))
        ran = run(
            jobs,
            progress,
            workers=workers,
            target=describe(asked.target),
            seed=asked.seed,
            max_failures=asked.max_failures,
        )
    for case in ran.verdict.cases:
        if case.note:
            _warn(f"{case.id}: {case.note}")
    code = _report(ran.verdict, directory, kinds, console)
    if ran.problem is not None:
        sys.stderr.write(f"error: {ran.problem}\n")
    return code


def _check_load(target: Target, cases: Sequence[Case], workers: int) -> None:
    """See that a server on another machine is asked for one stream at a time.

    Raises:
        UsageError: It is not, and nobody allowed that.
    """
    if target.is_inside or target.command is not None or origin(target.url or "").is_local:
        return
    crowded = [it for it in cases if len(it.scenario.client) > 1]
    if workers > 1 or crowded:
        what = crowded[0].id if crowded else f"-n {workers}"
        raise UsageError(
            f"{what} opens several streams at once at {origin(target.url or '').host}: "
            "--allow-load, if that is yours to load"
        )


def judge_again(path: Path, kinds: Sequence[str], *, no_color: bool) -> int:
    """Judge a finished run's journals anew, and report; the exit code.

    Raises:
        UsageError: There is none, or another verb left it.
    """
    console = terminal.make_console(no_color=no_color)
    found = read_run(path)
    if any((found.path / it).is_dir() for it in (f"{OBSERVED}-1", f"{PLACE}-1")):
        raise UsageError(f"{path} was not left by run; see sse-harness check --from")
    before = found.verdict
    judged = () if before is None else before.cases
    cases = [judge_once_more(case, found.journal(case)) for case in judged]
    # A run that was interrupted left journals that nobody has judged.
    known = {case.id for case in judged}
    rest = [entries for entries in found.unjudged() if entries.case.case["id"] not in known]
    cases += [_judged(entries, found.path) for entries in rest]
    if before is not None:
        about = (before.clock, before.target, before.seed, before.wall_s)
    else:
        first = rest[0].case
        about = (first.clock, first.target, first.seed, 0.0)
    clock, target, seed, wall_s = about
    verdict = summary(tuple(cases), clock=clock, target=target, seed=seed, wall_s=wall_s)
    return _report(verdict, RunDirectory(found.path), kinds, console)


def _judged(entries: Journal, run_path: Path) -> CaseVerdict:
    case = Case.model_validate(entries.case.case)
    return judge(
        entries,
        wall_s=0.0,
        shown_path=RunDirectory(run_path).journal(case.id),
        through=show_chain(case.scenario.through),
        again="",
    )


def select_cases(asked: Asked, warn: Callable[[str], None]) -> list[Case]:
    """The cases that the options ask for.

    Args:
        asked: The options.
        warn: Told what is allowed in a scenario and probably not meant.

    Raises:
        UsageError: The options contradict each other, or name something unknown.
        ScenarioError: A scenario is wrong.
    """
    _check(asked)
    target = asked.target
    clock = _clock(asked)
    overrides = [parse_override(text) for text in asked.settings]
    chain = None if asked.through is None else parse_chain(asked.through)
    if chain is not None:
        check_used(overrides, [chain])
        chain = overridden(chain, overrides)
        for remark in remarks(chain):
            warn(remark)
        if not asked.words and not asked.keyword:
            case = case_of(
                ad_hoc(chain, is_reference=target.is_reference),
                target=target,
                clock=clock,
                seed=asked.seed,
                place=AD_HOC_PLACE,
            )
            return [_outside(case, asked.clock)]
    cases: list[Case] = []
    suite = builtin.suite()
    for one in select(asked.words, suite=suite, flaws=FLAWS):
        # What is odd about a built-in scenario is what it is there for.
        is_own = not Path(one.loaded.document.file).is_relative_to(suite)
        for warning in one.loaded.warnings if is_own else ():
            warn(warning)
        expanded = expand(
            one.loaded,
            target=target,
            clock=clock,
            seed=asked.seed,
            has_twins=one.only is None or one.has_twins,
            through=chain,
            overrides=overrides,
        )
        cases += [case for case in expanded if one.keeps(case)]
    chosen = [_outside(case, asked.clock) for case in matching(cases, asked.keyword)]
    check_used(overrides, (case.scenario.through for case in chosen))
    return chosen


def _outside(case: Case, clock: Clock) -> Case:
    """The case on the real clock, if a program outside of this process is a hop of it.

    Raises:
        UsageError: It was to have the virtual one, or a client that no such program can serve.
    """
    outside = [(at, hop) for at, hop in enumerate(case.scenario.through) if hop.is_outside]
    if not outside:
        return case
    at, hop = outside[0]
    where = f"{case.id}: through[{at}]"
    if clock == "virtual":
        raise UsageError(
            f"--clock virtual cannot move a program outside of this process: {where} {hop.called}"
        )
    if at == 0 and any(client.tls or client.http == "2" for client in case.scenario.client):
        raise UsageError(f"{where}: a client that speaks TLS or HTTP/2 needs a simulated hop first")
    for at, hop in outside:
        if hop.via is not None and hop.via.listen is None and case.target.is_reference:
            why = "it cannot know where the built-in server listens"
            wanted = "test yours with --url, or write {via: {url: …, listen: PORT}}"
            raise UsageError(f"{case.id}: through[{at}] {hop.called}: {why}; {wanted}")
    return case.model_copy(update={"clock": "real"})


def _warn(line: str) -> None:
    sys.stderr.write(f"warning: {line}\n")


def _check(asked: Asked) -> None:
    if not asked.target.is_inside and asked.clock == "virtual":
        raise UsageError("--clock virtual cannot move a server outside of this process: --url")
    check_flaws(asked.target.flaws)


def _clock(asked: Asked) -> Literal["real", "virtual"]:
    if asked.clock == "auto":
        return "virtual" if asked.target.is_inside else "real"
    return asked.clock


def _authority(cases: Iterable[Case], stack: ExitStack) -> Path | None:
    """A CA for the run, if any client speaks TLS."""
    clients = [client for case in cases for client in case.scenario.client]
    if not any(client.tls or client.http == "2" for client in clients):
        return None
    directory = stack.enter_context(own_folder("ca"))
    make_ca(directory)
    return directory


def _job(case: Case, asked: Asked, directory: RunDirectory, ca: Path | None) -> Job:
    shown = directory.journal(case.id)
    file = case.place.rsplit(":", 2)[0]
    return Job(
        case=case,
        props=Props(
            base=Path(file).parent,
            ca=ca,
            programs=(directory.path / shown).parent,
            settle_s=settle_s(case),
        ),
        path=directory.path / shown,
        shown_path=shown,
        through=show_chain(without_secrets(case.scenario.through)),
        again=_again(case, asked),
    )


def _again(case: Case, asked: Asked) -> str:
    """The command that runs this case again."""
    file = case.place.rsplit(":", 2)[0]
    is_builtin = Path(file).is_relative_to(builtin.suite())
    words = ["sse-harness", "run"]
    if not case.is_ad_hoc:
        words += [case.id] if is_builtin else [file, "-k", _only(case)]
    if asked.through is not None:
        chain = [hop.as_yaml() for hop in without_secrets(case.scenario.through)]
        words += ["--through", json.dumps(chain)]
    else:
        words += _settings_again(case, asked)
    words += target_again(asked.target)
    for flaw in asked.target.flaws:
        words += ["--flaw", flaw]
    if asked.clock != "auto":
        words += ["--clock", asked.clock]
    words += ["--seed", str(asked.seed)]
    return shell_line(words)


def _settings_again(case: Case, asked: Asked) -> Iterator[str]:
    """The `--set` options that change something in this case."""
    uses = [hop.product for hop in without_secrets(case.scenario.through) if hop.product]
    settings = {use.name: use.settings for use in uses}
    for text in asked.settings:
        it = parse_override(text)
        if it.product in settings:
            value = settings[it.product][it.setting]
            spelt = json.dumps(value) if isinstance(value, dict) else value
            yield from ("--set", f"{it.product}.{it.setting}={spelt}")


def _only(case: Case) -> str:
    """The `-k` expression that leaves this case of its file, and its twins."""
    # With brackets in it, it would not be one word of an expression.
    return case.scenario.id if "(" in case.id or ")" in case.id else case.id


def _report(
    verdict: Verdict, directory: RunDirectory, kinds: Sequence[str], console: Console
) -> int:
    """Write the files and print the report, on a full disk too; the exit code."""
    problem: LocalEnvironmentError | None = None
    try:
        if "json" in kinds:
            directory.write(VERDICT, render(verdict))
        if "junit" in kinds:
            directory.write(JUNIT, junit.render(verdict))
    except LocalEnvironmentError as error:
        problem = error
    terminal.show(verdict, console, directory.path)
    if problem is None:
        return verdict.exit_code
    sys.stderr.write(f"error: {problem}\n")
    is_worse = verdict.exit_code in {EXIT_FAIL, EXIT_INTERRUPTED}
    return verdict.exit_code if is_worse else problem.exit_code

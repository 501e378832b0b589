"""The report for a person at a terminal: what failed and why, then every case on a line.

Plain text with a little colour: the same words stand in a CI log, where there is none.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

from harness.model.verdict import (
    EXIT_INTERRUPTED,
    OUTCOMES,
    CaseVerdict,
    Finding,
    Outcome,
    Verdict,
)
from harness.report.wording import (
    BY_WEIGHT,
    FAULT_ENDS,
    MARKS,
    NOT_YOURS,
    blamed,
    encodable,
    fault_ends,
    is_reference,
    mark,
    numbers,
    rescued_by,
    total_seconds,
    visible,
    with_directive,
    wrapped,
)
from harness.units import show_seconds

STYLES: dict[Outcome, str] = {
    "PASS": "green",
    "WARN": "yellow",
    "INCONCLUSIVE": "yellow",
    "FAIL": "bold red",
    "SKIP": "dim",
    "ERROR": "bold magenta",
}
_DIM = "dim"

_COUNTED: dict[Outcome, str] = {
    "PASS": "passed",
    "WARN": "warned",
    "INCONCLUSIVE": "inconclusive",
    "FAIL": "failed",
    "SKIP": "skipped",
    "ERROR": "errored",
}
_LABEL_CHARS = 8
_INDENT = "  "
_GAP = " " * 7
_LEAST_WIDTH = 40


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Fall silent: who reads no further has not changed the verdict, nor the exit code."""
        self.quiet = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.file.fileno())
        os.close(null)


def make_console(*, no_color: bool = False, file: IO[str] | None = None) -> Console:
    """Make the console that reports are printed on.

    Args:
        no_color: What `--no-color` says; the variable NO_COLOR, when not empty, says the same.
        file: Where to print; None: standard output. Without a terminal there is no escape code.
    """
    is_plain = no_color or bool(os.environ.get("NO_COLOR"))
    return _Console(
        # Not what stands there later: an application under test gets streams of its own.
        file=sys.stdout if file is None else file,
        color_system=None if is_plain else "auto",  # no_color=True of rich leaves bold and dim on
        highlight=False,
        markup=False,  # `[60s]` is a part of an id
        emoji=False,
    )


def show(verdict: Verdict, console: Console, directory: Path | None = None) -> None:
    """Print the report of a run.

    Args:
        verdict: What to report.
        console: From `make_console`.
        directory: Where its files are; None: not told.
    """
    for line in lines(verdict, console.width, directory):
        show_line(line, console)


def show_line(line: Text, console: Console) -> None:
    """Print one line as it is: rich would break ids, and commands that are to be copied."""
    text = encodable(line.plain, console.encoding)
    if text != line.plain:
        line = Text(text)
    console.print(line, soft_wrap=True)


def lines(verdict: Verdict, width: int, directory: Path | None = None) -> Iterator[Text]:
    """Lay the report out.

    Args:
        verdict: What to report.
        width: Columns to wrap prose at. Ids and commands are never broken, and may stick out.
        directory: See `show`.
    """
    width = max(width, _LEAST_WIDTH)
    yield from map(Text, wrapped(_first_line(verdict), width, _INDENT))
    yield Text()
    for outcome in ("FAIL", "ERROR", "INCONCLUSIVE", "WARN"):
        for case in verdict.cases:
            if case.outcome == outcome:
                yield from _explained(case, width)
                yield Text()
    yield from _table([case for case in verdict.cases if not case.is_twin], width)
    twins = [case for case in verdict.cases if case.is_twin]
    if twins:
        yield Text()
        yield Text("twins: the same case with a flaw, which has to be caught", _DIM)
        yield from _table(twins, width)
    if len(verdict.cases) == 1:
        yield from _in_full(verdict.cases[0], width)
    yield from _skipped_checks(verdict, width)
    yield Text()
    yield from _summary(verdict, width, directory)


def _first_line(verdict: Verdict) -> str:
    return (
        f"sse-harness {verdict.version} tested {visible(verdict.target)}"
        f" · {verdict.clock} clock · seed {verdict.seed}"
    )


# -- what did not pass -----------------------------------------------------------------------------


def _explained(case: CaseVerdict, width: int) -> Iterator[Text]:
    told = [finding for finding in case.findings if finding.outcome not in {"PASS", "SKIP"}]
    for finding in sorted(told, key=lambda finding: BY_WEIGHT.index(finding.outcome)):
        yield from _finding(case, finding, width)
    if not told:
        yield from _headline(case, case.outcome, visible(case.why), width)
        yield from _chain(case, None, "", width)
    if case.place and not case.place.startswith("--"):  # an option is no file to look into
        yield _command("where", case.place)
    if case.again:
        yield _command("again", case.again)


def _finding(case: CaseVerdict, finding: Finding, width: int) -> Iterator[Text]:
    expected = f" (expected {finding.expected})" if finding.expected else ""
    said = visible(f"{finding.check}: {finding.observed}{expected}")
    yield from _headline(case, finding.outcome, said, width, mark(case, finding.hop, finding.check))
    did = "" if finding.hop is None else blamed(case, finding.hop, finding.check)
    evidence = f"[journal {numbers(finding.evidence)}]" if finding.evidence else ""
    yield from _chain(case, finding.hop, "   ".join(filter(None, (did, evidence))), width)
    yield from _labelled("fix", finding.fix, width)
    yield from _labelled("rescue", rescued_by(case, finding), width)
    yield from _labelled("confirm", finding.confirm, width)
    yield from _labelled("source", finding.source, width)


def _headline(
    case: CaseVerdict, outcome: Outcome, said: str, width: int, grade: str = ""
) -> Iterator[Text]:
    text = " ".join(filter(None, (outcome, grade, visible(case.id), "·", said)))
    first, *rest = wrapped(text, width, _INDENT * 2)
    yield Text.assemble((outcome, STYLES[outcome]), first.removeprefix(outcome))
    yield from map(Text, rest)


def _chain(case: CaseVerdict, blamed_hop: int | None, said: str, width: int) -> Iterator[Text]:
    """The chain, with the hop to blame marked, and what is said of it beside or below."""
    line = Text(f"{_INDENT}client")
    for number, hop in enumerate((*case.through, "target"), 1):
        part = Text(" → ").append(visible(hop), "bold red" if number == blamed_hop else "")
        if line.cell_len + part.cell_len > width:
            yield line
            line = Text(_INDENT * 2)
        line.append(part)
    said = visible(said)
    if said and line.cell_len + len(_GAP) + len(said) <= width:
        yield line.append(_GAP + said)
        return
    yield line
    indent = " " * (len(_INDENT) + _LABEL_CHARS)
    yield from map(Text, wrapped(f"{indent}{said}", width, indent) if said else ())


def _labelled(label: str, said: str, width: int) -> Iterator[Text]:
    if not said:
        return
    indent = " " * (len(_INDENT) + _LABEL_CHARS)
    head = f"{_INDENT}{label:<{_LABEL_CHARS}}"
    for number, line in enumerate(wrapped(f"{indent}{visible(said)}", width, indent)):
        yield Text.assemble((head, _DIM), line.strip()) if number == 0 else Text(line)


def _command(label: str, said: str) -> Text:
    return Text.assemble((f"{_INDENT}{label:<{_LABEL_CHARS}}", _DIM), visible(said))


# -- every case ------------------------------------------------------------------------------------


def _table(cases: list[CaseVerdict], width: int) -> Iterator[Text]:
    outcome_chars = max((len(case.outcome) for case in cases), default=0)
    for case in cases:
        yield from _row(case, outcome_chars, width)


def _row(case: CaseVerdict, outcome_chars: int, width: int) -> Iterator[Text]:
    """Outcome, seconds simulated and taken, id, and how the faults ended or why it was skipped."""
    times = f"  {show_seconds(case.simulated_s):>9}  {f'{case.wall_s:.2f} s':>7}  "
    line = Text.assemble(
        (f"{case.outcome:<{outcome_chars}}", STYLES[case.outcome]), (times, _DIM), visible(case.id)
    )
    said = visible(_reason(case) if case.outcome == "SKIP" else fault_ends(case))
    if said and line.cell_len + 2 + len(said) <= width:
        yield line.append(f"  {said}", _DIM)
        return
    yield line
    if said:
        indent = " " * (outcome_chars + len(times))
        yield from (Text(part, _DIM) for part in wrapped(f"{indent}{said}", width, indent))


def _reason(case: CaseVerdict) -> str:
    skipped = (finding for finding in case.findings if finding.outcome == "SKIP")
    return next((f"{finding.check}: {finding.observed}" for finding in skipped), case.why)


def _in_full(case: CaseVerdict, width: int) -> Iterator[Text]:
    """Of the only case of a run: what its faults did, and which checks held."""
    if case.faults and case.outcome != "SKIP":
        yield Text()
        yield Text("what the faults did", _DIM)
        yield from _chain(case, None, "", width)
        for it in case.faults:
            grade = MARKS[it.evidence] if it.evidence else ""
            did = f"{FAULT_ENDS[it.end]}: {with_directive(it.reason, it.setting)}"
            said = " ".join(filter(None, (f"hop {it.hop}", grade, it.fault, did)))
            lines = wrapped(f"{_INDENT}{visible(said)}", width, _INDENT * 3)
            yield from (Text(part, _DIM) for part in lines)
    told = {it.check for it in case.findings if it.outcome != "PASS"}
    held = [it.check for it in case.findings if it.outcome == "PASS" and it.check not in told]
    if held:
        yield Text()
        yield Text("what held", _DIM)
        said = f"{_INDENT}PASS {', '.join(held)}"
        yield from (Text(part, _DIM) for part in wrapped(said, width, _INDENT * 3))


def _skipped_checks(verdict: Verdict, width: int) -> Iterator[Text]:
    """The checks that did not apply to cases that were judged, alike ones on one line."""
    is_only = len(verdict.cases) == 1
    reasons = Counter(
        (finding.check, finding.observed)
        for case in verdict.cases
        if case.outcome != "SKIP"
        for finding in case.findings
        # What the faults of an only case did is told above.
        if finding.outcome == "SKIP" and not (is_only and finding.check == "faults")
    )
    if reasons:
        yield Text()
        yield Text("not meant here", _DIM)
    checks: dict[tuple[str, int], list[str]] = {}
    for (check, reason), times in reasons.items():
        checks.setdefault((reason, times), []).append(check)
    for (reason, times), names in checks.items():
        count = f" ({times} times)" if times > 1 else ""
        said = visible(f"{_INDENT}SKIP {', '.join(names)}: {reason}{count}")
        yield from (Text(part, _DIM) for part in wrapped(said, width, _INDENT * 3))


# -- the whole run ---------------------------------------------------------------------------------


def _summary(verdict: Verdict, width: int, directory: Path | None) -> Iterator[Text]:
    counts = [
        f"{verdict.counts[outcome]} {_COUNTED[outcome]}"
        for outcome in OUTCOMES
        if verdict.counts.get(outcome)
    ]
    twins = [case for case in verdict.cases if case.is_twin]
    caught = sum(twin.outcome == "PASS" for twin in twins)
    if counts:
        number, _, word = counts[0].partition(" ")
        counts[0] = f"{number} {'case' if number == '1' else 'cases'} {word}"
    counted = ", ".join(counts) or "nothing was run"
    aside = f"; {caught} of {len(twins)} twins caught" if twins else ""
    first, *rest = wrapped(f"{verdict.outcome}  {counted}{aside}", width, _INDENT * 2)
    yield Text.assemble(
        (verdict.outcome, STYLES[verdict.outcome]), first.removeprefix(verdict.outcome)
    )
    yield from map(Text, rest)
    if verdict.exit_code == EXIT_INTERRUPTED:
        yield Text("interrupted: not every case was run", STYLES["ERROR"])
    verb = "watched" if verdict.clock == "real" else "simulated"
    yield Text(f"{verb} {total_seconds(verdict.simulated_s)} in {total_seconds(verdict.wall_s)}")
    if directory is not None:
        yield Text(f"report  {visible(str(directory))}")
    if is_reference(verdict.target):
        yield Text(NOT_YOURS)
    else:
        yield Text(f"tested {visible(verdict.target)}")

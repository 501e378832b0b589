"""What is told of a check: a row for each cause, not for each chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.checks.advice import seconds
from harness.checks.evidence import Evidence
from harness.model.survey import Remedy, Row
from harness.model.verdict import AFTERWARDS, Finding, Outcome
from harness.survey.judging import Judged
from harness.survey.leaving import CHECK as LEAVING
from harness.survey.timeline import timeline

# What is told first of a chain in which several things are wrong: what causes the others.
_ORDER = (
    "stream",
    "headers_fit",
    "delivered_within",
    "first_byte_within",
    "stays_open",
    "heartbeat_within",
    "resumes",
    "no_event_lost",
    "no_event_duplicated",
    "order_kept",
)
_WEIGHT: tuple[Outcome, ...] = ("ERROR", "FAIL", "INCONCLUSIVE", "WARN")
# Of a long stream so much is shown before and after what went wrong.
_AROUND = 1.2
_LONG_S = 120.0
# What is said of the worst of many, and what the mark of a row says.
_WORST = re.compile(r"; the worst (?:took|was still held after) ([0-9.]+ s).*")
_HEARSAY = re.compile(r"; \S+ is known by report only$")
# What a client finds that has had its stream, and comes back.
_TURNED_AWAY = ("answered ", "refused ")
_ENDED = {"end": "ended", "truncation": "cut", "reset": "reset"}


class _Told(NamedTuple):
    """A row, and what makes it like others."""

    row: Row
    cause: tuple[str, ...]


def main_finding(judged: Judged) -> Finding | None:
    """The finding that tells most of why a cell did not pass; None: it passed, or was skipped."""
    return next(iter(_told(judged)), None)


def _told(judged: Judged) -> list[Finding]:
    told = [it for it in judged.case.findings if it.outcome in _WEIGHT]
    return sorted(told, key=lambda it: (_WEIGHT.index(it.outcome), _place(it.check)))


def _place(check: str) -> int:
    return _ORDER.index(check) if check in _ORDER else len(_ORDER)


def rows_of_target(judged: Judged) -> tuple[Row, ...]:
    """What is wrong with the target itself: a row for each finding."""
    return tuple(
        Row(
            title="your server",
            outcome=it.outcome,
            grade="",
            cause=it.check,
            headline=it.observed,
            sent="",
            seen="",
            why="",
            remedies=(Remedy(it.fix),) if it.fix else (),
            confirm=it.confirm,
            is_target=True,
        )
        for it in _told(judged)
    )


def rows_of_paths(
    cells: Iterable[Judged],
    spoken_s: Sequence[float],
    remedies: Mapping[str, tuple[Remedy, ...]],
) -> list[Row]:
    """What is wrong on the way, the same cause once, with what it is alike in.

    Args:
        cells: Every chain.
        spoken_s: When the target said each event that was observed.
        remedies: What was tried, by the name of the chain.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for judged in cells:
        finding = main_finding(judged)
        if finding is None:
            continue
        told = _row(judged, finding, spoken_s, remedies.get(judged.cell.name, ()))
        groups.setdefault(told.cause, []).append(told.row)
    rows = [
        replace(first, alike=tuple(_named(it) for it in more))
        for first, *more in map(_best_first, groups.values())
    ]
    return sorted(rows, key=lambda it: (_WEIGHT.index(it.outcome), -len(it.alike)))


def _named(row: Row) -> str:
    """A row in a few words: what stands there, and what is to be set for it."""
    best = next((it for it in row.remedies if it.is_proven), None)
    if best is None or best.is_the_servers:
        return row.title
    return f"{row.title} ({best.text.partition(': ')[2]})"


def _best_first(rows: list[Row]) -> list[Row]:
    """What is known best first, and then what is shortest: a product before a chain with it."""
    return sorted(rows, key=lambda it: ("●○◌".find(it.grade), it.title.count("→")))


def _row(
    judged: Judged, finding: Finding, spoken_s: Sequence[float], remedies: tuple[Remedy, ...]
) -> _Told:
    is_left = finding.check == LEAVING
    acted = judged.acted(finding)
    acted = acted if is_left else [it for it in acted if it.fault not in AFTERWARDS] or acted
    names = " + ".join(dict.fromkeys(it.fault for it in acted)) or finding.check
    tried = remedies or ((Remedy(finding.fix),) if finding.fix else ())
    headline, sent, seen = _HEARSAY.sub("", finding.observed), "", ""
    if judged.entries is not None and not is_left and finding.outcome != "ERROR":
        evidence = Evidence.of(judged.entries)
        if evidence.attempts:
            headline, sent, seen = _shown(evidence, finding, spoken_s)
    reasons = "; ".join(dict.fromkeys(it.reason for it in acted))
    settings = ", ".join(dict.fromkeys(it.setting for it in acted if it.setting))
    why = f"{reasons} ({settings})" if reasons and settings else reasons
    row = Row(
        title=judged.cell.title,
        outcome=finding.outcome,
        grade=_grade([it.evidence for it in acted]),
        cause=names,
        headline=headline,
        sent=sent,
        seen=seen,
        why=why,
        remedies=tried,
        confirm=finding.confirm,
    )
    if tried and tried[0].is_proven and tried[0].is_the_servers:
        return _Told(row, (finding.outcome, str(is_left), tried[0].text))
    # What each of their operators has to set is told with each.
    is_set = bool(tried) and tried[0].is_proven is True
    rest = [] if is_set else [it.text for it in tried]
    return _Told(row, (finding.outcome, finding.check, names, str(is_set), *rest))


def _grade(grades: Sequence[str | None]) -> str:
    marks = {"measured": "●", "documented": "○", "reported": "◌"}
    return next((marks[it] for it in reversed(marks) if it in grades), "")


def _shown(evidence: Evidence, finding: Finding, spoken_s: Sequence[float]) -> tuple[str, str, str]:
    """The headline, and both lines of the timeline."""
    attempt = evidence.attempts[0]
    exchange = evidence.route(attempt).exchange
    said_s = [] if exchange is None else [it.t_s for it in exchange.stream.events]
    got_s = [it.t_s for it in attempt.stream.events]
    ending = evidence.ending(attempt)
    headline = _headline(evidence, finding, said_s, got_s)
    if ending is not None and ending.by in {"hop", "unknown"} and ending.how != "end":
        cut_s: float | None = ending.t_s
    else:
        cut_s = attempt.head.t_s if finding.check == "stream" and attempt.head else None
    # Whom a hop has left says nothing more, but went on when it was seen.
    sent_s = spoken_s if len(said_s) < len(spoken_s) else said_s
    last_s = max([*sent_s, *got_s], default=0.0)
    until_s = min(last_s, _LONG_S) if cut_s is None else cut_s * _AROUND
    if not sent_s or not until_s:
        return headline, "", ""
    sent, seen = timeline(sent_s, got_s, until_s, cut_s)
    return headline, sent, seen


def _headline(
    evidence: Evidence, finding: Finding, said_s: Sequence[float], got_s: Sequence[float]
) -> str:
    attempt = evidence.attempts[0]
    ending = evidence.ending(attempt)
    said = len(said_s)
    match finding.check:
        case "stream" if attempt.head is not None:
            before = "" if said else ", before your first event"
            return f"{attempt.status} at {seconds(attempt.head.t_s)}{before}"
        case "delivered_within" | "first_byte_within" if said and not got_s:
            return f"none of {said} events arrives in {seconds(evidence.over_s)}"
        case "delivered_within" if said and len(got_s) >= said and len(set(got_s)) == 1:
            worst = seconds(got_s[0] - said_s[0])
            return f"all {said} events arrive at {seconds(got_s[0])} (worst delay {worst})"
        case "stays_open" if len(evidence.attempts) > 1 and finding.observed.startswith(
            _TURNED_AWAY
        ):
            return f"its client came back: {finding.observed}"
        case "stays_open" if ending is not None:
            silence = seconds(ending.silence_s)
            return f"{_ENDED.get(ending.how, ending.how)} at {seconds(ending.life_s)}" + (
                f", after {silence} of silence" if ending.silence_s >= 1 else ""
            )
        case "delivered_within":
            return _WORST.sub(r" (worst delay \1)", finding.observed)
        case _:
            return _HEARSAY.sub("", finding.observed)

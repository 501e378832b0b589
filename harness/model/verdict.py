"""The verdict: findings with evidence, merged by worst.

PASS < WARN < INCONCLUSIVE < FAIL          merged
SKIP                                       not meant here: shown, counted, never merged
ERROR                                      the harness or its surroundings: reported apart
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from harness.model.scenario import EvidenceGrade

SCHEMA = "sse-harness/verdict"
VERSION = 1

type Outcome = Literal["PASS", "WARN", "INCONCLUSIVE", "FAIL", "SKIP", "ERROR"]

_RANK: dict[Outcome, int] = {"PASS": 0, "WARN": 1, "INCONCLUSIVE": 2, "FAIL": 3}
OUTCOMES: tuple[Outcome, ...] = ("PASS", "WARN", "INCONCLUSIVE", "FAIL", "SKIP", "ERROR")

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_ERROR = 4
EXIT_NOTHING = 5
EXIT_INTERRUPTED = 130


def worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    """The worst of those that merge; None when there is none to merge."""
    ranked = [outcome for outcome in outcomes if outcome in _RANK]
    return max(ranked, key=_RANK.__getitem__, default=None)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement.

    Args:
        check: The check's name, as in `expect:`.
        outcome: PASS, WARN, INCONCLUSIVE, FAIL or SKIP.
        expected: What was asked, e.g. "open for 200 s".
        observed: What was seen, e.g. "cut at 70.0 s".
        margin: Distance to the bound in seconds (negative: beyond it), or None.
        hop: The hop to blame, 1 nearest the client; None: the target itself, or nobody.
        fix: One line that cures it, or "".
        confirm: One line that shows it in production, or "".
        evidence: Entry numbers in the case's journal.
        source: Where the rule comes from, e.g. a section of a standard.
    """

    check: str
    outcome: Outcome
    expected: str
    observed: str
    margin: float | None = None
    hop: int | None = None
    fix: str = ""
    confirm: str = ""
    evidence: tuple[int, ...] = ()
    source: str = ""


type EndHow = Literal["fired", "defeated", "not_reached"]


class FaultEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a fault ended a case.

    Args:
        hop: 1 is nearest the client.
        fault: Its name.
        end: How.
        reason: One line for a person.
        product: The product it is a part of, such as `nginx@1.22`; "": the scenario writes it.
        setting: The product's directive it comes from, such as `proxy_read_timeout 60s`, or "".
        evidence: How it is known of the product.
        is_limit: Whether it is a limit of the product on silence or age.
        is_aside: Whether it is a part of the product that changes words only.
        rescue: What rescues a stream from it on the product's side; "": nothing is known.
    """

    hop: int
    fault: str
    end: EndHow
    reason: str
    product: str = ""
    setting: str = ""
    evidence: EvidenceGrade | None = None
    is_limit: bool = False
    is_aside: bool = False
    rescue: str = ""


# What hops do once somebody has ended a response.
AFTERWARDS: Final = frozenset({"client_gone", "upstream_death", "drop_held", "delayed_close"})
# What is about how long the way takes, and not about how a response ends.
_ON_THE_WAY: Final = frozenset({"delivered_within"})


def deciding(faults: Iterable[FaultEnd], hop: int, check: str = "") -> list[FaultEnd]:
    """The faults by which a hop did what it is blamed for: a product's limit, or all that acted.

    Parts of a product that change words only are told where nothing else acted. What was late was
    held, whatever limit ended the response later on.

    Args:
        faults: All of the case.
        hop: The hop.
        check: What it is blamed by; "": whatever it is.
    """
    fired = [it for it in faults if it.hop == hop and it.end == "fired"]
    acted = [it for it in fired if not it.is_aside]
    limits = [it for it in fired if it.is_limit]
    if check in _ON_THE_WAY:
        held = [it for it in acted if not it.is_limit and it.fault not in AFTERWARDS]
        if held:
            return held
    return limits or acted or fired


class CaseVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One case, judged.

    Args:
        through: The chain as it is written, client first, one string a hop.
        is_twin: Whether the case runs a flaw that has to be caught; PASS means that it was.
        place: `file:line:col` of the scenario, or "".
        again: The command that runs this case again.
        clock: The clock it ran on.
        note: What else is to be known of how it ran, or "".
    """

    id: str
    why: str
    outcome: Outcome
    through: tuple[str, ...]
    simulated_s: float
    wall_s: float
    faults: tuple[FaultEnd, ...]
    findings: tuple[Finding, ...]
    journal: str
    journal_sha256: str
    is_twin: bool = False
    place: str = ""
    again: str = ""
    clock: str = "virtual"
    note: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One run, judged: what `verdict.json` holds.

    Args:
        version: Of the tool; the schema's own version is in its name.
        clock: real, virtual, or mixed.
        target: What was tested, for a person.
        counts: Cases per outcome, twins aside; `twins` are counted apart.
    """

    schema: str
    version: str
    seed: int
    clock: str
    target: str
    wall_s: float
    simulated_s: float
    outcome: Outcome
    exit_code: int
    counts: dict[str, int]
    cases: tuple[CaseVerdict, ...]


def case_counts(cases: Iterable[CaseVerdict]) -> dict[str, int]:
    """Cases per outcome, twins aside and counted apart."""
    cases = list(cases)
    counts: Counter[str] = Counter(case.outcome for case in cases if not case.is_twin)
    return {
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "twins": sum(case.is_twin for case in cases),
    }


def exit_code(outcomes: Iterable[Outcome], *, is_interrupted: bool = False) -> int:
    """The first of 130, 1, 4, 3, 0 that holds; 5 when there is no case at all."""
    seen = set(outcomes)
    if is_interrupted:
        return EXIT_INTERRUPTED
    if not seen:
        return EXIT_NOTHING
    if "FAIL" in seen:
        return EXIT_FAIL
    if "ERROR" in seen:
        return EXIT_ERROR
    if "INCONCLUSIVE" in seen or seen == {"SKIP"}:
        return EXIT_INCONCLUSIVE
    return EXIT_PASS


def run_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """One word for the run, in line with its exit code."""
    seen = set(outcomes)
    if "FAIL" in seen:
        return "FAIL"
    if "ERROR" in seen:
        return "ERROR"
    return worst(seen) or "SKIP"


def encode(verdict: Verdict) -> bytes:
    """The verdict as indented JSON, keys in a fixed order."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n"


def decode(data: bytes) -> Verdict:
    """The verdict that `encode` wrote; whether its `schema` is this one is for the reader to see.

    Raises:
        ValueError: It is not a verdict.
    """
    return msgspec.json.decode(data, type=Verdict)

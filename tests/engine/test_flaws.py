"""Each flaw of the reference server is caught, blamed on the right place, and told how to cure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.running import Asked, run_cases
from harness.ends.flaws import FLAWS
from harness.model.target import Target
from harness.model.verdict import EXIT_FAIL, CaseVerdict, Finding
from harness.report.directory import read_run
from tests.engine.performing import LONG, built_in, samples


@dataclass(frozen=True, slots=True)
class Caught:
    """What at least one finding has to say.

    Args:
        case: The case it is of.
        check: The check that fails.
        hop: The hop to blame; None: the server itself.
        fix: Words of its fix.
    """

    case: str
    check: str
    hop: int | None
    fix: str


EXPECTED = {
    "no-heartbeat": (
        Caught(
            "idle/proxy-60s", "stays_open", 1, 'send a comment (": hb\\n\\n") at least every 30'
        ),
        Caught("idle/two-hops", "stays_open", 2, "at least every 10 s"),
        Caught("idle/silent-drop", "heartbeat_within", None, "send a comment"),
    ),
    "no-anti-buffering-headers": (
        Caught("buffering/block-4k", "delivered_within", 1, 'send "X-Accel-Buffering: no"'),
        Caught("compression/held", "delivered_within", 1, 'send "Cache-Control: no-transform"'),
        Caught("combined/cdn-and-proxy", "delivered_within", 2, 'send "X-Accel-Buffering: no"'),
    ),
    "cacheable": (
        Caught("sharing/cached", "headers_fit", None, 'send "Cache-Control: no-cache, no-tra'),
        Caught("sharing/cached", "no_event_duplicated", 1, "let hop 1 keep no copy of a stream"),
    ),
    "no-ids": (
        Caught("direct/healthy", "ids_advance", None, 'write "id:" in every event'),
        Caught("duration/clean-end", "no_event_lost", None, "send an id with every event"),
    ),
    "ignores-last-event-id": (
        Caught("duration/limit-30s", "no_event_lost", None, "after Last-Event-ID 30 send what"),
        Caught("resume/cut-anywhere[mid_char]", "resumes", None, "keep a history"),
    ),
    "compresses-without-flush": (
        Caught("compression/by-the-server", "delivered_within", None, "flush the gzip coder"),
    ),
    "ignores-disconnect": (
        Caught("direct/client-leaves", "disconnect_noticed", None, "end the handler"),
        Caught("combined/client-leaves-behind-hops", "disconnect_noticed", None, "end the handler"),
    ),
    "late-headers": (
        Caught("direct/quiet-start", "first_byte_within", None, "send the head and a comment"),
        Caught("idle/before-the-head", "stream", 1, "send the response head at once"),
    ),
    "silent-start": (
        Caught("buffering/head-waits", "first_byte_within", None, "send the head and a comment"),
    ),
    "wrong-content-type": (
        Caught("direct/healthy", "headers_fit", None, 'send "Content-Type: text/event-stream"'),
    ),
    "reconnect-loop": (Caught("direct/told-to-stop", "makes_progress", None, "and 204 when"),),
}


def about(flaw: str) -> tuple[str, ...]:
    """The scenarios whose twin has this flaw, but for the long ones.

    Left out is what goes through products: of some a failure is a warning at most.
    """
    scenarios = [case.scenario for case in built_in().values() if case.twin is None]
    ids = [
        it.id
        for it in scenarios
        if any(twin.flaw == flaw for twin in it.twin)
        and all(hop.product is None for hop in it.through)
    ]
    return tuple(it for it in dict.fromkeys(ids) if it not in LONG)


def run(flaw: str, words: tuple[str, ...], reports: Path) -> tuple[int, dict[str, CaseVerdict]]:
    """`sse-harness run --flaw FLAW -n 1 WORDS`: its exit code, and its cases by id."""
    asked = Asked(
        words=words,
        keyword="",
        target=Target(flaws=(flaw,)),
        through=None,
        settings=(),
        clock="auto",
        seed=1,
        workers=1,
        max_failures=None,
    )
    exit_code = run_cases(asked, ("json",), reports, no_color=True)
    verdict = read_run(reports).verdict
    assert verdict is not None
    return exit_code, {case.id: case for case in verdict.cases}


def says(finding: Finding, caught: Caught) -> bool:
    return (
        (finding.check, finding.outcome, finding.hop) == (caught.check, "FAIL", caught.hop)
        and caught.fix in finding.fix
        and finding.evidence != ()
    )


def test_every_flaw_is_expected_to_be_caught_by_its_own_check() -> None:
    assert {flaw: it.caught_by for flaw, it in FLAWS.items()} == {
        flaw: expected[0].check for flaw, expected in EXPECTED.items()
    }


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_fails_the_run_and_is_told_how_to_cure(flaw: str, tmp_path: Path) -> None:
    exit_code, cases = run(flaw, about(flaw), tmp_path)
    assert exit_code == EXIT_FAIL
    for caught in EXPECTED[flaw]:
        findings = cases[caught.case].findings
        assert any(says(it, caught) for it in findings), (caught, findings)
    # The very cases that were made for it; with --flaw there are no twins.
    assert {case.outcome for case in cases.values()} == {"FAIL"}


@pytest.mark.real
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_fails_the_whole_suite_and_breaks_nothing(flaw: str, tmp_path: Path) -> None:
    words = tuple(
        case_id
        for case_id, case in built_in().items()
        if case.twin is None and case_id in samples() and case.scenario.id not in LONG
    )
    exit_code, cases = run(flaw, words, tmp_path)
    assert exit_code == EXIT_FAIL
    assert len(cases) == len(words)
    assert "ERROR" not in {case.outcome for case in cases.values()}
    # What fails is told how to cure it, whoever is to blame.
    assert all(it.fix for case in cases.values() for it in case.findings if it.outcome == "FAIL")

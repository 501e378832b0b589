"""A bare chain before a well-behaved server: what it may be asked, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model.scenario import Target
from harness.model.verdict import CaseVerdict
from harness.scenario.chain import parse_chain
from harness.scenario.expand import AD_HOC_PLACE, ad_hoc, case_of
from tests.engine.performing import failures, performance_of

RETYPE = """\
def responseheaders(flow):
    flow.response.headers["content-type"] = "text/plain"
"""


def judged(chain: str, directory: Path, *flaws: str) -> CaseVerdict:
    scenario = ad_hoc(parse_chain(chain), is_reference=True)
    target = Target(flaws=flaws)
    case = case_of(scenario, target=target, clock="virtual", seed=1, place=AD_HOC_PLACE)
    return performance_of(case, directory).verdict


def outcomes(verdict: CaseVerdict) -> dict[str, str]:
    return {it.check: it.outcome for it in verdict.findings}


@pytest.mark.parametrize(
    "chain",
    [
        "[]",
        "[{idle_timeout: {after: 20s}}]",
        "[{max_duration: {after: 30s}}]",
        "[{max_duration: {after: 30s, mid_stream: end}}]",
        "[{idle_timeout: {after: 20s}}, {max_duration: {after: 30s}}]",
        "[{cut: {after_events: 3}}]",
        "[{cut: {place: mid_field, event: 2, how: reset}}]",
        "[{cut: {after: 2s, times: 3}}]",
        "[{latency: {delay: 50ms}}]",
        '[{buffer: {block: 4KiB, unless_response_header: {X-Accel-Buffering: "no"}}}]',
        "[{compress: {coding: gzip}}]",
    ],
)
def test_a_good_server_passes_whatever_survivable_chain(chain: str, tmp_path: Path) -> None:
    verdict = judged(chain, tmp_path)
    assert failures(verdict) == []
    assert verdict.outcome == "PASS"


def test_what_had_no_occasion_is_skipped_with_the_reason(tmp_path: Path) -> None:
    verdict = judged("[{idle_timeout: {after: 20s}}]", tmp_path)
    assert {it.check: it.observed for it in verdict.findings if it.outcome == "SKIP"} == {
        "resumes": "no stream ended that had an id to resume from",
        "disconnect_noticed": "no client left an open response",
    }


def test_a_stream_that_never_began_is_not_asked_to_stay_open(tmp_path: Path) -> None:
    found = outcomes(judged("[{buffer: {until_end: true, hold_head: true}}]", tmp_path))
    assert (found["first_byte_within"], found["stays_open"]) == ("FAIL", "SKIP")


def test_a_chain_that_cuts_gives_the_occasion_to_resume(tmp_path: Path) -> None:
    found = outcomes(judged("[{max_duration: {after: 30s}}]", tmp_path))
    assert (found["resumes"], found["stays_open"]) == ("PASS", "PASS")


def test_a_server_that_forgets_fails_where_it_is_cut(tmp_path: Path) -> None:
    found = outcomes(
        judged("[{max_duration: {after: 30s}}]", tmp_path, "ignores-last-event-id", "no-ids")
    )
    assert found["no_event_lost"] == "FAIL"


@pytest.mark.parametrize(
    "fault",
    [
        "rewrite_headers: {response: {set: {Content-Type: text/plain}}}",
        "script: retype.py",
    ],
    ids=["rewrite_headers", "script"],
)
def test_a_hop_that_spoils_the_type_is_the_one_finding(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "retype.py").write_text(RETYPE)
    monkeypatch.chdir(tmp_path)
    verdict = judged(f"[{{latency: {{delay: 1ms}}}}, {{{fault}}}]", tmp_path)
    (failure,) = failures(verdict)
    assert failure.startswith("headers_fit FAIL")
    assert failure.endswith("hop 2 changed Content-Type from text/event-stream to text/plain")
    assert [it.hop for it in verdict.findings if it.outcome == "FAIL"] == [2]

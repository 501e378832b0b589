"""One cause is one finding: when no client got an event stream, nothing else is told."""

from __future__ import annotations

import pytest

from harness.checks.base import CheckConfig
from harness.checks.compose import Judged, judge
from harness.checks.evidence import Evidence
from harness.checks.headers_fit import HeadersFit
from harness.checks.no_event_lost import NoEventLost
from harness.checks.stays_open import StaysOpen
from harness.model.scenario import Silence, Target, Traffic, Twin
from harness.model.verdict import Finding
from harness.wire.headers import Headers
from tests.testkit.journals import HTML, STREAM, Stage

ALL: tuple[CheckConfig, ...] = (HeadersFit(), StaysOpen(for_s=9.0), NoEventLost())
JSON: Headers = (("Content-Type", "application/json"), ("Content-Length", "2"))


def answering(status: int, headers: Headers = HTML, *, is_reference: bool = False) -> Stage:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0, status=status, headers=headers).end(0.1)
    stage.done(0.1, f"status {status}", is_fatal=True)
    stage.note(0.1, "not_reached", "0.1 s of 5 s")
    return stage


def judged(stage: Stage, *checks: CheckConfig) -> Judged:
    return judge(Evidence.of(stage.journal(10.0)), checks=checks or ALL)


def told(verdict: Judged) -> list[Finding]:
    return [it for it in verdict.findings if it.outcome != "SKIP"]


@pytest.mark.parametrize(
    ("stage", "check", "observed", "fix"),
    [
        (answering(404), "stream", "the target answered 404 text/html", "check the path"),
        (answering(401), "stream", "the target answered 401 text/html", "-H"),
        (answering(405), "stream", "the target answered 405 text/html", "-X POST"),
        (answering(500, ()), "stream", "the target answered 500 no Content-Type", "answer 200"),
        (answering(404, is_reference=True), "stream", "the target answered 404", "answer 200"),
        (answering(200, HTML), "headers_fit", "the target answered 200 text/html", "Content-Type"),
        (answering(200, JSON), "headers_fit", "the target answered 200 application/json", "send"),
    ],
)
def test_what_is_no_stream_is_one_finding_that_names_the_cause(
    stage: Stage, check: str, observed: str, fix: str
) -> None:
    verdict = judged(stage)
    (finding,) = told(verdict)
    assert (verdict.outcome, finding.outcome, finding.check) == ("FAIL", "FAIL", check)
    assert finding.observed.startswith(observed)
    assert finding.expected == "200 text/event-stream"
    assert fix in finding.fix
    assert finding.evidence


def test_every_other_check_is_skipped_and_names_it() -> None:
    skipped = [it for it in judged(answering(404)).findings if it.outcome == "SKIP"]
    assert [it.check for it in skipped] == ["headers_fit", "stays_open", "no_event_lost", "faults"]
    assert skipped[0].observed == "no event stream came: the target answered 404 text/html"


def test_a_wrong_type_is_the_cause_where_headers_were_not_asked_for_too() -> None:
    (finding,) = told(judged(answering(200), NoEventLost()))
    assert finding.check == "stream"


def test_a_hop_that_waited_in_vain_is_to_blame_for_its_answer() -> None:
    stage = Stage(hops=2)
    stage.answer(0.0, 504, by=2, at_s=60.0)
    (finding,) = told(judge_to(stage, 100.0))
    assert finding.observed == "hop 2 answered 504 text/html after 60.0 s of silence"
    assert finding.hop == 2
    assert "send the response head at once" in finding.fix


def test_a_hop_that_answers_at_once_is_told_to_ask() -> None:
    stage = Stage(hops=2)
    stage.answer(0.0, 503, by=1)
    (finding,) = told(judge_to(stage, 100.0))
    assert (finding.hop, finding.fix) == (1, "let hop 1 pass requests on: it answers by itself")


def test_a_hop_that_changes_the_type_is_to_blame_for_it() -> None:
    stage = Stage(hops=2)
    stage.connect(0.0, remade={2: HTML}).event(1.0, 1)
    (finding,) = told(judge_to(stage, 100.0))
    assert finding.observed == "hop 2 changed Content-Type from text/event-stream to text/html"
    assert (finding.hop, finding.fix) == (2, "let hop 2 pass on Content-Type as it came")


def test_an_answer_that_comes_again_is_counted() -> None:
    stage = answering(503)
    stage.connect(5.0, status=503, headers=HTML).end(5.1)
    assert told(judged(stage))[0].observed == "the target answered 503 text/html (2 times)"


def test_one_response_with_events_is_enough_to_judge_by() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0).end(1.0)
    stage.connect(2.0, status=404, headers=HTML).end(2.1)
    assert "stream" not in {it.check for it in judged(stage).findings}


def test_a_server_that_says_there_is_no_more_is_no_failure() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0, status=204, headers=()).end(0.1)
    assert "stream" not in {it.check for it in judged(stage).findings}


def test_no_answer_at_all_is_left_to_the_checks() -> None:
    stage = Stage()
    stage.refuse(0.0)
    assert "stream" not in {it.check for it in judged(stage).findings}


def test_it_comes_before_a_precondition_that_nobody_could_meet() -> None:
    stage = answering(404)
    silence = (Silence(from_s=1.0, to_s=9.0),)
    scenario = stage.case.scenario.model_copy(update={"traffic": Traffic(silence=silence)})
    stage.case = stage.case.model_copy(update={"scenario": scenario})
    assert judged(stage).outcome == "FAIL"


def test_a_twin_is_judged_by_the_check_it_names() -> None:
    stage = Stage(twin=Twin(flaw="wrong-content-type", fails="headers_fit"))
    stage.connect(0.0, headers=HTML).end(0.1)
    stage.note(0.1, "fired", "it did")
    verdict = judged(stage)
    assert (verdict.outcome, verdict.findings[0].check) == ("PASS", "twin")


def judge_to(stage: Stage, over_s: float) -> Judged:
    for hop in stage.hops:
        stage.note(0.0, "fired", "it did", hop=hop)
    return judge(Evidence.of(stage.journal(over_s)), checks=ALL)


def test_headers_that_were_no_streams_are_not_judged_further() -> None:
    headers: Headers = (*STREAM[1:], ("Content-Type", "text/plain"))
    assert len(told(judged(answering(200, headers)))) == 1


def test_it_is_confirmed_at_the_server_that_was_tested_by_the_request_it_got() -> None:
    stage = answering(405)
    target = Target(url="http://127.0.0.1:1/events", method="POST", body="{}")
    stage.case = stage.case.model_copy(update={"target": target})
    (finding,) = told(judged(stage))
    sent = "-H 'Accept: text/event-stream' -X POST -d '…' -i"
    assert finding.confirm == f"curl -N --http1.1 {sent} http://127.0.0.1:1/events"

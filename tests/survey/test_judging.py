"""What becomes of streams behind products, judged as `check` judges them."""

from __future__ import annotations

import pytest

from harness.model.ask import Ask
from harness.model.promises import EndMarker, Promises
from harness.model.verdict import CaseVerdict, Finding
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell, all_products
from harness.survey.judging import (
    survivors,
)
from harness.survey.kinds import KINDS, MCP, NOTIFICATIONS, PROGRESS, TICKER, Kind
from harness.survey.needs import cutting, described, unasked, versions_wanted
from harness.survey.observation import Observation
from harness.survey.play import Observed, request_of
from harness.survey.resuming import How
from tests.survey.seen import STREAM, every, judge, saw

OLD = Ask(version="HTTP/1.0")
POLITE = (*STREAM[:1], ("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no"))
HEARTBEAT = ": hb\n\n"

# Thinks for twenty seconds, then tells for twenty.
TOKENS = saw(*every(0.1, 200, first_s=22.0), head_s=22.0, end_s=42.0)
OLD_TOKENS = saw(*every(0.1, 200, first_s=22.0), head_s=22.0, end_s=42.0, framing="close", ask=OLD)
QUIET = saw(*[(15.0 * n, HEARTBEAT) for n in range(4)], (50.0, "data: 1\n\n"), watched_s=50.5)


def judged(chain: str, *seen: Observation) -> CaseVerdict:
    return judge(*seen).through(Cell("test", parse_chain(chain))).case


def failed(case: CaseVerdict) -> dict[str, Finding]:
    return {it.check: it for it in case.findings if it.outcome == "FAIL"}


def test_a_slow_answer_is_no_fault_of_a_path_that_waits() -> None:
    assert judged("aws-alb", TOKENS).outcome == "PASS"


@pytest.mark.parametrize("chain", ["aws-alb", "[{nginx: {proxy_buffering: off}}]"])
def test_a_client_that_was_told_the_length_is_done_before_the_hop_is(chain: str) -> None:
    text = f"data: {'x' * 992}\n\n"
    headers = (*STREAM[:1], ("Content-Length", str(8 * len(text))))
    seen = [
        saw(*[(2.0, text)] * 8, head_s=2.0, end_s=2.01, framing="length", headers=headers, ask=ask)
        for ask in (Ask(), OLD)
    ]

    (stays,) = [it for it in judged(chain, *seen).findings if it.check == "stays_open"]
    assert (stays.outcome, stays.hop) == ("SKIP", None)


DONE = Promises(end_marker=EndMarker(data="[DONE]"))
ANSWER = [*every(1.0, 9), (10.0, "data: [DONE]\n\n")]


def test_an_answer_that_is_left_open_is_over_with_its_end_marker() -> None:
    told = saw(*ANSWER, watched_s=11.0, promises=DONE)
    case = judged("[{idle_timeout: {after: 5s}}]", told)
    assert case.outcome == "PASS"
    assert "heartbeat_within" not in {it.check for it in case.findings}
    endless = judged("[{idle_timeout: {after: 5s}}]", saw(*ANSWER, watched_s=11.0))
    assert "heartbeat_within" in {it.check for it in endless.findings}


def test_an_answer_that_is_cut_before_its_end_marker_is_cut_by_the_hop() -> None:
    told = saw(*ANSWER, end_s=11.0, promises=DONE)
    assert failed(judged("[{max_duration: {after: 10.5s}}]", told)) == {}
    cut = failed(judged("[{max_duration: {after: 8s}}]", told))["stays_open"]
    assert (cut.hop, cut.observed) == (1, "cut at 8.0 s by hop 1, without its end marker")


def test_a_target_that_ends_without_its_end_marker_is_told_so() -> None:
    whole = judge(saw(*ANSWER, end_s=11.0, promises=DONE)).on_itself()
    assert "stays_open" not in failed(whole.case)
    torn = judge(saw(*ANSWER[:-1], end_s=11.0, promises=DONE)).on_itself()
    assert failed(torn.case)["stays_open"].fix == "send [DONE] before you end the stream"
    unsaid = judge(saw(*ANSWER[:-1], end_s=11.0)).on_itself()
    assert "stays_open" not in {it.check for it in unsaid.case.findings}


def test_a_limit_before_the_first_byte_answers_in_its_place() -> None:
    case = judged("envoy", TOKENS)

    assert case.outcome == "FAIL"
    assert failed(case)["stream"].hop == 1
    assert failed(case)["stream"].observed.startswith("hop 1 answered 504 text/plain")


def test_what_the_close_delimits_is_held_to_the_end() -> None:
    case = judged("nginx", TOKENS, OLD_TOKENS)

    late = failed(case)["delivered_within"]
    assert late.hop == 1
    assert late.fix == 'send "X-Accel-Buffering: no": hop 1 holds what it reads'


def test_a_limit_that_the_stream_was_too_short_for_is_no_pass_of_it_but_a_skip() -> None:
    case = judged("cloudflare", TOKENS)

    skips = [it.observed for it in case.findings if it.outcome == "SKIP" and it.check == "faults"]
    assert case.outcome == "PASS"
    assert "first_byte_timeout of hop 1 was not reached: first byte after 22.0 s of 120 s" in skips


def test_heartbeats_defeat_a_limit_on_silence_once_it_had_its_time() -> None:
    case = judged("aws-alb", QUIET)

    assert case.outcome == "PASS"
    assert case.note == "projected from 50 s"
    assert [(it.fault, it.end) for it in case.faults if it.is_limit] == [
        ("idle_timeout", "defeated")
    ]


def test_a_silence_that_was_seen_is_cut_where_the_limit_is() -> None:
    case = judged("aws-alb", saw((1.0, "data: 1\n\n"), watched_s=62.5))

    cut = failed(case)["stays_open"]
    assert cut.hop == 1
    assert cut.observed == "cut at 61.0 s by hop 1, after 60.0 s of silence"


def test_a_silence_of_which_the_rest_is_not_known_reaches_no_longer_limit() -> None:
    case = judged("cloudflare", saw((1.0, "data: 1\n\n"), watched_s=62.5))

    assert [(it.fault, it.end) for it in case.faults if it.is_limit] == [
        ("first_byte_timeout", "not_reached"),
        ("idle_timeout", "not_reached"),
    ]


def test_who_was_not_asked_as_a_chain_asks_is_not_judged_there() -> None:
    case = judged("nginx", TOKENS)

    assert case.outcome == "SKIP"
    assert [it.observed for it in case.findings] == ["not asked for it (HTTP/1.0)"]


def test_every_product_can_be_judged() -> None:
    cells = [judge(TOKENS, OLD_TOKENS).through(it) for it in all_products()]

    assert {it.case.outcome for it in cells} == {"PASS", "FAIL", "WARN"}
    assert survivors(cells) == sum(it.case.outcome == "PASS" for it in cells) > 30
    crashed = [it for it in cells for found in it.case.findings if "crashed" in found.observed]
    assert not crashed


def test_a_lag_of_the_machine_blurs_what_is_close_to_a_bound() -> None:
    late = saw(*every(1.0, 10), end_s=10.5, lag_s=0.2)

    case = judged("[{latency: {delay: 400ms}}]", late)
    assert case.outcome == "INCONCLUSIVE"
    assert judged("[{latency: {delay: 200ms}}]", late).outcome == "PASS"


# -- the target itself -------------------------------------------------------------------------


def test_a_target_that_is_polite_has_nothing_to_be_told() -> None:
    seen = saw(*every(1.0, 10, text="id: {n}\ndata: x\n\n"), watched_s=40.0, headers=POLITE)

    case = judge(seen).on_itself().case
    assert {it.outcome for it in case.findings} <= {"PASS", "SKIP"}


def test_a_target_that_is_none_fails_for_that_alone() -> None:
    html = (("Content-Type", "text/html"),)

    case = judge(saw((0.1, "<p>"), end_s=0.2, headers=html)).on_itself().case
    assert case.outcome == "FAIL"
    assert list(failed(case)) == ["headers_fit"]


# -- what has to be asked ----------------------------------------------------------------------


def test_a_client_asks_first_and_then_whoever_asks_otherwise() -> None:
    cells = [
        Cell(it, parse_chain(it)) for it in ("aws-alb", "nginx", "ingress-nginx", "nginx,caddy")
    ]

    versions = [it.version for it in versions_wanted(cells, request_of(TOKENS), 1)]
    assert versions == ["HTTP/1.1", "HTTP/1.0"]


def test_only_what_is_not_known_is_asked_again() -> None:
    cells = [Cell(it, parse_chain(it)) for it in ("aws-alb", "nginx", "varnish")]

    missing = unasked(cells, Observed(TOKENS), 1)
    assert {it.version: [cell.name for cell in needy] for it, needy in missing.items()} == {
        "HTTP/1.0": ["nginx"]
    }
    assert unasked(cells, Observed(TOKENS, [OLD_TOKENS]), 1) == {}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (OLD, "HTTP/1.0"),
        (Ask(accept_encoding="gzip"), "Accept-Encoding: gzip"),
        (Ask(accept_encoding=None), "Accept-Encoding: none"),
        (Ask(last_event_id="7"), "Last-Event-ID"),
        (Ask(version="HTTP/1.0", last_event_id="7"), "HTTP/1.0, Last-Event-ID"),
    ],
)
def test_a_way_of_asking_is_told_in_a_few_words(ask: Ask, said: str) -> None:
    assert described(ask) == said


def test_a_chain_that_ends_what_lasts_makes_clients_come_back() -> None:
    cells = [Cell(it, parse_chain(it)) for it in ("aws-alb", "envoy", "cloud-run", "nginx,envoy")]

    endless = saw(*every(1.0, 10), watched_s=10.5)
    assert [it.name for it in cutting(cells, endless)] == ["envoy", "cloud-run", "nginx,envoy"]
    assert [it.name for it in cutting(cells, TOKENS)] == ["envoy", "nginx,envoy"]
    assert cutting(cells, saw(*every(1.0, 10), end_s=10.5)) == []


# -- kinds, and coming back --------------------------------------------------------------------

LIVELY = saw(*every(1.0, 12, text="id: {n}\ndata: {n}\n\n"), watched_s=12.5)


def test_who_goes_on_where_it_was_survives_what_ends_every_stream() -> None:
    case = judge(LIVELY, how="goes on").through(Cell("envoy", parse_chain("envoy"))).case

    assert case.outcome == "PASS"
    assert ("max_duration", "fired") in [(it.fault, it.end) for it in case.faults]


@pytest.mark.parametrize("how", ["cannot", "fails", "unknown"])
def test_who_does_not_is_cut_there(how: How) -> None:
    case = judge(LIVELY, how=how).through(Cell("envoy", parse_chain("envoy"))).case

    assert case.outcome == "FAIL"
    assert failed(case)["stays_open"].observed.startswith("cut at 16.0 s by hop 1")


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(NOTIFICATIONS, "FAIL"), (PROGRESS, "WARN"), (MCP, "WARN"), (TICKER, "PASS")],
)
def test_how_much_a_client_needs_what_it_missed_depends_on_the_kind(
    kind: Kind, outcome: str
) -> None:
    case = judge(LIVELY, kind=kind).through(Cell("envoy", parse_chain("envoy"))).case

    assert case.outcome == outcome


def test_a_ticker_that_is_asked_for_with_post_does_not_come_back_by_itself() -> None:
    posted = saw(*every(1.0, 12), watched_s=12.5, method="POST")
    case = judge(posted, kind=TICKER).through(Cell("envoy", parse_chain("envoy"))).case

    assert "stays_open" in failed(case)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda it: it.name)
def test_an_answer_that_is_cut_off_is_a_failure_of_any_kind(kind: Kind) -> None:
    answer = saw(*every(0.1, 200), end_s=21.0, method="POST")
    case = judge(answer, kind=kind).through(Cell("envoy", parse_chain("envoy"))).case

    assert case.outcome == "FAIL"
    assert "stays_open" in failed(case)


def test_a_silence_that_is_cut_is_no_end_to_come_back_after() -> None:
    silent = saw((1.0, "id: 1\ndata: 1\n\n"), watched_s=62.5)
    case = judge(silent, how="goes on").through(Cell("alb", parse_chain("aws-alb"))).case

    assert "stays_open" in failed(case)


@pytest.mark.parametrize(
    ("how", "outcome"),
    [("goes on", "PASS"), ("cannot", "SKIP"), ("fails", "FAIL"), ("unknown", "INCONCLUSIVE")],
)
def test_how_it_resumes_is_said_of_the_target(how: How, outcome: str) -> None:
    (found,) = [
        it for it in judge(LIVELY, how=how).on_itself().case.findings if it.check == "resumes"
    ]

    assert found.outcome == outcome


def test_a_ticker_need_not_resume() -> None:
    findings = judge(LIVELY, kind=TICKER, how="unknown").on_itself().case.findings

    assert not [it for it in findings if it.check == "resumes"]

from __future__ import annotations

from dataclasses import replace

from harness.model.ask import Ask
from harness.model.scenario import Scenario
from harness.model.survey import Row
from harness.scenario.chain import parse_chain
from harness.survey import facts
from harness.survey.cells import Cell, all_chains, all_products, all_settings, name_of
from harness.survey.judging import Judged
from harness.survey.observation import Observation
from harness.survey.proofs import Prover
from harness.survey.rows import rows_of_paths, rows_of_target
from tests.survey.seen import STREAM, every, judge, saw

TOKENS = saw(*every(0.1, 200, first_s=22.0), head_s=22.0, end_s=42.0)
OLD = saw(*TOKENS.said.reads, head_s=22.0, end_s=42.0, framing="close", ask=Ask(version="HTTP/1.0"))


def cell(chain: str, *seen: Observation) -> Judged:
    return judge(*seen).through(Cell(chain, parse_chain(chain)))


def rows(*chains: str, seen: tuple[Observation, ...] = (TOKENS, OLD)) -> list[Row]:
    spoken_s = [it.t_s for it in seen[0].reads]
    return rows_of_paths([cell(chain, *seen) for chain in chains], spoken_s, {})


def test_what_passes_is_no_row() -> None:
    assert rows("aws-alb", "cloudflare") == []


def test_an_answer_in_place_of_the_stream() -> None:
    (row,) = rows("envoy")

    assert (row.title, row.outcome, row.grade) == ("envoy@1.40", "FAIL", "●")
    assert row.cause == "max_duration"
    assert row.headline == "504 at 15.0 s, before your first event"
    assert row.why == "answered 504 after 15.0 s (limit 15 s) (route_timeout 15s)"
    assert row.sent.strip(".") == ""
    assert row.seen.endswith("x")


def test_events_that_are_held_to_the_end() -> None:
    (row,) = rows("nginx")

    assert row.cause == "buffer"
    assert row.headline == "all 200 events arrive at 42.0 s (worst delay 20.0 s)"
    assert row.sent.startswith("." * 21)
    assert row.sent.endswith("|" * 19)
    assert row.seen.rstrip() == "." * 40 + "#"


def test_a_stream_that_is_cut_shows_what_went_before() -> None:
    seen = saw((1.0, "data: 1\n\n"), (2.0, "data: 2\n\n"), watched_s=63.5)
    (row,) = rows("aws-alb", seen=(seen,))

    assert row.headline == "cut at 62.0 s, after 60.0 s of silence"
    assert row.seen.startswith("||")
    assert row.seen.endswith("x")


def test_one_cause_is_one_row_with_what_is_best_known_first() -> None:
    (row,) = rows("apigee", "lighttpd", "nginx")

    assert row.grade == "●"
    assert {row.title, *row.alike} == {"lighttpd@1.4", "apigee", "nginx@1.22"}


def test_what_each_of_them_has_to_set_is_told_with_each() -> None:
    own = judge(TOKENS, OLD)
    judged = [own.through(Cell(it, parse_chain(it))) for it in ("apigee", "lighttpd", "app-engine")]
    remedies = {it.cell.name: Prover(own).prove(it).remedies(()) for it in judged}

    (row,) = rows_of_paths(judged, [], remedies)
    assert row.title == "lighttpd@1.4"
    assert row.remedies[0].text == "lighttpd: server_stream-response-body 1"
    assert row.alike == (
        "apigee (response_streaming_enabled true)",
        "app-engine (env flex)",
    )


def test_what_one_header_cures_is_told_once() -> None:
    own = judge(TOKENS, OLD)
    chains = ("nginx", "aws-alb,nginx", "cloudflare,nginx")
    judged = [own.through(Cell(it.replace(",", "-"), parse_chain(it))) for it in chains]
    remedies = {it.cell.name: Prover(own).prove(it).remedies(()) for it in judged}

    (row,) = rows_of_paths(judged, [], remedies)
    assert row.title == "nginx@1.22"
    assert len(row.alike) == 2


def test_what_fails_stands_before_what_only_warns() -> None:
    outcomes = [it.outcome for it in rows("sophos", "nginx", "avast")]

    assert outcomes == sorted(outcomes)
    assert outcomes[0] == "FAIL"
    assert outcomes[-1] == "WARN"


def test_of_many_that_are_late_the_worst_is_told() -> None:
    (row,) = rows("avast", seen=(saw(*every(1.0, 30), end_s=31.0),))

    assert row.headline == "30 of 30 events late (worst delay 20.0 s)"
    assert row.grade == "◌"


def test_what_a_chain_was_not_asked_for_is_a_skip_and_no_row() -> None:
    judged = cell("nginx", TOKENS)

    assert rows_of_paths([judged], [], {}) == []
    assert list(facts.not_meant([judged])) == ["not asked for it (HTTP/1.0): nginx@1.22"]


def test_each_finding_of_the_target_is_a_row() -> None:
    bare = saw(*TOKENS.said.reads, end_s=42.0, headers=STREAM[:1])
    told = rows_of_target(judge(bare).on_itself())

    assert all(it.is_target for it in told)
    assert ("FAIL", "first_byte_within") in [(it.outcome, it.cause) for it in told]
    assert ("FAIL", "headers_fit") in [(it.outcome, it.cause) for it in told]


# -- what is told of the stream ----------------------------------------------------------------


def test_a_stream_in_a_few_words() -> None:
    assert facts.stream_of(TOKENS) == "200 events in 42.0 s, ends, no ids"
    done = saw((1.0, "id: 1\ndata: x\n\n"), (2.0, "data: [DONE]\n\n"), end_s=2.0)
    assert facts.stream_of(done) == "2 events in 2.0 s, ends with [DONE], ids"
    quiet = saw((1.0, "data: x\n\n"), (16.0, ": hb\n\n"), watched_s=30.0)
    assert facts.stream_of(quiet) == "1 event in 30.0 s, 1 comment, goes on, no ids"


def test_an_id_within_data_is_no_id() -> None:
    assert facts.stream_of(saw((1.0, "data: id: 1\n\n"), end_s=2.0)).endswith("no ids")


def test_what_was_observed_names_what_matters_on_the_way() -> None:
    assert list(facts.observed(TOKENS)) == [
        "first byte 22.0 s = longest silence",
        "headers late",
        "no X-Accel-Buffering",
        "no no-transform",
    ]


def test_limits_that_were_not_reached_are_listed_by_what_was_seen_of_them() -> None:
    (said,) = facts.not_reached([cell("aws-alb", TOKENS)])

    assert said == "limits not reached (longest silence 22.0 s): aws-alb 60s"


def test_limits_of_one_kind_are_one_line_whatever_each_hop_saw() -> None:
    own = judge(TOKENS, OLD)
    behind = own.through(Cell("behind", parse_chain("aws-alb,nginx")))
    told = list(facts.not_reached([cell("aws-alb", TOKENS), behind]))

    (silence,) = [it for it in told if "longest silence" in it]
    assert silence == (
        "limits not reached (longest silence 22.0 s to 42.0 s): "
        "aws-alb 60s, aws-alb → nginx@1.22 60s"
    )


# -- what there is to replay through -----------------------------------------------------------


def test_each_product_and_each_chain_of_products_is_a_cell() -> None:
    products, chains, settings = all_products(), all_chains(), all_settings()

    assert len({it.name for it in products}) == len(products) > 70
    assert len({it.name for it in chains}) == len(chains) > 30
    assert len({it.name for it in settings}) == len(settings) > 5
    assert all(len(it.hops) == 1 for it in (*products, *settings))
    assert all(hop.product and hop.product.settings for it in settings for hop in it.hops)
    assert all(len(it.hops) > 1 and all(hop.product for hop in it.hops) for it in chains)


def test_a_cell_can_be_asked_for_again() -> None:
    for it in (*all_products(), *all_settings(), *all_chains()):
        assert parse_chain(it.asked_for) == it.hops, it.asked_for


def test_a_product_by_default_is_asked_for_by_its_name() -> None:
    names = {it.name: it.asked_for for it in all_products()}

    assert names["aws-alb"] == "aws-alb"
    assert replace(all_products()[0]).asked_for == "akamai"


def test_any_chain_has_a_name_that_a_case_can_have() -> None:
    chains = (
        "nginx,gunicorn",
        "[{idle_timeout: {after: 5s}, latency: {delay: 1s}}, nginx@1.29.7]",
        "[{via: 'http://127.0.0.1:1'}]",
        "[]",
    )
    names = [name_of(parse_chain(it)) for it in chains]

    assert names == ["nginx-gunicorn", "idle_timeout-latency-nginx", "via", "nothing"]
    for name in names:
        assert Scenario(id=f"check/{name}", why="a test").id == f"check/{name}"

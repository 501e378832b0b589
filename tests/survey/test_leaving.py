"""A client that leaves in the middle of a stream, and who tells the target so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model.verdict import Finding
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell, all_products
from harness.survey.judging import Judged
from harness.survey.kinds import MCP, NOTIFICATIONS, Kind
from harness.survey.leaving import CHECK, leaving_of
from harness.survey.observation import Observation
from harness.survey.proofs import Proven, Prover, is_curable
from harness.survey.rows import rows_of_paths
from harness.survey.server_fixes import BEATING, BEATING_OFTEN
from tests.survey.seen import every, judge, noticing, saw
from tests.survey.test_judging import TOKENS

LIVELY = saw(*every(1.0, 20), watched_s=20.5)
SLOW = saw(*every(40.0, 3), watched_s=130.0)
SILENT = saw((1.0, "data: 1\n\n"), watched_s=62.1)


def through(chain: str, *seen: Observation, kind: Kind = NOTIFICATIONS) -> Judged:
    return judge(*seen, kind=kind).through(Cell("test", parse_chain(chain)))


def told(chain: str, *seen: Observation) -> Finding:
    (finding,) = [it for it in through(chain, *seen).case.findings if it.check == CHECK]
    return finding


def proven(chain: str, *seen: Observation) -> Proven:
    judged = through(chain, *seen)
    assert is_curable(judged)
    return Prover(judge(*seen)).prove(judged)


# -- when it leaves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "at_s", "within_s"),
    [
        (LIVELY, 1.5, 60.0),
        (SILENT, 1.5, 60.0),
        (saw(head_s=3.0, watched_s=65.0), 3.5, 60.0),
        # Two hundred writes are enough to notice by.
        (saw(*every(0.1, 100), watched_s=10.5), 0.6, 20.0),
        (saw(*every(0.01, 1000), watched_s=10.5), 0.51, 5.0),
        # Half of what is left of a response that ends.
        (saw(*every(1.0, 20), end_s=21.5), 1.5, 10.0),
    ],
)
def test_a_client_leaves_after_the_first_bytes(
    seen: Observation, at_s: float, within_s: float
) -> None:
    it = leaving_of(seen)

    assert it is not None
    assert it.at_s == pytest.approx(at_s)
    assert it.within_s == pytest.approx(within_s)
    assert it.until_s > it.at_s + it.within_s


def test_a_response_that_is_over_soon_is_not_left() -> None:
    assert leaving_of(saw(*every(1.0, 10), end_s=10.5)) is None
    assert CHECK not in {
        it.check for it in through("haproxy", saw(*every(1.0, 10), end_s=10.5)).case.findings
    }


# -- who tells it ------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [LIVELY, SLOW, SILENT], ids=["lively", "slow", "silent"])
def test_a_hop_that_notices_at_once_tells_any_target(seen: Observation) -> None:
    finding = told("caddy", seen)

    assert (finding.outcome, finding.observed) == ("PASS", "the target was told after 0.0 s")


def test_a_hop_that_notices_by_writing_tells_a_target_that_speaks() -> None:
    # The first write is answered with a reset, which the second one meets.
    finding = told("haproxy", LIVELY)

    assert finding.outcome == "PASS"
    assert finding.observed == "the target was told after 1.7 s"


def test_and_one_that_is_quiet_late_or_never() -> None:
    slow, silent = told("varnish", SLOW), told("[{haproxy: {timeout server: 1h}}]", SILENT)

    assert (slow.outcome, slow.hop) == ("WARN", 1)
    assert slow.observed == "the target was not told 62.0 s after client 1 closed at 40.5 s"
    assert (silent.outcome, silent.hop) == ("WARN", 1)
    assert silent.observed == "the target was not told 60.6 s after client 1 closed at 1.5 s"


def test_a_limit_on_silence_tells_it_in_the_end() -> None:
    assert told("haproxy", SILENT).observed == "the target was told after 49.5 s"


@pytest.mark.parametrize("seen", [LIVELY, SLOW, SILENT], ids=["lively", "slow", "silent"])
def test_a_hop_that_never_notices_tells_none(seen: Observation) -> None:
    finding = told("http-proxy", seen)

    assert (finding.outcome, finding.hop) == ("WARN", 1)
    assert finding.observed.startswith("the target was not told 6")


@pytest.mark.parametrize(("chain", "hop"), [("http-proxy,caddy", 1), ("caddy,http-proxy", 2)])
def test_of_several_hops_the_one_that_does_not_pass_it_on_is_to_blame(chain: str, hop: int) -> None:
    assert told(chain, LIVELY).hop == hop


def test_what_the_hop_takes_and_what_the_target_takes_add_up() -> None:
    assert told("haproxy", noticing(LIVELY, 2.0)).observed == (
        # Its connection is reset, after which nothing is seen of it.
        "the target was told after 1.7 s"
    )
    assert told("[{latency: {delay: 100ms}}]", noticing(LIVELY, 2.0)).observed == (
        "the target was told after 0.0 s, and was done 2.0 s later: 2.0 s in all"
    )
    assert told("varnish", noticing(LIVELY, 2.0)).observed == (
        "the target was told after 2.5 s, and was done 2.0 s later: 4.5 s in all"
    )


def test_a_target_that_does_not_notice_itself_is_no_fault_of_a_path() -> None:
    seen = noticing(LIVELY, 2.0)
    assert seen.leaving is not None
    deaf = replace(seen, leaving=replace_outcome(seen.leaving))

    finding = told("caddy", deaf)
    assert (finding.outcome, finding.observed) == ("PASS", "the target was told after 0.0 s")


def replace_outcome(finding: Finding) -> Finding:
    return Finding(
        check=finding.check, outcome="FAIL", expected=finding.expected, observed="not noticed"
    )


def test_an_answer_that_is_computed_is_left_too() -> None:
    assert told("caddy", TOKENS).outcome == "PASS"
    assert told("http-proxy", TOKENS).observed.startswith("the target was not told 11.8 s after")


def test_a_response_that_a_hop_has_ended_by_then_is_not_left() -> None:
    assert told("envoy", TOKENS).outcome == "SKIP"


def test_a_silence_that_was_not_watched_to_its_end_shows_nothing() -> None:
    finding = told("http-proxy", saw((1.0, "data: 1\n\n"), watched_s=20.0))

    assert (finding.outcome, finding.observed) == ("SKIP", "watched for 18.5 s after it")
    assert told("caddy", saw((1.0, "data: 1\n\n"), watched_s=20.0)).outcome == "PASS"


def test_where_a_disconnection_is_no_cancellation_nobody_has_to_hear_of_it() -> None:
    judged = through("http-proxy", LIVELY, kind=MCP)

    assert judged.left is None
    assert CHECK not in {it.check for it in judged.case.findings}


def test_every_product_tells_a_lively_target_or_is_named() -> None:
    cells = [judge(LIVELY).through(it) for it in all_products()]

    left = {it.cell.name: it for it in cells if it.left is not None}
    assert len(left) > 30
    assert {name for name, it in left.items() if it.is_left_unheard} == {"http-proxy", "lighttpd"}
    assert not [it for cell in cells for it in cell.case.findings if "crashed" in it.observed]


# -- what cures it -----------------------------------------------------------------------------


def test_a_heartbeat_is_the_write_it_is_noticed_by() -> None:
    it = proven("apache", SLOW)

    assert (BEATING,) in it.cures
    assert (BEATING_OFTEN,) in it.cures


def test_a_directive_cures_it_where_there_is_one() -> None:
    it = proven("[{haproxy: {timeout server: 1h}}]", SILENT)

    assert (BEATING,) in it.cures
    assert "haproxy: option abortonclose on" in it.settings


def test_against_who_never_notices_nothing_is_proven() -> None:
    it = proven("http-proxy", LIVELY)

    assert it.cures == ()
    assert it.rescue.startswith("proxyRes.destroy()")
    assert {fix.text for fix in proven("http-proxy", SILENT).in_vain} == {
        BEATING.text,
        BEATING_OFTEN.text,
    }


def test_what_cures_the_stream_is_proven_whoever_hears_of_leaving() -> None:
    it = proven("lighttpd", LIVELY)

    assert "lighttpd: server_stream-response-body 1" in it.settings


def test_a_row_tells_what_the_hop_does_and_shows_no_stream() -> None:
    judged = through("apache", SLOW)
    remedies = Prover(judge(SLOW)).prove(judged).remedies(())
    (row,) = rows_of_paths([judged], [40.0], {"test": remedies})

    assert (row.outcome, row.grade, row.cause) == ("WARN", "●", "client_gone")
    assert row.headline == "the target was not told 62.0 s after client 1 closed at 40.5 s"
    assert row.why == "client left (fin): noticed with write 2"
    assert (row.sent, row.seen) == ("", "")
    assert row.remedies[0].is_proven
    assert row.remedies[0].text == BEATING.text


def test_the_entries_of_the_other_journal_are_not_told_as_of_this_one() -> None:
    judged = through("varnish", SLOW)

    assert [it.evidence for it in judged.case.findings if it.check == CHECK] == [()]
    assert judged.is_left_unheard

"""How long a chain is waited for on the wire."""

from __future__ import annotations

import pytest

from harness.engine.exact import _Told, requests_of, wait_s
from harness.model.journal import ClientEnd, ClientLeft, Entry, TapEnd, TapRequest
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell
from harness.survey.observation import Observation
from tests.survey.seen import every, judge, saw
from tests.survey.test_returning import AGAIN, FIRST

TOLD = saw(*every(1.0, 10, text="id: {n}\nretry: 500\ndata: {n}\n\n"), watched_s=10.5)


LEFT = ClientLeft(client=1, x=1, by="fin")
FIN = TapEnd(x=1, by="downstream", how="fin")
REFUSED = TapEnd(x=1, by="target", how="refused")
RESET = TapEnd(x=1, by="target", how="reset")


def request(x: int) -> TapRequest:
    return TapRequest(x=x, method="GET", target="/", version="HTTP/1.1", headers=())


def cell(chain: str) -> Cell:
    return Cell("test", parse_chain(chain))


@pytest.mark.parametrize("limit", ["2s", "6s", "15s"])
@pytest.mark.parametrize(("first", "retry_s"), [(FIRST, 3.0), (TOLD, 0.5)])
def test_a_client_that_comes_back_is_watched_until_it_is_cut_off_again(
    limit: str, first: Observation, retry_s: float
) -> None:
    one = judge(first, AGAIN, how="goes on")
    chain = cell(f"[{{max_duration: {{after: {limit}}}}}]")
    limit_s = float(limit.removesuffix("s"))

    assert requests_of(chain, one) == 2
    # Twice, though either end may come with the next event only.
    assert wait_s(chain, one) > 2 * (limit_s + 1.0) + retry_s


def test_or_for_a_while_where_that_takes_long() -> None:
    chain = cell("[{max_duration: {after: 40s}}]")

    assert wait_s(chain, judge(FIRST, AGAIN, how="goes on")) == 41.0 + 3.0 + 20.0 + 5.0


@pytest.mark.parametrize(
    ("chain", "seconds"),
    [("aws-alb", 65.0), ("caddy", 10.5), ("[{cut: {after_bytes: 50B}}]", 10.5)],
)
def test_who_need_not_come_back_is_watched_for_the_slowest_limit(
    chain: str, seconds: float
) -> None:
    one = judge(FIRST, AGAIN, how="cannot")

    assert requests_of(cell(chain), one) == 1
    assert wait_s(cell(chain), one) == seconds


def test_an_answer_that_ends_is_waited_for_to_its_end() -> None:
    assert wait_s(cell("aws-alb"), judge(saw(*every(1.0, 10), end_s=12.0))) == 23.0


@pytest.mark.parametrize(
    ("seen", "is_over"),
    [
        ([request(1), LEFT], False),
        ([request(1), LEFT, FIN], True),
        ([REFUSED, request(2), LEFT], False),
        ([request(1), RESET, request(2), LEFT], False),
        ([request(1), LEFT, RESET, request(2)], False),
        ([request(1), LEFT, RESET, request(2), TapEnd(x=2, by="downstream", how="fin")], True),
        ([request(1), FIN, ClientEnd(client=1, x=1, how="truncation")], True),
    ],
)
def test_a_target_is_told_once_nobody_is_there_any_more_of_a_client_that_has_left(
    seen: list[Entry], is_over: bool
) -> None:
    told = _Told()
    for entry in seen:
        told.see(entry)

    assert told.is_over() is is_over

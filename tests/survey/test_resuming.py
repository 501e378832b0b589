from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model.ask import Ask
from harness.model.promises import Promises
from harness.survey.observation import Observation
from harness.survey.play import Observed
from harness.survey.resuming import resume_ask, resume_point, resuming
from tests.survey.seen import every, saw

IDS = "id: {n}\ndata: {n}\n\n"
FIRST = saw(*every(1.0, 9, text=IDS), watched_s=9.5)
BACK = Ask(last_event_id="4")


def back(*texts: str, status: int = 200) -> Observation:
    reads = [(0.1 * n, text) for n, text in enumerate(texts)]
    return saw(*reads, watched_s=3.0, status=status, ask=BACK)


def test_a_client_comes_back_with_an_id_from_the_middle() -> None:
    assert resume_point(FIRST) == ("4", "5")
    assert resume_ask(FIRST) == BACK


@pytest.mark.parametrize(
    ("window_s", "point"), [(60.0, ("4", "5")), (7.0, ("5", "6")), (4.5, ("7", "8")), (1.0, None)]
)
def test_a_client_comes_back_before_it_is_forgotten(
    window_s: float, point: tuple[str, str] | None
) -> None:
    seen = replace(FIRST, promises=Promises(resume_window_s=window_s))
    assert resume_point(seen) == point
    if point is None:
        assert resuming(seen, None).said == (
            "nothing to resume from: no two ids within half of 1 s (resume_window)"
        )


@pytest.mark.parametrize(
    "seen",
    [
        saw(*every(1.0, 9), watched_s=9.5),
        saw((1.0, "id: 1\ndata: 1\n\n"), watched_s=9.5),
        saw((1.0, "id: 1\ndata: 1\n\n"), (2.0, "id: 1\ndata: 2\n\n"), watched_s=9.5),
        saw((1.0, "id\ndata: 1\n\n"), (2.0, "id\ndata: 2\n\n"), watched_s=9.5),
    ],
)
def test_without_ids_that_tell_events_apart_there_is_nothing_to_come_back_with(
    seen: Observation,
) -> None:
    assert resume_ask(seen) is None
    assert resuming(seen, None).how == "cannot"


def test_what_came_after_is_what_goes_on() -> None:
    it = resuming(FIRST, back(": hi\n\n", "id: 5\ndata: 5\n\n", "id: 6\ndata: 6\n\n"))

    assert (it.how, it.said) == ("goes on", "asked to go on after id 4, it did")
    assert it.finding.outcome == "PASS"


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (back("id: 9\ndata: 9\n\n"), "it began with id 9, not 5"),
        (back("id: 0\ndata: 0\n\n"), "it began from the beginning with id 0, not 5"),
        (back("id: 4\ndata: 4\n\n"), "it began with id 4, not 5"),
        (back("data: 5\n\n"), "it sent an event without id"),
        (back(status=500), "it answered 500"),
    ],
)
def test_anything_else_fails(again: Observation, said: str) -> None:
    it = resuming(FIRST, again)

    assert it.how == "fails"
    assert it.said == f"asked to go on after id 4, {said}"
    assert it.finding.outcome == "FAIL"
    assert it.finding.fix


def test_who_was_not_asked_in_vain_proves_nothing() -> None:
    assert resuming(FIRST, None).how == "unknown"
    assert resuming(FIRST, None).finding.outcome == "INCONCLUSIVE"


def test_where_no_chain_makes_clients_come_back_it_is_not_meant() -> None:
    it = resuming(FIRST, None, is_needed=False)

    assert it.finding.outcome == "SKIP"
    assert it.said == "not asked: no chain here makes clients come back"


def test_who_says_nothing_of_what_was_missed_does_not_resume() -> None:
    assert resuming(FIRST, back(": hi\n\n")).how == "unknown"
    patient = replace(back(": hi\n\n"), watched_s=9.5)
    it = resuming(FIRST, patient)
    assert (it.how, it.said) == ("fails", "asked to go on after id 4, it said nothing in 9.5 s")


def test_the_answer_to_one_who_came_back_is_found_among_the_others() -> None:
    old = saw((1.0, "data: 1\n\n"), ask=Ask(version="HTTP/1.0"))

    assert Observed(FIRST, [old, back("data: 1\n\n")]).resumed is not None
    assert Observed(FIRST, [old]).resumed is None

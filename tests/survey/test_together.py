"""What several streams at once show of a target that tells all the same."""

from __future__ import annotations

import msgspec
import pytest

from harness.model.journal import Journal
from harness.model.promises import Promises
from harness.survey.together import how_many, listen_s, patience_s, together
from tests.survey.seen import every, saw
from tests.testkit.journals import Stage


def _three(*, missed: int = 0) -> Journal:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    for client in (1, 2, 3):
        stream = stage.connect(0.0, client=client)
        for seq in range(1, 6):
            if (client, seq) != (3, missed):
                stream.event(2.0 * seq, seq, event_id=f"e{seq}", data=f"news {seq}")
    return stage.journal(over_s=13.0)


def test_all_are_answered_and_told_the_same() -> None:
    found = list(together(_three()))
    assert [(it.check, it.outcome) for it in found] == [
        ("at_once", "PASS"),
        ("no_event_lost", "PASS"),
    ]
    assert found[0].observed == "3 at once, each answered"


def test_one_is_not_told_what_the_others_are() -> None:
    (_, lost) = together(_three(missed=4))
    assert (lost.outcome, lost.hop) == ("FAIL", None)
    assert lost.observed == "client 3 lost 1 of 5 events: id e4"
    assert lost.evidence == ()


def test_a_worker_for_one_stream_is_said_to_be_one() -> None:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    stage.connect(0.0, client=1).events(1, 9)
    stage.connect(1.0, client=2, head_s=99.0)
    entries = [it for it in stage.journal(over_s=10.0) if it.t_s <= 10.0]
    (found,) = together(Journal(msgspec.structs.replace(it, n=n) for n, it in enumerate(entries)))
    assert (found.check, found.outcome) == ("at_once", "FAIL")
    assert found.observed.startswith("1 at a time: stream 2 was not answered in 9.0 s")


def test_a_server_that_says_that_it_is_full_is_said_to_be_full() -> None:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    stage.connect(0.0, client=1).events(1, 9)
    stage.connect(1.0, client=2, status=503).end(1.0)
    (found,) = together(stage.journal(over_s=10.0))
    assert "stream 2 was answered 503" in found.observed


def test_the_one_that_was_refused_is_told() -> None:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    for client in (1, 2, 3):
        status = 503 if client == 2 else 200
        stream = stage.connect(0.0, client=client, status=status)
        stream.end(0.1) if client == 2 else stream.events(1, 9)
    at_once = next(together(stage.journal(over_s=10.0)))
    assert at_once.observed.startswith("2 at a time: stream 2 was answered 503 while")


@pytest.mark.parametrize("clients", [0, 1])
def test_one_stream_shows_nothing_of_several(clients: int) -> None:
    stage = Stage(hops=0, is_reference=False, promises=Promises(broadcast=True))
    for client in range(1, clients + 1):
        stage.connect(0.0, client=client).events(1, 9)
    (found,) = together(stage.journal(over_s=10.0))
    assert (found.check, found.outcome) == ("at_once", "SKIP")


def test_who_answers_slowly_is_waited_for() -> None:
    assert patience_s(saw(*every(1.0, 9), watched_s=9.5)) == 3.0
    assert patience_s(saw(*every(1.0, 9, first_s=10.0), head_s=10.0, watched_s=20.0)) == 20.0


@pytest.mark.parametrize(("left", "most"), [(0, 0), (1, 0), (2, 2), (4, 2), (7, 4), (99, 8)])
def test_some_requests_are_kept_for_other_questions(left: int, most: int) -> None:
    assert how_many(left) == most


def test_all_listen_until_something_has_to_have_come() -> None:
    assert listen_s(saw(*every(0.1, 50), watched_s=5.0)) == 3.0
    assert listen_s(saw(*every(3.0, 4), watched_s=12.0)) == 12.0
    assert listen_s(saw(*every(30.0, 2), watched_s=61.0)) == 20.0
    assert listen_s(saw(watched_s=61.0)) == 20.0

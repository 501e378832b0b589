from __future__ import annotations

import pytest

from harness.checks.no_event_duplicated import NoEventDuplicated
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import Stage

CHECK = NoEventDuplicated()


def good() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.event(10.0, 10, lost_at=1)
    first.cut(10.5, hop=1)
    stage.connect(11.5, last_id="9").event(11.5, 10, is_fed=False)
    return stage.journal()


def resumes_one_too_early() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.cut(10.5, hop=1)
    second = stage.connect(11.5, last_id="9")
    second.event(11.5, 9, is_fed=False)
    second.event(12.0, 10)
    return stage.journal()


def repeated_by_the_path() -> Journal:
    stage = Stage(hops=2)
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(4.0, hop=1)
    cached = stage.answer(5.0, 200, by=2, last_id="3")
    cached.client_read(5.0, b"id: 1\ndata: event 1\n\n")
    return stage.journal()


def written_twice() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2)
    stream.event(2.0, 2, is_fed=False)
    return stage.journal()


BROKEN = {
    "resumes one too early": resumes_one_too_early,
    "repeated by the path": repeated_by_the_path,
    "written twice": written_twice,
}


@pytest.mark.parametrize(
    ("journal", "hop", "observed", "fix"),
    [
        (
            resumes_one_too_early(),
            None,
            "client 1 got 1 of 11 events again; event 9 at 9.0 s and at 11.5 s",
            "send only what came after it",
        ),
        (
            repeated_by_the_path(),
            2,
            "client 1 got 1 of 4 events again; event 1 at 1.0 s and at 5.0 s",
            "no-store",
        ),
        (
            written_twice(),
            None,
            "client 1 got 1 of 3 events again; event 2 at 2.0 s and at 2.0 s",
            "once",
        ),
    ],
)
def test_tells_who_repeated_what(
    journal: Journal, hop: int | None, observed: str, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert finding.hop == hop
    assert finding.observed == observed
    assert fix in finding.fix


def test_two_clients_may_get_the_same_event() -> None:
    stage = Stage()
    stage.connect(0.0).event(1.0, 1)
    stage.connect(0.0, client=2).event(1.0, 1, is_fed=False)
    assert only(CHECK, stage.journal()).observed == "2 events, each once"


def test_events_alike_are_not_the_same_event() -> None:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    for t_s in (1.0, 2.0, 3.0):
        stream.say(t_s, "data: tick\n\n")
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_foreign_stream_without_ids_is_not_judged_across_a_gap() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.say(1.0, "data: tick\n\n")
    first.cut(2.0, hop=1)
    stage.connect(3.0).say(4.0, "data: tick\n\n")
    assert only(CHECK, stage.journal()).outcome == "SKIP"


def test_numbers_begun_anew_in_each_response_are_not_repetitions() -> None:
    stage = Stage(is_reference=False)
    for began_s, word in ((0.0, "a"), (10.0, "b")):
        stream = stage.connect(began_s)
        for at in range(3):
            stream.say(began_s + at + 1, f'data: {{"index": {at}, "text": "{word}"}}\n\n')
        stream.end(began_s + 5)
    assert only(CHECK, stage.journal()).outcome == "SKIP"


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_no_event_shows_nothing(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0).heartbeats(1.0)
    assert only(CHECK, stage.journal()).outcome == outcome


@pytest.mark.parametrize(("hops", "hop"), [(1, 1), (2, None)])
def test_of_two_hops_neither_is_known_to_have_said_it_again(hops: int, hop: int | None) -> None:
    stage = Stage(hops=hops)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.client_read(2.0, b"id: 1\ndata: event 1\n\n")
    finding = only(CHECK, stage.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", hop)

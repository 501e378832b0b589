from __future__ import annotations

from harness.checks.makes_progress import MakesProgress
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import Stage

CHECK = MakesProgress(attempts=3)


def good() -> Journal:
    """Cut again and again, and something new each time; a 204 ends it."""
    stage = Stage()
    for at in range(5):
        stream = stage.connect(at * 10.0, last_id=str(at) if at else None)
        stream.event(at * 10.0 + 1, at + 1)
        stream.cut(at * 10.0 + 5, hop=1)
    stage.connect(50.0, last_id="5", status=204).end(50.0)
    return stage.journal()


def comment_and_end(stage: Stage, began_s: float, *, last_id: str | None = None) -> None:
    stream = stage.connect(began_s, last_id=last_id)
    stream.heartbeats(began_s)
    stream.end(began_s + 0.1)


def opens_and_ends() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1)
    first.end(2.0)
    stage.feed(3.0, 2)
    for at in range(4):
        comment_and_end(stage, 5.0 + at, last_id="1")
    return stage.journal()


def foreign_opens_and_ends() -> Journal:
    stage = Stage(is_reference=False)
    for at in range(3):
        comment_and_end(stage, float(at))
    return stage.journal()


def the_same_over_and_over() -> Journal:
    stage = Stage(is_reference=False)
    for at in range(4):
        stream = stage.connect(float(at))
        stream.say(at + 0.1, "data: hello\n\n")
        stream.end(at + 0.5)
    return stage.journal()


def refused_by_a_hop() -> Journal:
    stage = Stage(hops=2)
    for at in range(4):
        stage.answer(1.0 + at, 503, by=2)
    stage.feed(1.5, 1)
    return stage.journal()


BROKEN = {
    "opens and ends": opens_and_ends,
    "foreign opens and ends": foreign_opens_and_ends,
    "the same over and over": the_same_over_and_over,
    "refused by a hop": refused_by_a_hop,
}


def test_counts_the_attempts_in_a_row_that_brought_nothing() -> None:
    finding = only(CHECK, opens_and_ends())
    assert finding.observed == (
        "client 1 made 4 attempts in a row for nothing, from 5.0 s to 8.1 s: 200, each ended by "
        "the target"
    )


def test_the_same_again_is_nothing_new() -> None:
    finding = only(CHECK, the_same_over_and_over())
    assert "made 3 attempts in a row for nothing" in finding.observed


def test_blames_the_hop_that_refuses() -> None:
    finding = only(CHECK, refused_by_a_hop())
    assert finding.hop == 2
    assert "503, each ended by hop 2" in finding.observed


def test_one_attempt_less_is_no_loop() -> None:
    assert only(MakesProgress(attempts=5), opens_and_ends()).outcome == "PASS"


def test_a_quiet_feed_has_nothing_to_bring() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1)
    first.end(2.0)
    for at in range(5):
        comment_and_end(stage, 5.0 + at, last_id="1")
    stage.connect(20.0, last_id="1").event(21.0, 2)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_new_event_begins_the_count_anew() -> None:
    stage = Stage(is_reference=False)
    comment_and_end(stage, 0.0)
    comment_and_end(stage, 1.0)
    stream = stage.connect(2.0)
    stream.event(2.5, 1)
    stream.end(3.0)
    comment_and_end(stage, 4.0)
    comment_and_end(stage, 5.0)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "5 attempts, 1 events, at most 2 attempts in a row for nothing"


def test_no_request_at_all_shows_nothing() -> None:
    assert only(CHECK, Stage().journal()).outcome == "INCONCLUSIVE"


def test_a_target_that_is_gone_is_told_from_one_that_has_nothing_to_say() -> None:
    stage = Stage(hops=0)
    stage.connect(0.0).event(1.0, 1)
    for at in range(4):
        stage.refuse(5.0 + at)
    stage.feed(2.0, 2)
    finding = only(CHECK, stage.journal())
    assert "made 4 attempts in a row for nothing" in finding.observed
    assert finding.observed.endswith("refused, each ended by the target")

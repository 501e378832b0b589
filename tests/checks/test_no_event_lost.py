from __future__ import annotations

import pytest

from harness.checks.no_event_lost import NoEventLost
from harness.model.journal import HopEnd, Journal
from tests.checks.judging import judged, only
from tests.testkit.journals import Stage, without

CHECK = NoEventLost()


def good() -> Journal:
    """A cut, and a resume that brings what was missed."""
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.event(10.0, 10, lost_at=1)
    first.cut(10.5, hop=1)
    stage.feed(11.0, 11)
    stage.wait(10.5, 1.0, last_id="9")
    second = stage.connect(11.5, last_id="9")
    second.event(11.5, 10, is_fed=False)
    second.event(11.5, 11, is_fed=False)
    second.events(12, 90, from_s=12.0)
    return stage.journal()


def not_resumed() -> Journal:
    """The target goes on with what is new."""
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.cut(9.5, hop=1)
    stage.feed(10.0, 10)
    stage.feed(11.0, 11)
    second = stage.connect(11.5, last_id="9")
    second.events(12, 90, from_s=12.0)
    return stage.journal()


def swallowed_by_a_hop() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.event(10.0, 10, lost_at=2)
    stream.events(11, 20, from_s=11.0)
    return stage.journal()


def cut_off_without_ids() -> Journal:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="")
    first.event(2.0, 2, event_id="", lost_at=1)
    first.cut(3.0, hop=1)
    stage.connect(4.0).event(5.0, 3, event_id="")
    return stage.journal()


def hole_in_the_ids() -> Journal:
    """Said by the target, while the client was away, to nobody."""
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.events(1, 5)
    first.cut(6.0, hop=1)
    stage.connect(8.0, last_id="5").events(8, 12, from_s=8.0)
    return stage.journal()


def altered() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stage.feed(4.0, 4)
    stream.say(4.0, "id: 4\ndata: event 4\n\n", got="id: 4\ndata: ev?nt 4\n\n")
    stream.events(5, 9, from_s=5.0)
    return stage.journal()


BROKEN = {
    "not resumed": not_resumed,
    "swallowed by a hop": swallowed_by_a_hop,
    "cut off without ids": cut_off_without_ids,
    "hole in the ids": hole_in_the_ids,
    "altered": altered,
}


def test_counts_what_the_feed_produced_and_the_client_got() -> None:
    assert only(CHECK, good()).observed == "90 of 90 events"


@pytest.mark.parametrize(
    ("journal", "hop", "observed", "fix"),
    [
        (
            not_resumed(),
            None,
            "client 1 lost 2 of 90 events: event 10, event 11",
            "after Last-Event-ID 9 send what came after it",
        ),
        (swallowed_by_a_hop(), 2, "client 1 lost 1 of 20 events: event 10", "hop 2"),
        (
            cut_off_without_ids(),
            1,
            "client 1 lost 1 of 3 events: event 2 of the target's response 1",
            "send an id with every event",
        ),
        (
            hole_in_the_ids(),
            None,
            "client 1 lost 2 of 12 events: id 6, id 7",
            "after Last-Event-ID 5",
        ),
        (altered(), 1, "client 1 lost 1 of 9 events: event 4 (1 of them came altered)", "hop 1"),
    ],
)
def test_names_what_was_lost_and_who_lost_it(
    journal: Journal, hop: int | None, observed: str, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert finding.observed == observed
    assert finding.hop == hop
    assert fix in finding.fix


def test_what_was_on_its_way_at_the_end_is_not_counted() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.event(99.5, 10, lost_at=1)
    assert only(CHECK, stage.journal()).observed == "9 of 9 events"
    assert only(NoEventLost(in_flight_s=0.1), stage.journal()).outcome == "FAIL"


def test_a_client_that_came_late_is_owed_what_came_after_it() -> None:
    stage = Stage()
    for seq in range(1, 6):
        stage.feed(float(seq), seq)
    stage.connect(5.5).events(6, 9, from_s=6.0)
    assert only(CHECK, stage.journal()).observed == "4 of 4 events"


def test_a_client_that_comes_with_an_id_is_owed_what_came_after_it() -> None:
    stage = Stage()
    for seq in range(1, 6):
        stage.feed(float(seq), seq)
    stage.connect(5.5, last_id="2").events(6, 9, from_s=6.0)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "client 1 lost 3 of 7 events: event 3, event 4, event 5"


def test_a_client_that_left_is_owed_nothing_more() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.leave(9.5)
    for seq in range(10, 50):
        stage.feed(float(seq), seq)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_client_that_was_driven_away_is_owed_the_rest() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.cut(9.5, hop=1)
    stage.answer(10.5, 503, by=1, last_id="9")
    stage.done(10.5, "status 503", is_fatal=True)
    for seq in range(10, 50):
        stage.feed(float(seq), seq)
    assert only(CHECK, stage.journal()).observed.startswith("client 1 lost 40 of 49 events")


def test_a_client_that_waits_at_the_end_would_have_been_sent_the_rest() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.cut(95.0, hop=1)
    stage.wait(95.0, 10.0, last_id="9")
    stage.feed(96.0, 10)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_each_client_has_an_account_of_its_own() -> None:
    stage = Stage()
    first, second = stage.connect(0.0), stage.connect(0.0, client=2)
    for seq in range(1, 4):
        first.event(float(seq), seq)
        second.event(float(seq), seq, is_fed=False, lost_at=1 if seq == 2 else None)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "client 2 lost 1 of 3 events: event 2"


def test_events_alike_are_told_apart_by_their_ids() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    for seq in range(1, 6):
        stream.event(float(seq), seq, data="tick", lost_at=1 if seq == 3 else None)
    assert only(CHECK, stage.journal()).observed == "client 1 lost 1 of 5 events: event 3"


def test_events_alike_without_ids_are_counted_in_order() -> None:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    for seq in range(1, 6):
        stream.event(float(seq), seq, event_id="", data="tick", lost_at=1 if seq == 5 else None)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "client 1 lost 1 of 5 events: event 5 of the target's response 1"


def test_numbers_in_the_data_tell_what_was_said_unheard() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    for seq in range(1, 4):
        first.event(float(seq), seq, event_id="", data=f'{{"kind": "tick", "seq": {seq}}}')
    first.cut(4.0, hop=1)
    second = stage.connect(6.0)
    for seq in range(6, 9):
        second.event(float(seq), seq, event_id="", data=f'{{"kind": "tick", "seq": {seq}}}')
    assert only(CHECK, stage.journal()).observed == (
        "client 1 lost 2 of 8 events: number 4, number 5"
    )


def test_a_foreign_stream_without_ids_is_not_judged_across_a_gap() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="")
    first.cut(3.0, hop=1)
    stage.connect(4.0).event(5.0, 3, event_id="")
    assert only(CHECK, stage.journal()).outcome == "SKIP"


def test_ids_that_are_no_numbers_vouch_for_what_was_said_only() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="a")
    first.cut(3.0, hop=1)
    stage.connect(4.0, last_id="a").event(5.0, 3, event_id="c")
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "PASS"
    assert "not consecutive" in finding.observed


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_nothing_due_shows_nothing(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stage.answer(0.0, 502, by=1)
    assert [it.outcome for it in judged(CHECK, stage.journal())] == [outcome]


def test_a_hop_that_fell_silent_is_told_from_one_that_buffers() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stage.put(40.0, HopEnd(hop=1, x=1, how="stall"))
    stream.event(50.0, 4, lost_at=1)
    finding = only(CHECK, stage.journal())
    assert finding.hop == 1
    assert finding.fix.endswith("every 20 s, and let clients reconnect when none comes")


def test_what_a_hop_held_when_it_cut_is_lost_by_holding() -> None:
    stage = Stage()
    stream = stage.connect(0.0, headers=without("X-Accel-Buffering"))
    for seq in range(1, 31):
        stream.event(float(seq), seq, lost_at=1)
    stream.cut(30.0, hop=1)
    stage.connect(31.0).event(32.0, 31)
    finding = only(CHECK, stage.journal())
    assert finding.hop == 1
    assert finding.fix == 'send "X-Accel-Buffering: no": hop 1 holds what it reads'


@pytest.mark.parametrize(("event_id", "outcome"), [(None, "PASS"), ("", "FAIL")])
def test_what_a_cut_caught_may_be_sent_again_only_with_ids(
    event_id: str | None, outcome: str
) -> None:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    for seq in range(1, 4):
        stream.event(float(seq), seq, event_id=event_id, lost_at=1 if seq == 3 else None)
    stream.cut(3.5, hop=1)
    stage.wait(3.5, 600.0)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_numbers_that_leap_too_far_have_begun_anew() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(4.0, hop=1)
    stage.connect(5.0, last_id="3").events(1_700_000_000, 1_700_000_003, from_s=6.0)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_an_altered_event_of_a_foreign_target_is_lost() -> None:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.say(4.0, "id: 4\ndata: event 4\n\n", got="id: 4\ndata: ev?nt 4\n\n")
    finding = only(CHECK, stage.journal())
    assert finding.observed == "client 1 lost 1 of 4 events: id 4 (1 of them came altered)"

from __future__ import annotations

import pytest

from harness.checks.ids_advance import IdsAdvance
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import Stage

CHECK = IdsAdvance()


def with_ids(*ids: str, is_reference: bool = True) -> Journal:
    stage = Stage(is_reference=is_reference)
    stream = stage.connect(0.0)
    for seq, name in enumerate(ids, 1):
        stream.event(float(seq), seq, event_id=name)
    return stage.journal()


def good() -> Journal:
    """Numbers with gaps; a resume that repeats one."""
    stage = Stage()
    first = stage.connect(0.0)
    for seq, name in enumerate(("3", "5", "9", "10"), 1):
        first.event(float(seq), seq, event_id=name)
    first.cut(5.0, hop=1)
    stage.connect(6.0, last_id="9").event(6.0, 4, event_id="10")
    return stage.journal()


def none_at_all() -> Journal:
    return with_ids("", "", "")


def one_missing() -> Journal:
    return with_ids("1", "", "3")


def nul_in_it() -> Journal:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.say(1.0, "id: 1\0\ndata: a\n\n")
    stream.say(2.0, "id: 2\0\ndata: b\n\n")
    return stage.journal()


def counted_per_connection() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="1")
    first.cut(5.0, hop=1)
    stage.connect(6.0, last_id="1").event(7.0, 2, event_id="1")
    return stage.journal()


def too_long() -> Journal:
    return with_ids("a" * 8200)


def backwards() -> Journal:
    return with_ids("1", "3", "2")


def the_same_twice() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(1.0, 1, is_fed=False)
    return stage.journal()


BROKEN = {
    "none at all": none_at_all,
    "one missing": one_missing,
    "nul in it": nul_in_it,
    "counted per connection": counted_per_connection,
    "too long": too_long,
    "backwards": backwards,
    "the same twice": the_same_twice,
}


@pytest.mark.parametrize(
    ("journal", "observed"),
    [
        (none_at_all(), "3 of 3 events have no id"),
        (one_missing(), "1 of 3 events have no id"),
        (nul_in_it(), "2 of 2 events have no id; a NUL in an id makes clients ignore it"),
        (counted_per_connection(), "id 1 stands for two events"),
        (too_long(), "an id of 8200 bytes does not fit a header line of 8 KiB"),
        (backwards(), "id 2 after id 3"),
        (the_same_twice(), "id 1 was said twice in one response"),
    ],
)
def test_says_what_is_wrong_with_the_ids(journal: Journal, observed: str) -> None:
    assert only(CHECK, journal).observed == observed


def test_an_id_that_just_fits_passes() -> None:
    assert only(CHECK, with_ids("a" * 8175)).outcome == "PASS"
    assert only(CHECK, with_ids("a" * 8176)).outcome == "FAIL"


def test_ids_that_are_no_numbers_need_no_order() -> None:
    assert only(CHECK, with_ids("c", "b", "a")).outcome == "PASS"


def test_a_foreign_stream_without_any_id_rules_it_out() -> None:
    assert only(CHECK, with_ids("", "", is_reference=False)).outcome == "SKIP"


def test_a_foreign_target_may_mark_only_where_it_can_go_on() -> None:
    assert only(CHECK, with_ids("1", "", is_reference=False)).outcome == "WARN"


def test_two_clients_of_a_foreign_target_may_have_streams_of_their_own() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0).event(1.0, 1, event_id="1", data="for one")
    stage.connect(0.0, client=2).event(1.0, 1, event_id="1", data="for the other")
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_no_event_shows_nothing() -> None:
    assert only(CHECK, with_ids()).outcome == "INCONCLUSIVE"

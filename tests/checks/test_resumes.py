from __future__ import annotations

import pytest

from harness.checks.resumes import Resumes
from harness.model.journal import Journal
from tests.checks.judging import judged, only
from tests.testkit.journals import Stage

CHECK = Resumes()


def cut_after_three(*, is_reference: bool = True) -> Stage:
    stage = Stage(is_reference=is_reference)
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(3.5, hop=1)
    return stage


def good() -> Journal:
    stage = cut_after_three()
    stage.feed(4.0, 4)
    second = stage.connect(4.5, last_id="3")
    second.event(4.5, 4, is_fed=False)
    second.end(5.0)
    stage.connect(6.0, last_id="4", status=204).end(6.0)
    return stage.journal()


def begins_anew() -> Journal:
    stage = cut_after_three()
    stage.connect(4.5, last_id="3").event(4.5, 1, is_fed=False)
    return stage.journal()


def leaps() -> Journal:
    stage = cut_after_three()
    stage.feed(4.0, 4)
    stage.connect(4.5, last_id="3").event(5.0, 5)
    return stage.journal()


def foreign_begins_anew() -> Journal:
    stage = cut_after_three(is_reference=False)
    stage.connect(4.5, last_id="3").event(4.5, 1)
    return stage.journal()


def hop_drops_the_id() -> Journal:
    stage = Stage(hops=2)
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(3.5, hop=1)
    stage.connect(4.5, last_id="3", heard_id=None).event(5.0, 4)
    return stage.journal()


def client_sends_another() -> Journal:
    stage = cut_after_three()
    stage.connect(4.5, last_id="2").event(4.5, 3, is_fed=False)
    return stage.journal()


def gateway_kills_the_tab() -> Journal:
    stage = cut_after_three()
    stage.answer(4.5, 503, by=1, last_id="3")
    stage.done(4.5, "status 503", is_fatal=True)
    return stage.journal()


def no_ids() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="")
    first.cut(3.5, hop=1)
    stage.connect(4.5).event(5.0, 2, event_id="")
    return stage.journal()


def unknown_id_in_silence() -> Journal:
    stage = Stage()
    stage.connect(0.0, last_id="nobody-said-this").event(1.0, 1)
    return stage.journal()


BROKEN = {
    "begins anew": begins_anew,
    "leaps": leaps,
    "foreign begins anew": foreign_begins_anew,
    "hop drops the id": hop_drops_the_id,
    "client sends another": client_sends_another,
    "gateway kills the tab": gateway_kills_the_tab,
    "no ids": no_ids,
    "unknown id in silence": unknown_id_in_silence,
}


@pytest.mark.parametrize(
    ("journal", "hop", "observed"),
    [
        (begins_anew(), None, "after id 3 (event 3) came event 1"),
        (leaps(), None, "after id 3 (event 3) came event 5"),
        (foreign_begins_anew(), None, "after id 3 came id 1 again"),
        (hop_drops_the_id(), 1, "Last-Event-ID 3 reached the target as nothing"),
        (client_sends_another(), None, "the client sent Last-Event-ID '2', having '3'"),
        (
            gateway_kills_the_tab(),
            1,
            "client 1 gave up for good: status 503 by hop 1 (status 503)",
        ),
        (no_ids(), None, "nothing to resume from: no event before the end had an id"),
        (unknown_id_in_silence(), None, "id nobody-said-this is not known, and nothing said so"),
    ],
)
def test_says_who_spoiled_it(journal: Journal, hop: int | None, observed: str) -> None:
    finding = only(CHECK, journal)
    assert (finding.outcome, finding.hop, finding.observed) == ("FAIL", hop, observed)


def test_counts_the_reconnects_that_went_on() -> None:
    assert only(CHECK, good()).observed == "1 of 1 reconnects went on after the last id"


def test_a_later_stream_without_ids_may_keep_or_forget_the_id() -> None:
    stage = cut_after_three()
    stage.connect(4.5, last_id="3").cut(5.0, hop=1)
    second = stage.connect(6.0, last_id="3")
    second.heartbeats(6.0)
    second.cut(7.0, hop=1)
    stage.connect(8.0).event(9.0, 4)
    assert [it.outcome for it in judged(CHECK, stage.journal())] == ["INCONCLUSIVE"]


@pytest.mark.parametrize("status", [204, 410])
def test_a_refusal_of_an_unknown_id_is_an_answer(status: int) -> None:
    stage = Stage()
    stage.connect(0.0, last_id="nobody-said-this", status=status).end(0.0)
    stage.done(0.0, f"status {status}", is_fatal=status != 204)
    stage.feed(1.0, 1)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_an_event_of_its_own_type_is_an_answer_to_an_unknown_id() -> None:
    stage = Stage()
    stream = stage.connect(0.0, last_id="nobody-said-this")
    stream.say(0.0, "event: reset\ndata: unknown id\n\n")
    stream.event(1.0, 1)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_foreign_stream_without_ids_rules_it_out() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="")
    first.cut(3.5, hop=1)
    stage.connect(4.5).event(5.0, 2, event_id="")
    assert only(CHECK, stage.journal()).outcome == "SKIP"


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_a_stream_that_never_ended_shows_nothing(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0).events(1, 3)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_an_id_that_is_not_ascii_survives() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1, event_id="caf\u00e9")
    first.cut(3.5, hop=1)
    as_bytes = "caf\u00e9".encode().decode("latin-1")
    stage.connect(4.5, last_id=as_bytes).event(5.0, 2, event_id="next")
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_reconnects_that_fail_alike_are_one_finding() -> None:
    stage = cut_after_three()
    second = stage.connect(4.5, last_id="3")
    second.event(4.5, 1, is_fed=False)
    second.cut(5.0, hop=1)
    stage.connect(6.0, last_id="1").event(6.0, 1, is_fed=False)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "after id 3 (event 3) came event 1 (and 1 more)"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (("4", "5"), "PASS"),
        (("6", "7"), "FAIL"),
        (("1", "2"), "FAIL"),
        (("0", "1"), "FAIL"),
    ],
)
def test_the_numbers_of_a_foreign_target_tell_whether_it_went_on(
    said: tuple[str, str], outcome: str
) -> None:
    stage = cut_after_three(is_reference=False)
    second = stage.connect(4.5, last_id="3")
    for at, name in enumerate(said):
        second.event(5.0 + at, int(name), event_id=name)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_ids_with_gaps_of_their_own_have_to_grow_only() -> None:
    stage = Stage(is_reference=False)
    first = stage.connect(0.0)
    for name in ("10", "25", "31"):
        first.event(1.0, 1, event_id=name, data=name)
    first.cut(3.5, hop=1)
    stage.connect(4.5, last_id="31").event(5.0, 2, event_id="90")
    assert only(CHECK, stage.journal()).outcome == "PASS"

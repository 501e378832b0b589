"""What is said of a foreign target decides what its clients are owed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.checks.no_event_lost import NoEventLost
from harness.checks.order_kept import OrderKept
from harness.checks.resumes import Resumes
from harness.checks.stays_open import StaysOpen
from harness.model.journal import ClientRead, Journal, Payload
from harness.model.promises import EndMarker, Numbered, Promises
from tests.checks.judging import only
from tests.testkit.journals import Stage

LOST = NoEventLost()


def _stage(hops: int = 1, **said: Any) -> Stage:
    return Stage(hops=hops, is_reference=False, promises=Promises(**said))


# -- sequence --------------------------------------------------------------------------------------

SEQ = Numbered(json_path="$.seq")


def _numbered(stage: Stage, numbers: list[int], **of_connect: Any) -> Any:
    stream = stage.connect(0.0, **of_connect)
    for at, number in enumerate(numbers):
        data = f'{{"n": {at % 2}, "seq": {number}}}'
        stream.event(1.0 + at, number, event_id="", data=data)
    return stream


def test_a_number_that_is_left_out_is_a_lost_event_only_if_numbers_are_promised() -> None:
    promised, guessed = _stage(sequence=SEQ), _stage()
    for stage in (promised, guessed):
        _numbered(stage, [1, 2, 4, 5])
    finding = only(LOST, promised.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", None)
    assert finding.observed == "client 1 lost 1 of 5 events: number 3"
    assert "left out" in finding.fix
    assert only(LOST, guessed.journal()).outcome == "PASS"


def test_an_event_without_its_number_is_told_by_its_place() -> None:
    stage = _stage(sequence=SEQ)
    stream = _numbered(stage, [1, 2, 3])
    stream.event(5.0, 9, event_id="", data="hello")
    stream.event(6.0, 9, event_id="", data="lost", lost_at=1)
    assert only(LOST, stage.journal()).observed == (
        "client 1 lost 1 of 5 events: event 5 of the target's response 1"
    )


def test_an_event_without_a_number_is_nobody_elses() -> None:
    stage = _stage(sequence=SEQ, broadcast=True)
    for client in (1, 2):
        stream = stage.connect(0.0, client=client)
        for seq in range(1, 6):
            stream.event(2.0 * seq, seq, event_id="", data=f'{{"seq": {seq}}}')
            stream.event(2.0 * seq + 1, seq, event_id="", data="ping")
    assert only(LOST, stage.journal(over_s=30.0)).observed == "20 of 20 events"


def test_an_event_without_a_number_is_not_sent_again_after_a_cut() -> None:
    stage = _stage(sequence=SEQ)
    first = stage.connect(0.0)
    for seq in (1, 2):
        first.event(float(seq), seq, event_id=f"k{seq}", data=f'{{"seq": {seq}}}')
    first.event(3.0, 9, event_id="", data="ping", lost_at=1)
    first.cut(3.5, hop=1)
    second = stage.connect(6.0, last_id="k2")
    for seq in (3, 4):
        second.event(6.0 + seq, seq, event_id=f"k{seq}", data=f'{{"seq": {seq}}}')
    assert only(LOST, stage.journal()).outcome == "PASS"


def test_numbers_that_are_promised_say_what_comes_first() -> None:
    promised, guessed = _stage(sequence=SEQ), _stage()
    for stage in (promised, guessed):
        _numbered(stage, [1, 3, 2, 4])
    finding = only(OrderKept(), promised.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", None)
    assert finding.observed.startswith("client 1 got number 2 after number 3")
    assert only(OrderKept(), guessed.journal()).outcome == "PASS"


@pytest.mark.parametrize(("came", "outcome"), [(4, "PASS"), (1, "FAIL"), (6, "FAIL")])
def test_ids_that_are_no_numbers_are_followed_by_the_promised_ones(came: int, outcome: str) -> None:
    stage = _stage(sequence=SEQ)
    first = stage.connect(0.0)
    for seq in range(1, 4):
        first.event(float(seq), seq, event_id=f"k{seq * 7}", data=f'{{"seq": {seq}}}')
    first.cut(4.0, hop=1)
    second = stage.connect(6.0, last_id="k21")
    second.event(7.0, came, event_id=f"k{came * 7}", data=f'{{"seq": {came}}}')
    finding = only(Resumes(), stage.journal())
    assert finding.outcome == outcome
    if outcome == "FAIL":
        assert finding.observed == f"after id k21 (number 3) came number {came}"


# -- broadcast -------------------------------------------------------------------------------------


def _two(stage: Stage, *, missed: int, id_of: Any = lambda seq, _client: f"e{seq}") -> None:
    """Two clients, of whom the second is not told one event."""
    for client in (1, 2):
        stream = stage.connect(0.0, client=client)
        for seq in range(1, 9):
            if (client, seq) != (2, missed):
                name = id_of(seq, client)
                stream.event(2.0 * seq, seq, event_id=name, data=f"news {seq}")


def test_what_one_client_was_told_the_other_is_owed_where_all_are_told_the_same() -> None:
    all_alike, each_its_own = _stage(broadcast=True), _stage()
    for stage in (all_alike, each_its_own):
        _two(stage, missed=5)
    finding = only(LOST, all_alike.journal(over_s=30.0))
    assert (finding.outcome, finding.hop) == ("FAIL", None)
    assert finding.observed == "client 2 lost 1 of 8 events: id e5"
    assert only(LOST, each_its_own.journal(over_s=30.0)).outcome == "PASS"


def test_nothing_is_missing_when_all_are_told_all() -> None:
    stage = _stage(broadcast=True)
    _two(stage, missed=0)
    assert only(LOST, stage.journal(over_s=30.0)).observed == "16 of 16 events"


def test_events_are_told_by_what_they_say_when_ids_count_connections() -> None:
    stage = _stage(broadcast=True)
    _two(stage, missed=5, id_of=lambda seq, client: f"{client}-{seq}")
    assert only(LOST, stage.journal(over_s=30.0)).observed == (
        "client 2 lost 1 of 8 events: event 5"
    )


def test_what_was_said_before_a_client_came_is_not_owed_to_it() -> None:
    stage = _stage(broadcast=True)
    first = stage.connect(0.0, client=1)
    second = stage.connect(5.5, client=2)
    for seq in range(1, 11):
        first.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
        if seq > 6:  # the sixth was said while it was let in
            second.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
    assert only(LOST, stage.journal(over_s=30.0)).outcome == "PASS"


def test_who_is_let_in_may_be_greeted_by_its_name() -> None:
    stage = _stage(broadcast=True)
    streams = []
    for client in (1, 2, 3):
        streams.append(stage.connect(2.0 * client, client=client))
        streams[-1].event(2.0 * client + 0.1, 99, event_id="", data=f"hello client {client}")
    for seq in range(10, 16):
        for stream in streams:
            stream.event(float(seq), seq, event_id="", data=f"news {seq}")
    assert only(LOST, stage.journal(over_s=30.0)).outcome == "PASS"


@pytest.mark.parametrize(("missed", "outcome"), [((6,), "FAIL"), ((), "PASS")])
def test_who_stayed_tells_what_was_said_while_another_was_away(
    missed: tuple[int, ...], outcome: str
) -> None:
    stage = _stage(broadcast=True)
    stayed = stage.connect(0.0, client=1)
    went = stage.connect(0.0, client=2)
    for seq in range(1, 12):
        stayed.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
        if seq < 5:
            went.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
    went.cut(4.5, hop=1)
    back = stage.connect(7.5, client=2, last_id="e4")
    for seq in range(5, 12):
        if seq not in missed:
            t_s = max(7.6, float(seq))
            back.event(t_s, seq, event_id=f"e{seq}", data=f"news {seq}")
    finding = only(LOST, stage.journal(over_s=30.0))
    assert finding.outcome == outcome
    expected = "client 2 lost 1 of 11 events: id e6" if missed else "22 of 22 events"
    assert finding.observed == expected


# -- resume_window ---------------------------------------------------------------------------------


def _away(stage: Stage, until_s: float, first_after: int) -> None:
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(4.0, hop=1)
    back = stage.connect(until_s, last_id="3")
    back.events(first_after, first_after + 2, from_s=until_s + 1)


@pytest.mark.parametrize(("until_s", "lost"), [(20.0, "FAIL"), (70.0, "PASS")])
def test_who_comes_back_too_late_is_not_owed_what_is_forgotten(until_s: float, lost: str) -> None:
    stage = _stage(resume_window_s=30.0)
    _away(stage, until_s, first_after=9)
    assert only(LOST, stage.journal()).outcome == lost


@pytest.mark.parametrize(("until_s", "outcome"), [(20.0, "FAIL"), (70.0, "SKIP")])
def test_who_comes_back_too_late_need_not_be_resumed(until_s: float, outcome: str) -> None:
    stage = _stage(resume_window_s=30.0)
    _away(stage, until_s, first_after=9)
    finding = only(Resumes(), stage.journal())
    assert finding.outcome == outcome
    if outcome == "SKIP":
        assert finding.observed == (
            "the client came back after 66.0 s, past the resume window of 30 s"
        )


@pytest.mark.parametrize("tries", [0, 1, 2])
def test_who_is_refused_meanwhile_is_away_all_the_same(tries: int) -> None:
    stage = _stage(resume_window_s=5.0)
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(3.5, hop=1)
    for at in range(tries):
        stage.answer(5.0 + 2 * at, 502, by=1, last_id="3")
    stage.connect(10.0, last_id="3").events(8, 10, from_s=11.0)
    assert only(Resumes(), stage.journal()).outcome == "SKIP"
    assert only(LOST, stage.journal()).outcome == "PASS"


def test_what_a_witness_heard_is_forgotten_likewise() -> None:
    stage = _stage(broadcast=True, resume_window_s=5.0)
    stayed = stage.connect(0.0, client=1)
    went = stage.connect(0.0, client=2)
    for seq in range(1, 21):
        stayed.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
    for seq in range(1, 4):
        went.event(float(seq), seq, event_id=f"e{seq}", data=f"news {seq}")
    went.cut(3.5, hop=1)
    back = stage.connect(15.0, client=2, last_id="e3")
    for seq in range(11, 21):  # 10 was said five seconds before it came back: within the window
        back.event(max(15.1, seq), seq, event_id=f"e{seq}", data=f"news {seq}")
    assert only(LOST, stage.journal(over_s=30.0)).observed == (
        "client 2 lost 1 of 14 events: id e10"
    )


# -- end_marker ------------------------------------------------------------------------------------

DONE = EndMarker(data="[DONE]")


def _answer(stage: Stage, *, has_marker: bool, gets_marker: bool = True) -> Any:
    stream = stage.connect(0.0)
    stream.events(1, 3)
    if has_marker:
        stream.event(4.0, 4, event_id="", data="[DONE]", lost_at=None if gets_marker else 1)
    return stream


def test_a_stream_that_ends_without_its_marker_was_cut_by_the_target() -> None:
    for marker, outcome in ((DONE, "FAIL"), (None, "SKIP")):
        stage = _stage(end_marker=marker)
        _answer(stage, has_marker=False).end(5.0)
        finding = only(StaysOpen(), stage.journal())
        assert (finding.outcome, finding.hop) == (outcome, None)
        if marker is not None:
            assert finding.observed.endswith("of silence, without its end marker")
            assert finding.fix == "send [DONE] before you end the stream"


def test_who_got_the_marker_has_had_everything_whoever_ends_it() -> None:
    ended, cut = _stage(end_marker=DONE), _stage(end_marker=DONE)
    _answer(ended, has_marker=True).end(5.0)
    _answer(cut, has_marker=True).cut(64.0, hop=1)
    for stage in (ended, cut):
        finding = only(StaysOpen(), stage.journal())
        assert finding.outcome == "PASS"
        assert finding.observed.endswith("to its end marker")


def test_a_hop_that_ends_it_before_the_marker_is_blamed() -> None:
    stage = _stage(end_marker=DONE)
    _answer(stage, has_marker=False).cut(4.5, hop=1)
    finding = only(StaysOpen(), stage.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", 1)
    assert "without its end marker" in finding.observed


def test_a_marker_in_what_was_not_kept_is_not_said_to_be_missing() -> None:
    stage = _stage(end_marker=DONE)
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.end(5.0)
    entries = list(stage.journal())
    last = max(it.n for it in entries if isinstance(it, ClientRead))
    entries[last] = msgspec.structs.replace(entries[last], payload=Payload.clipped(b"data: 3"))
    finding = only(StaysOpen(), Journal(entries))
    assert finding.outcome == "INCONCLUSIVE"
    assert "does not show whether the end marker came" in finding.observed


def test_a_marker_that_a_hop_lost_was_said_all_the_same() -> None:
    stage = _stage(end_marker=DONE)
    _answer(stage, has_marker=True, gets_marker=False).end(6.0)
    assert only(StaysOpen(), stage.journal()).outcome == "SKIP"
    assert only(LOST, stage.journal()).outcome == "FAIL"

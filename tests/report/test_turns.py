"""What `trace` tells between the events: each end and each reconnect, as it happens."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.model.journal import Journal, TapEnd
from harness.model.secret_values import Secrets
from harness.report.live import LiveTrace
from harness.report.terminal import make_console
from harness.report.turns import Turn, Turns, show
from tests.testkit.journals import HTML, Stage


def turns(journal: Journal) -> list[str]:
    told = Turns()
    return [f"{entry.t_s:.1f} {turn.said}" for entry in journal for turn in told.of(entry)]


def cut_and_back() -> Stage:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 42)
    stage.note(60.0, "fired", "closed after 60.0 s of silence (limit 60 s)", hop=2)
    stream.cut(60.0, hop=2)
    stage.wait(60.0, 3.0, last_id="42")
    stage.connect(63.0, last_id="42").event(64.0, 43)
    return stage


def test_a_cut_and_the_reconnect_after_it_are_told_as_they_happen() -> None:
    assert turns(cut_and_back().journal()) == [
        "60.0 cut off by hop 2, fault: closed after 60.0 s of silence (limit 60 s)",
        "63.0 reconnected after 3.0 s with Last-Event-ID 42",
    ]


def test_what_a_fault_did_in_another_response_explains_no_end() -> None:
    stage = cut_and_back()
    stage.connect(65.0).cut(66.0, hop=2)
    assert turns(stage.journal())[-1] == "66.0 cut off by hop 2"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("end", "ended cleanly by the target"),
        ("truncation", "cut off by the target"),
        ("reset", "reset by the target"),
    ],
)
def test_an_end_by_the_target_is_told_with_its_manner(how: str, said: str) -> None:
    stage = Stage()
    stage.connect(0.0).end(5.0, how)  # type: ignore[arg-type]  # one of the three
    assert turns(stage.journal()) == [f"5.0 {said}"]


def test_a_client_without_an_id_comes_back_without_one() -> None:
    stage = Stage()
    stage.connect(0.0).end(5.0)
    stage.wait(5.0, 1.0)
    stage.connect(6.0)
    assert turns(stage.journal())[-1] == "6.0 reconnected after 1.0 s without an id"


def test_a_reconnect_that_is_refused_was_a_try() -> None:
    stage = Stage()
    stage.connect(0.0).end(5.0)
    stage.wait(5.0, 1.0)
    stage.refuse(6.0)
    assert turns(stage.journal())[1:] == [
        "6.0 tried again after 1.0 s without an id",
        "6.0 refused by hop 1",
    ]


def test_an_answer_that_is_no_stream_is_told_with_its_status() -> None:
    stage = Stage()
    stage.connect(0.0).end(5.0)
    stage.wait(5.0, 1.0)
    stage.answer(6.0, 503, by=1)
    assert turns(stage.journal())[1:] == [
        "6.0 reconnected after 1.0 s without an id",
        "6.0 answered 503 by hop 1",
    ]


def test_a_204_is_told_with_its_meaning() -> None:
    stage = Stage()
    stage.connect(0.0, status=204, headers=()).end(0.0)
    assert turns(stage.journal()) == [
        "0.0 answered 204 by the target: there is nothing more to come"
    ]


def test_a_redirect_is_no_turn() -> None:
    stage = Stage(hops=0)
    first = stage.connect(0.0, status=302, headers=HTML)
    first.client_end(0.0, "end")
    stage.connect(0.1)
    assert turns(stage.journal()) == []


def test_a_client_that_leaves_and_one_that_stays_end_nothing() -> None:
    stage = Stage()
    stage.connect(0.0).leave(5.0)
    stage.connect(6.0, client=1)
    assert turns(stage.journal()) == []


def test_turns_stand_between_the_events_in_plain_output_too() -> None:
    out = io.StringIO()
    live = LiveTrace(make_console(no_color=True, file=out), Secrets())
    for entry in cut_and_back().journal():
        live.entry(entry)
    *_, before, cut, back, after = out.getvalue().splitlines()
    gap = " " * 14
    assert before.split() == ["42.0", "s", "+0.0", "s", "id", "42", "message", "event", "42"]
    assert (
        cut
        == f"    60.0 s{gap}-- cut off by hop 2, fault: closed after 60.0 s of silence (limit 60 s)"
    )
    assert back == f"    63.0 s{gap}-- reconnected after 3.0 s with Last-Event-ID 42"
    assert after.split()[:2] == ["64.0", "s"]


@pytest.mark.parametrize(("width", "lines"), [(80, 2), (120, 1), (30, 1)])
def test_on_a_terminal_a_turn_goes_on_below_itself(width: int, lines: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=width)
    show(60.0, Turn("cut off by hop 2, idle_timeout: closed after 60.0 s of silence"), console)
    first, *more = out.getvalue().splitlines()
    assert first.startswith("    60.0 s              -- cut off by hop 2, ")
    assert more == [f"{' ' * 27}of silence"] * (lines - 1)


def test_an_end_at_the_tap_alone_is_not_one_at_the_client() -> None:
    stage = Stage()
    stage.connect(0.0)
    stage.put(3.0, TapEnd(x=1, by="target", how="end"))
    assert turns(stage.journal()) == []

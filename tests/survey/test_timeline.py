from __future__ import annotations

from harness.survey.timeline import timeline


def test_each_stretch_of_time_is_a_character() -> None:
    sent, seen = timeline([0.5, 1.5, 3.5], [3.5], 4.0, columns=4)

    assert (sent, seen) == ("||.|", "...|")


def test_what_comes_at_once_is_a_burst() -> None:
    times_s = [n + 0.5 for n in range(10)]

    assert timeline(times_s, [9.5] * 10, 10.0, columns=10) == ("||||||||||", ".........#")


def test_a_cut_ends_the_line() -> None:
    assert timeline([0.5, 1.5, 2.5], [0.5], 4.0, cut_s=1.5, columns=4) == ("|||.", "|x")


def test_the_last_instant_belongs_to_the_last_stretch() -> None:
    assert timeline([4.0], [], 4.0, columns=4) == ("...|", "....")


def test_nothing_at_all_is_drawn_too() -> None:
    assert timeline([], [], 0.0, columns=3) == ("...", "...")

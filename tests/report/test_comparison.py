from __future__ import annotations

from pathlib import Path

from harness.model.survey import Change, Comparison, Place, Remedy
from harness.report.comparison import lines

COMPARISON = Comparison(
    request="GET /events",
    places=(
        Place("http://127.0.0.1:1/events", "9 events in 9.0 s, goes on, no ids", ("headers late",)),
        Place("http://127.0.0.1:2/events", "9 events in 9.0 s, goes on, no ids", ()),
        Place("http://127.0.0.1:3/events", "0 events in 61.0 s, goes on, no ids", ()),
    ),
    changes=(
        Change("PASS", (), (), ()),
        Change(
            "FAIL",
            (("FAIL", "holds", "no event in 61.0 s"), ("WARN", "strips", "no x-accel-buffering")),
            (("nginx", "server: nginx"),),
            (Remedy("nginx: proxy_buffering off", is_proven=True),),
        ),
    ),
)


def test_the_whole_report() -> None:
    assert [it.plain for it in lines(COMPARISON, 100, Path("reports/1"))] == [
        "GET /events, nearest your server first",
        "1  http://127.0.0.1:1/events",
        "   9 events in 9.0 s, goes on, no ids · headers late",
        "2  http://127.0.0.1:2/events",
        "   9 events in 9.0 s, goes on, no ids",
        "3  http://127.0.0.1:3/events",
        "   0 events in 61.0 s, goes on, no ids",
        "PASS 1 → 2   nothing changes",
        "FAIL 2 → 3   holds   no event in 61.0 s",
        "WARN 2 → 3   strips   no x-accel-buffering",
        "  like    nginx   server: nginx",
        "  fix     nginx: proxy_buffering off     PROVEN: replayed → PASS",
        "report reports/1",
    ]


def test_what_a_server_sends_does_not_move_the_cursor() -> None:
    evil = Comparison("GET /\x1b[2J", COMPARISON.places, ())

    assert not any("\x1b" in it.plain for it in lines(evil, 100, Path("r")))

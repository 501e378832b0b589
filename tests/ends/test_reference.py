"""The reference server does everything right."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model import journal
from harness.model.scenario import ReferenceSettings, Silence, Traffic
from harness.wire.http1 import StatusLine
from tests.ends.visits import QUIET, SHORT, Visit, play

# -- the head and the first bytes ------------------------------------------------------------------


def test_the_head_comes_at_once_and_asks_to_be_passed_on_at_once() -> None:
    [seen] = play(Visit(leaves_s=1.0), traffic=QUIET).seen
    assert seen.head == StatusLine(
        200,
        "HTTP/1.1",
        (
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache, no-transform"),
            ("x-accel-buffering", "no"),
            ("Transfer-Encoding", "chunked"),
        ),
        "chunked",
        is_interim=False,
    )
    assert seen.head_s == 0.0


@pytest.mark.parametrize(
    ("retry_s", "first"),
    [(1.0, b"retry: 1000\n\n"), (0.0015, b"retry: 2\n\n"), (None, b": hello\n\n")],
)
def test_the_reconnection_time_comes_first(retry_s: float | None, first: bytes) -> None:
    settings = ReferenceSettings(heartbeat_s=None, retry_s=retry_s)
    [seen] = play(Visit(leaves_s=1.5), settings=settings).seen
    assert seen.reads[0] == (0.0, first)
    assert seen.reads[1][0] == 1.0


def test_each_event_is_one_write_when_it_is_due() -> None:
    [seen] = play(Visit(leaves_s=2.5), traffic=Traffic(size_bytes=10)).seen
    assert seen.reads[1:] == [
        (1.0, b"id: 1\ndata: event 1 xx\n\n"),
        (2.0, b"id: 2\ndata: event 2 xx\n\n"),
    ]


def test_what_is_sent_is_recorded() -> None:
    show = play(Visit(leaves_s=1.5), traffic=Traffic(size_bytes=10))
    assert show.entries == [
        journal.ServerRequest(x=1, last_event_id=None, status=200, port=50_001),
        journal.ServerFeed(
            t_s=1.0, seq=1, id="1", data_hash=show.of(journal.ServerFeed)[0].data_hash
        ),
        journal.ServerSent(t_s=1.0, x=1, size=24, seq=1, id="1"),
        journal.ServerGone(t_s=1.5, x=1),
        journal.ServerDone(t_s=1.5, x=1, reason="the client has gone"),
        journal.ServerFeed(
            t_s=2.0, seq=2, id="2", data_hash=show.of(journal.ServerFeed)[1].data_hash
        ),
    ]


def test_the_head_may_be_late_by_order() -> None:
    [seen] = play(Visit(at_s=0.5, leaves_s=5.0), traffic=Traffic(head_after_s=2.0)).seen
    assert seen.head_s == 2.5
    assert seen.lines == [
        "2.5 retry 1000",
        "2.5 empty",
        "2.5 event 1",
        "2.5 event 2",
        "3 event 3",
        "4 event 4",
    ]


def test_who_leaves_before_the_late_head_is_noticed() -> None:
    show = play(Visit(leaves_s=1.0), traffic=Traffic(head_after_s=60.0))
    assert show.seen[0].head is None
    assert show.ends == ["1 1: the client has gone"]


# -- heartbeats and silence ------------------------------------------------------------------------


def test_a_heartbeat_comes_every_15_s_by_default() -> None:
    [seen] = play(Visit(leaves_s=50.0), traffic=QUIET, settings=ReferenceSettings()).seen
    assert seen.reads[1:] == [(15.0, b": hb\n\n"), (30.0, b": hb\n\n"), (45.0, b": hb\n\n")]


def test_heartbeats_go_on_through_silence_and_events() -> None:
    traffic = Traffic(every_s=2.0, silence=(Silence(from_s=3.0, to_s=12.0),))
    settings = ReferenceSettings(heartbeat_s=5.0)
    [seen] = play(Visit(leaves_s=15.5), traffic=traffic, settings=settings).seen
    assert seen.lines[2:] == [
        "2 event 1",
        "5 : hb",
        "10 : hb",
        "12 event 2",
        "14 event 3",
        "15 : hb",
    ]


def test_heartbeats_count_from_when_a_client_came() -> None:
    settings = ReferenceSettings(heartbeat_s=5.0)
    show = play(Visit(at_s=2.0, leaves_s=10.0), traffic=QUIET, settings=settings)
    assert [t_s for t_s, _ in show.seen[0].reads] == [2.0, 7.0]
    assert [(it.t_s, it.size, it.seq) for it in show.of(journal.ServerSent)] == [(7.0, 6, None)]


# -- ids and resuming ------------------------------------------------------------------------------


def test_ids_are_unique_and_the_same_for_every_client() -> None:
    traffic = Traffic(burst=3, end_after_s=10.5)
    show = play(Visit(), Visit(), traffic=traffic)
    assert len(set(show.fed)) == 30
    assert show.seen[0].ids == show.seen[1].ids == show.fed


def test_a_burst_comes_at_one_instant() -> None:
    [seen] = play(Visit(leaves_s=1.5), traffic=Traffic(burst=100)).seen
    assert {t_s for t_s, _ in seen.reads[1:]} == {1.0}
    assert seen.ids == [str(n) for n in range(1, 101)]


def test_a_client_without_an_id_gets_what_comes_from_now_on() -> None:
    [seen] = play(Visit(at_s=2.5, leaves_s=4.5)).seen
    assert seen.lines == ["2.5 retry 1000", "2.5 empty", "3 event 3", "4 event 4"]


def test_a_client_that_resumes_is_sent_what_it_missed_and_goes_on() -> None:
    show = play(Visit(at_s=4.5, last_id="2", leaves_s=5.5))
    assert show.seen[0].lines == [
        "4.5 retry 1000",
        "4.5 empty",
        "4.5 event 3",
        "4.5 event 4",
        "5 event 5",
    ]
    assert [(it.seq, it.is_replay) for it in show.of(journal.ServerSent)] == [
        (3, True),
        (4, True),
        (5, False),
    ]
    assert show.of(journal.ServerRequest)[0].last_event_id == "2"


def test_a_client_that_missed_nothing_gets_nothing_twice() -> None:
    [seen] = play(Visit(at_s=4.5, last_id="4", leaves_s=5.5)).seen
    assert seen.ids == ["5"]


@pytest.mark.parametrize(
    "last_id", ["9", "abc", "-1", "01", "caf\xe9", "1" * 5000], ids=lambda it: it[:9]
)
def test_an_id_it_does_not_know_is_answered_with_resync_and_nobody_elses_events(
    last_id: str,
) -> None:
    [seen] = play(Visit(at_s=4.5, last_id=last_id, leaves_s=5.5)).seen
    resync, event = seen.events
    assert (resync.type, resync.last_event_id) == ("resync", "")
    assert resync.data == f"unknown id {last_id.replace('\xe9', '\ufffd')}"
    assert (event.type, event.last_event_id) == ("message", "5")


def test_an_id_that_is_no_longer_kept_is_answered_with_resync() -> None:
    settings = ReferenceSettings(heartbeat_s=None, history=2)
    forgotten, kept = play(
        Visit(at_s=4.5, last_id="1", leaves_s=5.5),
        Visit(at_s=4.5, last_id="2", leaves_s=5.5),
        settings=settings,
    ).seen
    assert [(it.type, it.last_event_id) for it in forgotten.events] == [
        ("resync", ""),
        ("message", "5"),
    ]
    assert kept.ids == ["3", "4", "5"]


def test_an_empty_id_is_none() -> None:
    show = play(Visit(at_s=1.5, last_id="", leaves_s=2.5))
    assert [it.type for it in show.seen[0].events] == ["message"]
    assert show.of(journal.ServerRequest)[0].last_event_id == ""


# -- clients that leave, or do not read ------------------------------------------------------------


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
@pytest.mark.parametrize("leaves_s", [0.5, 2.0, 3.5])
def test_work_ends_when_the_client_leaves(by: Any, leaves_s: float) -> None:
    show = play(Visit(leaves_s=leaves_s, by=by))
    assert show.gone_s == [leaves_s]
    assert show.ends == [f"{leaves_s:g} 1: the client has gone"]


def test_one_client_that_leaves_takes_nothing_from_another() -> None:
    show = play(Visit(leaves_s=2.5, by="rst"), Visit(at_s=0.5, leaves_s=5.5))
    assert [seen.ids for seen in show.seen] == [["1", "2"], ["1", "2", "3", "4", "5"]]
    assert show.ends == ["2.5 1: the client has gone", "5.5 2: the client has gone"]


SLOW = ReferenceSettings(heartbeat_s=None, queue=4)
LARGE = Traffic(size_bytes=16 * 1024, end_after_s=25.5)


def test_a_client_that_does_not_read_is_cut_off() -> None:
    show = play(Visit(reads_s=15.0), traffic=LARGE, settings=SLOW)
    assert show.ends == ["15 1: the client fell too far behind"]
    assert show.seen[0].end == "end"
    assert show.seen[0].ids == [str(n) for n in range(1, 9)]


@pytest.mark.parametrize("pause_s", [0.0, 0.7, 1.0, 1.3])
def test_a_slow_client_that_was_cut_off_resumes_without_loss(pause_s: float) -> None:
    first = play(Visit(reads_s=15.0, pause_s=pause_s), traffic=LARGE, settings=SLOW).seen[0]
    last_id = first.ids[-1]
    show = play(
        Visit(reads_s=15.0, pause_s=pause_s),
        Visit(at_s=first.end_s + 1.0, last_id=last_id),
        traffic=LARGE,
        settings=SLOW,
    )
    assert len(first.ids) < len(show.fed)
    assert show.seen[0].ids + show.seen[1].ids == show.fed


def test_a_slow_client_holds_nobody_up() -> None:
    show = play(Visit(reads_s=15.0), Visit(), traffic=LARGE, settings=SLOW)
    assert show.seen[1].ids == show.fed
    assert [t_s for t_s, _ in show.seen[1].reads[1:]] == [float(n) for n in range(1, 26)]


@pytest.mark.parametrize("leaves_s", [3.5, 8.5, 15.5], ids=["sent", "waiting", "behind"])
def test_a_client_that_never_reads_and_leaves_is_noticed(leaves_s: float) -> None:
    visit = Visit(reads_s=leaves_s, leaves_s=leaves_s, by="rst")
    show = play(visit, traffic=LARGE, settings=SLOW)
    assert show.ends == [f"{leaves_s:g} 1: the client has gone"]


def test_who_leaves_during_a_long_replay_is_not_sent_the_rest() -> None:
    traffic = Traffic(burst=100, size_bytes=16 * 1024, end_after_s=1.5)
    visit = Visit(at_s=2.0, last_id="0", reads_s=3.0, leaves_s=3.0, by="rst")
    show = play(visit, traffic=traffic)
    assert show.ends == ["3 1: the client has gone"]
    assert len(show.of(journal.ServerSent)) < 10


# -- the end ---------------------------------------------------------------------------------------


def test_the_feeds_end_is_a_clean_end() -> None:
    show = play(Visit(), traffic=SHORT)
    assert show.seen[0].lines[2:] == ["1 event 1", "2 event 2", "3 event 3"]
    assert (show.seen[0].end, show.seen[0].end_s) == ("end", 3.5)
    assert show.ends == ["3.5 1: the feed is over"]


def test_the_marker_comes_last() -> None:
    traffic = Traffic(end_after_s=3.5, end_marker="[DONE]")
    [seen] = play(Visit(), traffic=traffic).seen
    assert [it.data for it in seen.events][-1] == "[DONE]"
    assert (seen.ids[-1], seen.end_s) == ("4", 3.5)


@pytest.mark.parametrize("last_id", [None, "", "3", "99", "abc"])
def test_after_the_end_who_missed_nothing_is_told_to_stop(last_id: str | None) -> None:
    show = play(Visit(at_s=5.0, last_id=last_id), traffic=SHORT)
    assert show.seen[0].head == StatusLine(204, "HTTP/1.1", (), "none", is_interim=False)
    assert show.ends == ["5 1: told to stop"]


def test_after_the_end_who_missed_something_is_sent_it_first() -> None:
    show = play(Visit(at_s=5.0, last_id="1"), Visit(at_s=6.0, last_id="3"), traffic=SHORT)
    assert show.seen[0].lines[2:] == ["5 event 2", "5 event 3"]
    assert (show.seen[0].status, show.seen[0].end) == (200, "end")
    assert show.seen[1].status == 204


def test_streams_are_recycled_to_be_resumed() -> None:
    traffic = Traffic(recycle_after_s=2.5)
    show = play(Visit(), Visit(at_s=3.5, last_id="2", leaves_s=4.5), traffic=traffic)
    assert show.seen[0].ids + show.seen[1].ids == ["1", "2", "3", "4"]
    assert (show.seen[0].end, show.seen[0].end_s) == ("end", 2.5)
    assert show.ends == ["2.5 1: recycled", "4.5 2: the client has gone"]

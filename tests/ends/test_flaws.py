"""Each flaw changes exactly what it says, and nothing else."""

from __future__ import annotations

import dataclasses
import zlib

import pytest

from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS, Behaviour, behaviour
from harness.model import journal
from harness.model.scenario import ReferenceSettings, Silence, Traffic
from tests.ends.visits import Seen, Show, Visit, play

RIGHT = Behaviour()
TRAFFIC = Traffic(every_s=5.0, silence=(Silence(from_s=6.0, to_s=40.0),))
SETTINGS = ReferenceSettings(heartbeat_s=15.0)
VISIT = Visit(headers=(("Accept-Encoding", "gzip"),), leaves_s=50.5)


def visited(*flaws: str, visit: Visit = VISIT) -> Show:
    return play(visit, traffic=TRAFFIC, settings=SETTINGS, flaws=flaws)


def seen_with(*flaws: str, visit: Visit = VISIT) -> Seen:
    return visited(*flaws, visit=visit).seen[0]


# -- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_caught_by_a_check_there_is(name: str) -> None:
    assert FLAWS[name].caught_by in CHECKS


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_changes_what_is_right(name: str) -> None:
    changed = {
        field.name
        for field in dataclasses.fields(Behaviour)
        if getattr(behaviour([name]), field.name) != getattr(RIGHT, field.name)
    }
    assert changed == set(FLAWS[name].changes) != set()


def test_every_behaviour_has_a_flaw_that_undoes_it_and_no_two_undo_the_same() -> None:
    undone = [name for flaw in FLAWS.values() for name in flaw.changes]
    assert sorted(undone) == sorted(field.name for field in dataclasses.fields(Behaviour))


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_told_on_a_line(name: str) -> None:
    what = FLAWS[name].what
    assert what == what.strip().removesuffix(".")
    assert what[:1].islower()
    assert len(what.splitlines()) == 1


def test_without_flaws_everything_is_right() -> None:
    assert behaviour([]) == RIGHT


def test_flaws_add_up() -> None:
    assert behaviour(["no-ids", "late-headers"]) == Behaviour(has_ids=False, holds_head=True)


def test_an_unknown_flaw_is_refused() -> None:
    with pytest.raises(KeyError, match="no-manners"):
        behaviour(["no-ids", "no-manners"])


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FLAWS["new"] = FLAWS["no-ids"]  # type: ignore[index]  # that is the point


# -- on the wire -----------------------------------------------------------------------------------

RIGHT_LINES = [
    "0 retry 1000",
    "0 empty",
    "5 event 1",
    "15 : hb",
    "30 : hb",
    "40 event 2",
    "45 : hb",
    "45 event 3",
    "50 event 4",
]


def without(lines: list[str], what: str) -> list[str]:
    return [line for line in lines if what not in line]


def test_without_flaws_the_stream_is_right() -> None:
    assert seen_with().lines == RIGHT_LINES


def test_no_heartbeat_leaves_out_the_heartbeats_only() -> None:
    flawed = seen_with("no-heartbeat")
    assert flawed.lines == without(RIGHT_LINES, "hb")
    assert flawed.head == seen_with().head


def test_no_anti_buffering_headers_leaves_out_these_only() -> None:
    flawed = seen_with("no-anti-buffering-headers")
    assert flawed.head is not None
    assert flawed.head.headers == (
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("Transfer-Encoding", "chunked"),
    )
    assert flawed.reads == seen_with().reads


def test_cacheable_allows_a_minute_and_nothing_else() -> None:
    flawed, right = seen_with("cacheable"), seen_with()
    assert flawed.header("cache-control") == "max-age=60, no-transform"
    assert flawed.header("x-accel-buffering") == right.header("x-accel-buffering") == "no"
    assert flawed.reads == right.reads


def test_no_ids_leaves_out_the_ids_only() -> None:
    flawed = seen_with("no-ids")
    assert b"id:" not in flawed.body
    assert [it.data for it in flawed.events] == [it.data for it in seen_with().events]
    assert flawed.head == seen_with().head


def test_ignores_last_event_id_starts_over_with_what_comes_next() -> None:
    resumes = Visit(at_s=44.0, last_id="1", leaves_s=50.5)
    assert seen_with(visit=resumes).ids == ["2", "3", "4"]
    flawed = visited("ignores-last-event-id", visit=resumes)
    assert flawed.seen[0].ids == ["3", "4"]
    assert [it.type for it in flawed.seen[0].events] == ["message", "message"]
    assert flawed.of(journal.ServerRequest)[0].last_event_id == "1"


def test_ignores_last_event_id_tells_everybody_to_stop_after_the_end() -> None:
    traffic = Traffic(end_after_s=3.5)
    visit = Visit(at_s=5.0, last_id="1")
    assert play(visit, traffic=traffic).seen[0].status == 200
    assert play(visit, traffic=traffic, flaws=["ignores-last-event-id"]).seen[0].status == 204


def test_compresses_without_flush_keeps_events_in_the_compressor() -> None:
    traffic = Traffic(every_s=5.0, end_after_s=42.0)
    visit = Visit(headers=VISIT.headers)
    flawed = play(visit, traffic=traffic, flaws=["compresses-without-flush"]).seen[0]
    right = play(visit, traffic=traffic).seen[0]
    assert (flawed.header("content-encoding"), flawed.header("vary")) == ("gzip", "accept-encoding")
    assert zlib.decompress(flawed.body, wbits=31) == right.body
    assert len(right.events) == 8
    assert {t_s for t_s, data in flawed.reads if len(data) > 10} == {42.0}
    assert flawed.end == "end"


@pytest.mark.parametrize(
    "headers",
    [(), (("Accept-Encoding", "br"),), (("Accept-Encoding", "gzip;q=0, br"),)],
    ids=["none", "br", "no gzip"],
)
def test_compresses_without_flush_compresses_for_nobody_who_did_not_ask(
    headers: tuple[tuple[str, str], ...],
) -> None:
    visit = Visit(headers=headers, leaves_s=50.5)
    flawed = seen_with("compresses-without-flush", visit=visit)
    assert (flawed.head, flawed.reads) == (seen_with().head, seen_with().reads)


def test_ignores_disconnect_goes_on_working_for_who_has_gone() -> None:
    leaves = Visit(leaves_s=6.0)
    assert visited(visit=leaves).ends == ["6 1: the client has gone"]
    stays = Visit(at_s=0.5, leaves_s=50.5)
    flaws = ["ignores-disconnect"]
    flawed = play(leaves, stays, traffic=TRAFFIC, settings=SETTINGS, flaws=flaws)
    assert (flawed.gone_s, flawed.ends) == ([], [])
    assert flawed.seen[0].lines == RIGHT_LINES[:3]
    sent = [it.t_s for it in flawed.of(journal.ServerSent) if it.x == 1]
    assert sent == [5.0, 15.0, 30.0, 40.0, 45.0, 45.0, 50.0]


def test_late_headers_come_with_the_first_event() -> None:
    flawed = seen_with("late-headers")
    assert flawed.head_s == 5.0
    assert flawed.lines == RIGHT_LINES[2:]
    assert flawed.head == seen_with().head


def test_late_headers_come_with_the_end_when_there_is_no_event() -> None:
    traffic = Traffic(count=0, end_after_s=20.0)
    flawed = play(Visit(), traffic=traffic, flaws=["late-headers"]).seen[0]
    assert (flawed.head_s, flawed.status, flawed.body, flawed.end) == (20.0, 200, b"", "end")


def test_silent_start_is_a_head_without_a_byte() -> None:
    flawed = seen_with("silent-start")
    assert flawed.head_s == 0.0
    assert flawed.lines == RIGHT_LINES[2:]
    assert flawed.head == seen_with().head


def test_wrong_content_type_is_plain_text() -> None:
    flawed, right = seen_with("wrong-content-type"), seen_with()
    assert flawed.head is not None
    assert right.head is not None
    assert flawed.head.headers == (("content-type", "text/plain"), *right.head.headers[1:])
    assert flawed.reads == right.reads


@pytest.mark.parametrize("last_id", [None, "1"])
def test_reconnect_loop_answers_one_comment_and_a_clean_end(last_id: str | None) -> None:
    visit = Visit(at_s=41.0, last_id=last_id)
    show = visited("reconnect-loop", visit=visit)
    [flawed] = show.seen
    assert (flawed.status, flawed.body, flawed.end) == (200, b": hello\n\n", "end")
    assert show.ends == ["41 1: looping"]


def test_reconnect_loop_with_late_headers_still_ends() -> None:
    flawed = seen_with("reconnect-loop", "late-headers")
    assert (flawed.status, flawed.body, flawed.end) == (200, b"", "end")

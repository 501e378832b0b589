"""The stage of one case: who enters when, how long it is watched, and how it ends."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine.case import budget_s, perform
from harness.engine.settling import settle_s
from harness.engine.stage import Props, watch_s
from harness.model import journal
from harness.model.journal import Entry, Journal
from harness.model.scenario import Case, Target
from tests.engine.performing import authority, case_of, entries_of

ONE_HOP = [{"latency": {"delay": "20ms"}}]
LEAVES = {"eventsource": {"leave": {"at": "3s", "by": "fin"}}}


def performed(case: Case, props: Props | None = None) -> Journal:
    entries, _ = perform(case, props or Props(settle_s=settle_s(case)), None)
    return entries


def last(entries: Journal) -> Entry:
    return entries[len(entries) - 1]


def first_of[E: Entry](entries: Journal, kind: type[E]) -> E:
    return entries_of(entries, kind)[0]


# -- how long --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [
        ({"traffic": {"every": "1s", "end_after": "100s"}}, 130.0),
        ({"traffic": {"every": "1s", "end_after": "100s"}, "watch": "20s"}, 20.0),
        ({"traffic": {"every": "1s"}}, 90.0),
        ({"traffic": None}, 90.0),
    ],
)
def test_a_case_is_watched_past_the_end_of_its_feed(
    scenario: dict[str, Any], seconds: float
) -> None:
    assert watch_s(case_of(**scenario)) == seconds


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [
        ({}, 1.0),
        ({"expect": {"disconnect_noticed": "30s"}}, 1.0),  # nobody leaves
        ({"client": LEAVES}, 1.0),
        ({"client": LEAVES, "expect": {"disconnect_noticed": "30s"}}, 31.0),
        ({"client": ["eventsource", LEAVES], "expect": {"disconnect_noticed": "2s"}}, 3.0),
    ],
)
def test_whoever_leaves_gives_the_target_time_to_notice(
    scenario: dict[str, Any], seconds: float
) -> None:
    assert settle_s(case_of(**scenario)) == seconds


def test_the_budget_is_more_than_a_virtual_case_can_use() -> None:
    case = case_of(watch="20s")
    assert budget_s(case, Props(settle_s=3.0)) == 83.0
    assert budget_s(case_of(watch="20s", clock="real"), Props()) == math.inf


@pytest.mark.parametrize("settling_s", [0.0, 5.0])
def test_a_case_is_over_some_time_after_its_last_client_is_done(settling_s: float) -> None:
    case = case_of(client=["eventsource", {"eventsource": {"start": "5s", "reconnect": False}}])
    entries = performed(case, Props(settle_s=settling_s))
    done = entries_of(entries, journal.ClientDone)
    assert [it.client for it in done] == [2, 1]  # one does not come back to be told to stop
    over = last(entries)
    assert isinstance(over, journal.StageOver)
    assert over.reason == "every client is done"
    assert over.t_s == pytest.approx(done[-1].t_s + settling_s, abs=1e-5)


def test_a_case_is_not_watched_longer_than_it_says() -> None:
    case = case_of(traffic={"every": "1s"}, watch="20s")
    entries = performed(case)
    over = last(entries)
    assert isinstance(over, journal.StageOver)
    assert (over.reason, over.t_s) == ("watched for 20 s", 20.0)
    assert entries.is_whole
    assert first_of(entries, journal.ClientEnd).how == "open"


def test_that_the_watch_ends_is_no_leaving_for_a_hop_to_notice() -> None:
    case = case_of(traffic={"every": "1s"}, watch="20s", through=[{"client_gone": {}}])
    notes = entries_of(performed(case), journal.FaultNote)
    assert [it.what for it in notes] == ["armed", "not_reached"]


def test_settling_does_not_go_past_the_watch() -> None:
    case = case_of(traffic={"every": "1s"}, client=LEAVES, watch="5s")
    entries = performed(case, Props(settle_s=60.0))
    over = last(entries)
    assert isinstance(over, journal.StageOver)
    assert (over.reason, over.t_s) == ("every client is done", 5.0)


@pytest.mark.parametrize(("is_heard", "seconds"), [(True, 1.0), (False, 20.0)])
def test_settling_is_over_a_second_after_what_is_waited_for(is_heard: bool, seconds: float) -> None:
    case = case_of(traffic={"every": "1s"}, client=LEAVES, watch="100s", through=ONE_HOP)
    entries = performed(case, Props(settle_s=20.0, is_settled=lambda: is_heard))
    left = first_of(entries, journal.ClientLeft)
    assert last(entries).t_s == pytest.approx(left.t_s + seconds, abs=1e-5)


def test_a_watch_is_over_once_enough_was_seen() -> None:
    heard: list[Entry] = []
    case = case_of(traffic={"every": "1s"}, watch="20s", through=ONE_HOP)
    props = Props(
        watch=heard.append,
        is_enough=lambda: sum(isinstance(it, journal.ClientRead) for it in heard) >= 5,
    )
    entries = performed(case, props)
    over = last(entries)
    reads = entries_of(entries, journal.ClientRead)
    assert isinstance(over, journal.StageOver)
    assert over.reason == "enough was seen"
    assert len(reads) == 5
    assert reads[-1].t_s <= over.t_s <= reads[-1].t_s + 0.101
    assert first_of(entries, journal.ClientEnd).how == "open"


def test_what_tearing_down_causes_is_not_part_of_the_case() -> None:
    entries = performed(case_of(traffic={"every": "1s"}, watch="5s", through=ONE_HOP))
    assert entries_of(entries, journal.HopClientGone) == []
    assert entries_of(entries, journal.TapEnd) == []


def test_faults_say_how_they_stand_before_the_case_is_over() -> None:
    entries = performed(case_of(traffic={"every": "1s"}, watch="5s", through=ONE_HOP))
    notes = [it.what for it in entries_of(entries, journal.FaultNote)]
    assert notes[0] == "armed"
    assert notes[-1] in {"fired", "defeated", "not_reached"}


# -- who enters ------------------------------------------------------------------------------------


def test_nothing_happens_before_the_stage_is_ready() -> None:
    entries = performed(case_of(through=ONE_HOP))
    assert isinstance(entries[1], journal.StageReady)
    assert entries[1].t_s == 0.0


def test_the_feed_begins_when_the_stage_is_ready() -> None:
    entries = performed(case_of(through=[{"latency": {"delay": "3s"}}]))
    assert [it.t_s for it in entries_of(entries, journal.ServerFeed)][:2] == [1.0, 2.0]


def test_clients_arrive_in_order_a_microsecond_apart() -> None:
    entries = performed(case_of(client=["eventsource"] * 3, through=ONE_HOP))
    asked = [it for it in entries_of(entries, journal.ClientRequest) if it.x == 1]
    assert [(it.client, it.t_s) for it in asked] == [(1, 0.0), (2, 1e-6), (3, 2e-6)]


def test_hops_stand_between_client_and_target_in_the_order_they_are_written() -> None:
    entries = performed(case_of(through=[{"latency": {"delay": "1s"}}, {}, {}]))
    assert [it.hop for it in entries_of(entries, journal.HopRequest)][:3] == [1, 2, 3]
    requests = (journal.ClientRequest, journal.HopRequest, journal.TapRequest)
    times = [it.t_s for it in entries if isinstance(it, (*requests, journal.ServerRequest))]
    assert times == sorted(times)


def test_a_direct_chain_has_a_tap_and_no_hop() -> None:
    entries = performed(case_of())
    assert entries_of(entries, journal.HopRequest) == []
    assert [it.x for it in entries_of(entries, journal.TapRequest)] == [1, 2]


def test_clients_that_speak_tls_trust_the_ca_of_the_run(tmp_path: Path) -> None:
    case = case_of(
        client=[{"eventsource": {"http": "2"}}, {"eventsource": {"http": "1.1", "tls": True}}],
        through=ONE_HOP,
    )
    entries = performed(case, Props(ca=authority([case], tmp_path)))
    heads = [it for it in entries_of(entries, journal.ClientHead) if it.x == 1]
    assert [(it.client, it.version, it.status) for it in heads] == [
        (1, "HTTP/2", 200),
        (2, "HTTP/1.1", 200),
    ]


# -- other targets ---------------------------------------------------------------------------------


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Somebody listens there, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_target_of_somebody_elses_has_no_record_of_its_own(silent_port: int) -> None:
    case = case_of(
        clock="real",
        target=Target(url=f"http://127.0.0.1:{silent_port}/events"),
        traffic=None,
        watch="300ms",
    )
    entries = performed(case)
    assert not entries.case.is_reference
    assert first_of(entries, journal.TapRequest).target == "/events"
    assert entries_of(entries, journal.ServerRequest) == []
    assert entries_of(entries, journal.StageProblem) == []
    assert 0.3 <= last(entries).t_s < 5.0


# -- the real clock --------------------------------------------------------------------------------


def test_a_real_case_journals_how_late_this_process_wakes_up(tmp_path: Path) -> None:
    (tmp_path / "hog.py").write_text(
        "import time\n\ndef responseheaders(flow):\n    time.sleep(0.2)\n"
    )
    case = case_of(
        clock="real",
        traffic={"every": "100ms", "end_after": "250ms"},
        server={"retry": "10ms"},
        through=[{"script": "hog.py"}],
    )
    began_s = time.perf_counter()
    entries = performed(case, Props(base=tmp_path, settle_s=0.0))
    lags = [it.lag_s for it in entries_of(entries, journal.StageLag)]
    assert lags == sorted(lags)  # the worst so far, each time
    assert 0.1 < lags[-1] < time.perf_counter() - began_s


def test_a_virtual_case_is_never_late() -> None:
    assert entries_of(performed(case_of(through=ONE_HOP)), journal.StageLag) == []

"""One hop, sans-IO: ends, clients that go, and the exchanges they belong to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.faults.base import (
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Event,
    Forward,
    ForwardHead,
    GoneHow,
    Note,
    PauseUpstream,
    RequestData,
    RequestEnd,
    ResponseHead,
    ResumeUpstream,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
)
from harness.faults.buffer import Buffer
from harness.faults.pipeline import Pipeline
from harness.hops.machine import HopMachine
from harness.model import journal
from harness.model.journal import Entry
from tests.testkit.stage_machine import GET, OK, Hop, begun

# -- ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
def test_nothing_follows_an_end(how: EndHow) -> None:
    hop = begun()
    assert hop.say(ForwardHead(OK), End(how))[1:] == [End(how)]
    assert hop.say(Forward(b"x"), End("end"), ForwardHead(OK), Answer(503)) == []
    assert [it.how for it in hop.entries if isinstance(it, journal.HopEnd)] == [how]


def test_an_end_leaves_upstream_to_the_fault() -> None:
    hop = begun()
    hop.say(ForwardHead(OK), End("truncation"))
    assert not hop.machine.is_over(1)
    assert hop.say(CloseUpstream("fin")) == [CloseUpstream("fin")]
    assert hop.machine.is_over(1)


def test_upstream_left_open_is_open_until_it_ends() -> None:
    hop = begun()
    hop.say(ForwardHead(OK), End("end"), CloseUpstream("leave_open"))
    assert not hop.machine.is_over(1)
    hop.fault.says = []
    hop.take(Data(b"more"))
    hop.take(UpstreamEnd("end"))
    assert hop.machine.is_over(1)
    told = [Data(b"more"), UpstreamEnd("end"), CaseOver()]
    assert hop.fault.seen[-3:] == [(1, event) for event in told]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_upstream_is_closed_once(how: str) -> None:
    hop = begun()
    assert hop.say(CloseUpstream("rst" if how == "rst" else "fin"), CloseUpstream("fin")) == [
        CloseUpstream("rst" if how == "rst" else "fin")
    ]
    assert [it.how for it in hop.entries if isinstance(it, journal.HopClosedUpstream)] == [how]


def test_an_attempt_that_ended_by_itself_needs_no_closing() -> None:
    hop = begun()
    hop.fault.says = []
    hop.take(UpstreamEnd("truncation"))
    assert hop.say(CloseUpstream("fin")) == []


COUNT = 3_000

LATE: Sequence[Event] = (ResponseHead(200, ()), Data(b"late"), UpstreamEnd("end"))


@pytest.mark.parametrize("event", LATE, ids=lambda it: type(it).__name__)
def test_what_still_comes_from_an_attempt_that_was_closed_is_dropped(event: Event) -> None:
    hop = begun()
    hop.say(CloseUpstream("fin"))
    seen, entries = len(hop.fault.seen), len(hop.entries)
    assert hop.take(event) == []
    assert (len(hop.fault.seen), len(hop.entries)) == (seen, entries)


def test_attempts_of_one_exchange_end_apart() -> None:
    hop = begun()
    hop.fault.says = []
    hop.take(UpstreamEnd("refused", 0))
    assert hop.say(SendRequest(GET, 1)) == [SendRequest(GET, 1)]
    assert hop.say(ForwardHead(OK), End("end"), CloseUpstream("fin", 0))[-1] == End("end")
    assert not hop.machine.is_over(1)
    hop.fault.says = []
    hop.take(UpstreamEnd("end", 1))
    assert hop.machine.is_over(1)


# -- clients that go ---------------------------------------------------------------------------


def test_a_client_goes_once() -> None:
    hop = begun()
    assert hop.take(ClientGone("rst")) == [CloseUpstream("rst")]
    assert hop.take(ClientGone("fin")) == []
    assert [it.how for it in hop.entries if isinstance(it, journal.HopClientGone)] == ["rst"]
    assert hop.machine.is_over(1)


def test_a_client_that_goes_after_all_is_over_is_no_news() -> None:
    hop = begun()
    hop.say(Answer(503), CloseUpstream("fin"))
    assert hop.take(ClientGone("fin")) == []
    assert "HopClientGone" not in hop.kinds


def test_a_client_may_leave_a_stall() -> None:
    hop = begun()
    hop.say(ForwardHead(OK), End("stall"), CloseUpstream("leave_open"))
    assert hop.take(ClientGone("fin")) == [CloseUpstream("fin")]


@pytest.mark.parametrize(
    ("version", "how"), [("HTTP/1.1", "rst"), ("HTTP/2", "fin"), ("HTTP/2", "cancel")]
)
def test_nothing_is_sent_to_a_client_that_has_gone(version: str, how: GoneHow) -> None:
    hop = Hop()
    hop.begin(replace(GET, version=version))
    hop.say(ForwardHead(OK))
    hop.fault.says = []
    hop.take(ClientGone(how))
    assert hop.say(Forward(b"x"), Answer(503), End("end")) == []
    assert "HopEnd" not in hop.kinds
    assert not hop.machine.is_over(1)  # upstream is still being read
    assert hop.say(CloseUpstream("fin")) == [CloseUpstream("fin")]
    assert hop.machine.is_over(1)


def test_a_client_that_closed_one_side_may_read_on() -> None:
    hop = begun()
    hop.fault.says = []
    assert hop.take(ClientGone("fin")) == []
    assert [type(it) for it in hop.say(ForwardHead(OK), Forward(b"x"))] == [ForwardHead, Forward]
    assert hop.take(ClientGone("fin")) == []
    assert hop.say(End("truncation")) == [End("truncation")]
    assert "HopEnd" in hop.kinds


def test_a_client_that_has_closed_is_told_of_again_when_a_write_meets_its_reset() -> None:
    hop = begun()
    hop.fault.says = []
    for how in ("fin", "rst", "rst", "fin"):
        hop.take(ClientGone(how))
    assert hop.fault.seen[1:] == [(1, ClientGone("fin")), (1, ClientGone("rst"))]
    assert hop.say(ForwardHead(OK), End("end")) == []
    assert [it.how for it in hop.entries if isinstance(it, journal.HopClientGone)] == ["fin"]


# -- time --------------------------------------------------------------------------------------


def test_the_last_wish_to_be_woken_counts_and_a_wake_uses_it_up() -> None:
    hop = begun()
    assert hop.machine.wake_s(1) == math.inf
    assert hop.say(WakeAt(5.0), WakeAt(7.0)) == [WakeAt(5.0), WakeAt(7.0)]
    assert hop.machine.wake_s(1) == 7.0
    hop.take(Wake())
    assert hop.machine.wake_s(1) == math.inf
    assert hop.machine.wake_s(99) == math.inf


def test_pausing_is_passed_on() -> None:
    hop = begun()
    assert hop.say(PauseUpstream(), ResumeUpstream()) == [PauseUpstream(), ResumeUpstream()]


# -- exchanges ---------------------------------------------------------------------------------


def test_exchanges_are_numbered_from_1_and_know_nothing_of_each_other() -> None:
    hop = Hop()
    assert [hop.begin(), hop.begin()] == [1, 2]
    hop.say(Answer(503), CloseUpstream("fin"), x=1)
    assert (hop.machine.is_over(1), hop.machine.is_over(2)) == (True, False)


def test_an_action_goes_to_the_exchange_it_names() -> None:
    hop = Hop()
    hop.begin()
    hop.begin()
    hop.fault.says = [(2, ForwardHead(OK)), (1, ForwardHead(OK)), (2, Forward(b"x"))]
    done = hop.machine.step(0.0, 1, Wake())
    assert [(y, type(action)) for y, action in done] == [
        (2, ForwardHead),
        (1, ForwardHead),
        (2, Forward),
    ]


# -- after the end -----------------------------------------------------------------------------


def over(*notes: Note) -> Hop:
    """A hop whose exchange 1 is over; its fault says `notes` whenever it speaks."""
    hop = begun()
    hop.fault.says = [Answer(503), CloseUpstream("fin"), *notes]
    hop.take(Wake())
    hop.fault.says = list(notes)
    return hop


def test_its_faults_hear_once_that_an_exchange_is_over_and_nothing_after() -> None:
    hop = over()
    heard = list(hop.fault.seen)
    assert heard[-1] == (1, CaseOver())
    hop.machine.close(9.0)
    assert hop.fault.seen == heard


def test_what_they_say_then_is_journalled_at_once() -> None:
    hop = over(Note("not_reached", "1 of 60 s"))
    notes = [it.reason for it in hop.entries if isinstance(it, journal.FaultNote)]
    assert hop.kinds[-1] == "FaultNote"
    assert notes == ["1 of 60 s", "1 of 60 s"]  # it said so at its wake, too


AFTER: Sequence[Event] = (
    *LATE,
    RequestData(b"x"),
    RequestEnd(),
    ClientGone("rst"),
    Wake(),
)


@pytest.mark.parametrize("event", AFTER, ids=lambda it: type(it).__name__)
def test_what_comes_for_an_exchange_that_is_over_is_ignored(event: Event) -> None:
    hop = over(Note("fired", "too late"))
    seen, entries = len(hop.fault.seen), len(hop.entries)
    assert hop.take(event) == []
    assert (len(hop.fault.seen), len(hop.entries)) == (seen, entries)
    assert hop.machine.wake_s(1) == math.inf


def test_an_exchange_that_wanted_to_be_woken_no_longer_does_when_it_is_over() -> None:
    hop = begun()
    hop.say(WakeAt(5.0), Answer(503), CloseUpstream("fin"))
    assert hop.machine.wake_s(1) == math.inf


def test_what_another_exchange_says_for_one_that_is_over_is_ignored() -> None:
    hop = over()
    hop.begin()
    hop.fault.says = [(1, Forward(b"x")), (1, WakeAt(9.0)), (1, Note("fired", "late"))]
    entries = len(hop.entries)
    assert hop.machine.step(0.0, 2, Wake()) == []
    assert len(hop.entries) == entries


def test_an_exchange_that_another_one_ends_hears_of_it() -> None:
    hop = Hop()
    hop.begin()
    hop.begin()
    hop.fault.says = [(1, Answer(503)), (1, CloseUpstream("fin"))]
    hop.machine.step(0.0, 2, Wake())
    assert hop.fault.seen[-1] == (1, CaseOver())
    assert (hop.machine.is_over(1), hop.machine.is_over(2)) == (True, False)


def test_ten_thousand_exchanges_leave_nothing_behind() -> None:
    fault, entries = Buffer(flush_after_s=1.0).start(lambda: 0.5), list[Entry]()
    pipeline = Pipeline([fault])
    machine = HopMachine(1, ["buffer"], pipeline, entries.append)
    for _ in range(COUNT):
        x = machine.new_exchange()
        for event in (GET, RequestEnd(), OK, Data(b"data: x\n\n"), UpstreamEnd("end"), Wake()):
            machine.step(0.0, x, event)
    tables = [vars(machine), vars(pipeline), vars(fault)]
    kept = {
        name: len(it)
        for table in tables
        for name, it in table.items()
        if isinstance(it, dict | set)
    }
    assert kept == dict.fromkeys(("_states", "_flows", "_touched", "_ended"), 0)
    outcomes = [it for it in entries if isinstance(it, journal.FaultNote) and it.what != "armed"]
    assert len(outcomes) == len({(it.fault, it.x) for it in outcomes}) == COUNT

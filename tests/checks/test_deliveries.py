from __future__ import annotations

import zlib

import pytest

from harness.checks.deliveries import Deliveries
from harness.checks.evidence import Evidence
from tests.testkit.journals import STREAM, Stage


def first(stage: Stage) -> Deliveries:
    evidence = Evidence.of(stage.journal())
    return evidence.deliveries(evidence.attempts[0])


def test_delay_is_arrival_less_entry_event_by_event() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2, arrives_s=5.5)
    assert [it.delay_s for it in first(stage).arrived] == [0.0, 3.5]


@pytest.mark.parametrize("cut_at", [1, 7, 20])
def test_reads_need_not_be_cut_alike(cut_at: int) -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    block = b"id: 1\ndata: one\n\nid: 2\ndata: two\n\n"
    stream.tap_read(1.0, block)
    stream.client_read(2.0, block[:cut_at])
    stream.client_read(4.0, block[cut_at:])
    delays = [it.delay_s for it in first(stage).arrived]
    assert delays == ([1.0, 3.0] if cut_at == 20 else [3.0, 3.0])


def test_a_missing_event_does_not_shift_the_others() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2, lost_at=1)
    stream.event(3.0, 3, arrives_s=4.0)
    found = first(stage)
    assert [it.delay_s for it in found.arrived] == [0.0, 1.0]
    assert [it.seen.item.id_field for it in found.missing] == ["2"]


def test_events_alike_are_matched_in_order() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    for t_s in (1.0, 2.0, 3.0):
        stream.say(t_s, "data: tick\n\n", arrives_s=t_s + 0.5)
    found = first(stage)
    assert [it.delay_s for it in found.arrived] == [0.5, 0.5, 0.5]
    assert found.missing == ()


def test_matches_a_coded_stream_with_a_plain_one() -> None:
    stage = Stage()
    coded = (*STREAM, ("Content-Encoding", "gzip"))
    stream = stage.connect(0.0, remade={1: coded})
    coder = zlib.compressobj(wbits=31)
    for seq in range(1, 4):
        block = f"id: {seq}\ndata: event {seq}\n\n"
        got = coder.compress(block.encode()) + coder.flush(zlib.Z_SYNC_FLUSH)
        stream.say(float(seq), block, got=got, arrives_s=seq + 0.25)
    assert [it.delay_s for it in first(stage).arrived] == [0.25, 0.25, 0.25]


def test_an_event_of_another_exchange_is_found_by_its_content() -> None:
    stage = Stage()
    stage.connect(0.0, client=2).event(1.0, 1)
    cached = stage.answer(9.0, 200, by=1, client=1)
    cached.client_read(9.0, b"id: 1\ndata: event 1\n\n")
    (delivery,) = first(stage).arrived
    assert delivery.delay_s == 8.0
    assert delivery.said is not None
    assert delivery.said.exchange.x == 1


def test_an_event_nobody_said_has_no_delay() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.say(1.0, "data: a\n\n", got="data: b\n\n")
    found = first(stage)
    assert [it.delay_s for it in found.arrived] == [None]
    assert len(found.missing) == 1


def test_what_comes_before_it_was_said_is_not_that_event() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.client_read(1.0, b"data: a\n\n")
    stream.tap_read(2.0, b"data: a\n\n")
    assert [it.delay_s for it in first(stage).arrived] == [None]

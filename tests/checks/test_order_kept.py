from __future__ import annotations

import pytest

from harness.checks.order_kept import OrderKept
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import Stage

CHECK = OrderKept()


def good() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 9)
    first.cut(10.5, hop=1)
    stage.connect(11.5, last_id="9").events(10, 12, from_s=12.0)
    return stage.journal()


def new_before_missed() -> Journal:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(3.5, hop=1)
    stage.feed(4.0, 4)
    second = stage.connect(4.5, last_id="3")
    second.event(5.0, 5)
    second.event(5.1, 4, is_fed=False)
    return stage.journal()


def swapped_by_a_hop() -> Journal:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    blocks = {seq: f"id: {seq}\ndata: event {seq}\n\n".encode() for seq in range(1, 5)}
    for seq, block in blocks.items():
        stream.tap_read(float(seq), block)
    for t_s, seq in ((5.0, 1), (6.0, 3), (7.0, 2), (8.0, 4)):
        stream.client_read(t_s, blocks[seq])
    return stage.journal()


BROKEN = {"new before missed": new_before_missed, "swapped by a hop": swapped_by_a_hop}


def test_a_reconnect_does_not_break_the_order() -> None:
    assert only(CHECK, good()).observed == "12 events in order"


def test_the_target_has_to_send_first_what_was_missed() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 3)
    first.cut(3.5, hop=1)
    stage.feed(4.0, 4)
    stage.feed(4.1, 5)
    second = stage.connect(4.5, last_id="3")
    second.event(4.5, 5, is_fed=False)
    second.event(4.6, 4, is_fed=False)
    finding = only(CHECK, stage.journal())
    assert finding.hop is None
    assert finding.observed == "client 1 got event 4 after event 5 (1 of 5 events out of order)"


def test_two_writers_of_one_stream_are_the_targets_doing() -> None:
    stage = Stage()
    stage.feed(1.0, 1)
    stage.feed(1.0, 2)
    stream = stage.connect(0.0)
    stream.event(2.0, 2, is_fed=False)
    stream.event(2.1, 1, is_fed=False)
    finding = only(CHECK, stage.journal())
    assert finding.hop is None
    assert finding.fix.startswith("write to one stream from one place")


def test_a_hop_that_swaps_is_to_blame() -> None:
    finding = only(CHECK, swapped_by_a_hop())
    assert finding.hop == 1
    assert finding.observed == "client 1 got id 2 after id 3 (1 of 4 events out of order)"


def test_a_repetition_is_no_disorder() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.event(4.0, 2, is_fed=False)
    assert only(CHECK, stage.journal()).outcome == "PASS"


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_one_event_has_no_order(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0).event(1.0, 1)
    assert only(CHECK, stage.journal()).outcome == outcome

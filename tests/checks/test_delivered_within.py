from __future__ import annotations

import gzip
import zlib

import pytest

from harness.checks.delivered_within import DeliveredWithin
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import STREAM, Stage, without

CHECK = DeliveredWithin(within_s=1.0)
GZIP = (*STREAM, ("Content-Encoding", "gzip"))


def good() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.event(10.0, 10, arrives_s=10.4)
    return stage.journal()


def held_by_the_second_hop() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0, headers=without("X-Accel-Buffering"))
    stream.event(1.0, 1)
    for seq in range(2, 6):
        stream.event(float(seq), seq, arrives_s=20.0, held_at=2)
    return stage.journal()


def never_comes_out() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2, lost_at=1)
    return stage.journal(over_s=60.0)


def head_and_all_held() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0, head_s=float("inf"))
    stream.say(1.0, "id: 1\ndata: one\n\n", lost_at=1)
    return stage.journal(over_s=60.0)


def kept_in_the_targets_coder() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0, headers=GZIP)
    coder = zlib.compressobj(wbits=31)
    coded = b""
    for seq in range(1, 4):
        stream.hand_over(float(seq), seq)
        coded += coder.compress(f"id: {seq}\ndata: event {seq}\n\n".encode())
    stream.say(30.0, coded + coder.flush(zlib.Z_SYNC_FLUSH))
    stream.hand_over(40.0, 4)
    return stage.journal()


BROKEN = {
    "kept in the target's coder": kept_in_the_targets_coder,
    "held by the second hop": held_by_the_second_hop,
    "never comes out": never_comes_out,
}


def test_says_the_longest_delay() -> None:
    finding = only(CHECK, good())
    assert finding.observed == "10 events within 0.400 s"
    assert finding.margin == 0.6


def test_blames_the_hop_at_which_the_event_waited_longest() -> None:
    finding = only(CHECK, held_by_the_second_hop())
    assert finding.hop == 2
    assert finding.margin == -17.0
    assert finding.observed.startswith("4 of 5 events late; the worst took 18.0 s, 18.0 s of them")
    assert "X-Accel-Buffering: no" in finding.fix


def test_an_event_that_entered_and_never_arrived_counts() -> None:
    finding = only(CHECK, never_comes_out())
    assert finding.hop == 1
    assert finding.margin == -57.0
    assert "1 of them never arrived" in finding.observed
    assert "does not heed X-Accel-Buffering" in finding.fix


def test_an_event_cut_off_within_the_bound_is_not_late() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(9.5, 2, lost_at=1)
    stream.cut(10.0, hop=1)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_delay_that_is_the_same_for_all_is_latency() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    for seq in range(1, 5):
        stream.event(float(seq), seq, arrives_s=seq + 3.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "FAIL"
    assert finding.fix.startswith("allow for 3.0 s")


def test_is_measured_by_event_through_a_compressing_hop() -> None:
    stage = Stage(hops=2)
    stream = stage.connect(0.0, headers=without("Cache-Control"), remade={2: GZIP})
    coder = zlib.compressobj(wbits=31)
    said = [f"id: {seq}\ndata: event {seq}\n\n".encode() for seq in range(1, 4)]
    coded = b""
    for seq, block in enumerate(said, 1):
        stage.feed(float(seq), seq)
        coded += coder.compress(block)
        if seq < 3:
            # The compressor has it and gives nothing out: hop 1 gets nothing to pass on.
            stream.say(float(seq), block, lost_at=2)
    coded += coder.flush(zlib.Z_SYNC_FLUSH)
    stream.say(3.0, said[2], got=coded, held_at=2, arrives_s=8.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "FAIL"
    assert finding.hop == 2
    assert finding.margin == -6.0
    assert "no-transform" in finding.fix


def test_is_measured_when_the_target_itself_compresses() -> None:
    stage = Stage()
    stream = stage.connect(0.0, headers=GZIP)
    stream.say(1.0, gzip.compress(b"data: a\n\ndata: b\n\n"), arrives_s=1.5)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "PASS"
    assert finding.observed == "2 events within 0.500 s"


def test_an_old_event_out_of_a_cache_is_late_by_its_age() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1)
    second = stage.answer(50.0, 200, by=1, client=2)
    second.client_read(50.0, b"id: 1\ndata: event 1\n\n")
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "FAIL"
    assert finding.margin == -48.0
    assert finding.hop == 1


def test_the_reference_server_tells_what_its_own_coder_keeps() -> None:
    finding = only(CHECK, kept_in_the_targets_coder())
    assert finding.hop is None
    assert finding.margin == -59.0
    assert finding.observed == (
        "4 of 4 events late, 1 of them never arrived; the worst was still held after 60.0 s, "
        "inside the target"
    )
    assert finding.fix.startswith("flush the gzip coder after every event")


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_a_target_without_events_gives_no_evidence(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0).heartbeats(1.0, 2.0)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_a_held_head_makes_every_event_late() -> None:
    finding = only(CHECK, head_and_all_held())
    assert finding.outcome == "FAIL"
    assert finding.hop == 1

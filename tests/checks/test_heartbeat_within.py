from __future__ import annotations

import pytest

from harness.checks.heartbeat_within import HeartbeatWithin
from harness.model.journal import Journal
from tests.checks.judging import only
from tests.testkit.journals import Stage

CHECK = HeartbeatWithin(within_s=30.0)


def good() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.heartbeats(15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
    return stage.journal()


def target_is_silent() -> Journal:
    stage = Stage()
    stage.connect(0.0).event(1.0, 1)
    return stage.journal()


def hop_holds_heartbeats() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    for t_s in range(15, 100, 15):
        stream.say(float(t_s), ": hb\n\n", arrives_s=99.0, held_at=2)
    return stage.journal()


BROKEN = {"target is silent": target_is_silent, "hop holds heartbeats": hop_holds_heartbeats}


def test_any_byte_ends_a_silence() -> None:
    finding = only(CHECK, good())
    assert finding.observed == "longest silence 15.0 s"
    assert finding.margin == 15.0


def test_a_silent_target_has_to_send_comments() -> None:
    finding = only(CHECK, target_is_silent())
    assert finding.hop is None
    assert finding.margin == -69.0
    assert finding.observed == "silent for 99.0 s from 1.0 s on, the target too"
    assert finding.fix == 'send a comment (": hb\\n\\n") at least every 15 s'


def test_heartbeats_that_were_sent_and_not_seen_are_the_hops_doing() -> None:
    finding = only(CHECK, hop_holds_heartbeats())
    assert finding.hop == 2
    assert finding.observed == "silent for 98.0 s from 1.0 s on, while the target spoke"


def test_a_silence_that_ends_in_a_cut_counts() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(10.0, 1)
    stream.cut(70.0, hop=1)
    assert only(CHECK, stage.journal()).margin == -30.0


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_a_stream_shorter_than_the_bound_shows_nothing(is_reference: bool, outcome: str) -> None:
    stage = Stage(is_reference=is_reference)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.end(5.0)
    assert only(CHECK, stage.journal()).outcome == outcome


def test_heartbeats_exactly_at_the_bound_are_in_time() -> None:
    stage = Stage()
    stage.connect(0.0).heartbeats(30.0, 60.0, 90.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "PASS"
    assert finding.margin == 0.0


def test_a_silence_nobody_counted_is_not_blamed_on_one_hop_of_two() -> None:
    stage = Stage(hops=2, recorded=set(), has_relays=False)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    for t_s in range(15, 100, 15):
        stream.say(float(t_s), ": hb\n\n", arrives_s=99.0)
    finding = only(CHECK, stage.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", None)
    assert "while the target spoke" in finding.observed

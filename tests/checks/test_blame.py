from __future__ import annotations

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest

from harness.checks.blame import Ending
from harness.checks.evidence import Evidence
from harness.model import journal as j
from harness.model.journal import HopEnd, HopUpstreamEnd
from tests.testkit.journals import STREAM, Stage


def ending(stage: Stage, at: int = 0) -> Ending:
    evidence = Evidence.of(stage.journal())
    found = evidence.ending(evidence.attempts[at])
    assert found is not None
    return found


# Every hop keeps a record; none does, as programs; or two programs are neighbours.
RECORDS = pytest.mark.parametrize("recorded", [None, set[int](), {1}, {3}], ids=str)


@RECORDS
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_the_hop_nearest_the_target_that_ended_it_is_to_blame(
    hop: int, recorded: set[int] | None
) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.cut(61.0, hop=hop)
    found = ending(stage)
    assert (found.by, found.hop, found.how) == ("hop", hop, "truncation")
    assert (found.life_s, found.silence_s, found.body_bytes, found.events) == (61.0, 60.0, 21, 1)


@RECORDS
@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
def test_what_the_target_ended_is_nobodys_else_doing(how: str, recorded: set[int] | None) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stage.connect(0.0).end(5.0, how)  # type: ignore[arg-type]  # one of the three
    assert (ending(stage).by, ending(stage).hop) == ("target", None)


def test_a_hop_that_lets_out_the_rest_after_the_end_is_not_to_blame() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stage.put(5.0, j.TapEnd(x=1, by="target", how="end"))
    stage.put(5.0, HopUpstreamEnd(hop=1, x=1, attempt=0, how="end"))
    stage.put(9.0, HopEnd(hop=1, x=1, how="end"))
    stream.client_end(9.0, "end")
    assert ending(stage).by == "target"


def test_a_hop_that_closed_upstream_itself_is_to_blame_for_the_end_that_follows() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stage.put(5.0, j.HopClosedUpstream(hop=1, x=1, attempt=0, how="fin"))
    stage.put(5.1, HopUpstreamEnd(hop=1, x=1, attempt=0, how="truncation"))
    stage.put(5.2, HopEnd(hop=1, x=1, how="truncation"))
    stream.client_end(5.2, "truncation")
    assert ending(stage).hop == 1


def test_a_hop_that_gives_up_its_last_attempt_is_to_blame_not_who_ended_the_first() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stage.put(5.0, HopUpstreamEnd(hop=1, x=1, attempt=0, how="reset"))
    stage.put(5.0, j.HopAttempt(hop=1, x=1, attempt=1, version="HTTP/1.1", headers=()))
    stage.put(9.0, HopEnd(hop=1, x=1, how="truncation"))
    stream.client_end(9.0, "truncation")
    assert ending(stage).hop == 1


@RECORDS
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_an_answer_of_its_own_is_the_hops_doing(hop: int, recorded: set[int] | None) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stage.answer(0.0, 504, by=hop, at_s=60.0)
    found = ending(stage)
    assert (found.by, found.hop, found.is_before_head, found.silence_s) == ("hop", hop, True, 60.0)


@RECORDS
def test_an_error_of_the_target_is_its_own(recorded: set[int] | None) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stage.connect(0.0, status=503).end(0.0)
    assert ending(stage).by == "target"


def test_a_client_that_leaves_blames_nobody() -> None:
    stage = Stage(hops=2)
    stage.connect(0.0).leave(5.0)
    assert (ending(stage).by, ending(stage).hop) == ("client", None)


def test_an_open_response_has_no_ending() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.client_end(100.0, "open")
    evidence = Evidence.of(stage.journal())
    assert evidence.ending(evidence.attempts[0]) is None


def test_a_refused_connection_is_the_first_hops_doing_or_the_targets() -> None:
    through, direct = Stage(hops=2), Stage(hops=0)
    through.refuse(0.0)
    direct.refuse(0.0)
    assert ending(through).hop == 1
    assert ending(direct).by == "target"


@pytest.mark.parametrize(
    ("hops", "recorded", "by", "hop"),
    [
        (1, set[int](), "hop", 1),
        (2, {1}, "hop", 2),
        (2, {2}, "hop", 1),
        (2, set[int](), "unknown", None),
    ],
)
def test_a_real_hop_alone_is_known_by_what_the_others_did_not_do(
    hops: int, recorded: set[int], by: str, hop: int | None
) -> None:
    stage = Stage(hops=hops, recorded=recorded, has_relays=False)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.cut(60.0, hop=hop or 1)
    assert (ending(stage).by, ending(stage).hop) == (by, hop)


@pytest.mark.parametrize("recorded", [set[int](), {2}])
def test_a_silence_at_a_real_hop_begins_when_its_upstream_fell_silent(recorded: set[int]) -> None:
    stage = Stage(hops=1 + len(recorded), recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2, arrives_s=2.2, held_at=1)
    stream.cut(4.0, hop=1)
    assert (ending(stage).hop, ending(stage).silence_s) == (1, 2.0)


@pytest.mark.parametrize("recorded", [set[int](), {2}, {1}, {1, 2}])
def test_a_silence_ends_when_a_hop_lets_go_of_its_upstream(recorded: set[int]) -> None:
    stage = Stage(hops=max(recorded, default=1), recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2)
    stream.cut(5.0, hop=1, closed_s=4.0)
    assert (ending(stage).hop, ending(stage).silence_s) == (1, 2.0)


@pytest.mark.parametrize("recorded", [set[int](), {2}, {1, 2}])
def test_what_an_upstream_that_is_left_open_says_afterwards_broke_no_silence(
    recorded: set[int],
) -> None:
    stage = Stage(hops=max(recorded, default=1), recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2)
    stream.cut(4.0, hop=1)
    stream.event(7.0, 3, lost_at=1)
    assert (ending(stage).hop, ending(stage).silence_s) == (1, 2.0)


def test_a_request_that_one_program_refuses_is_its_doing_and_not_that_of_the_one_before() -> None:
    stage = Stage(hops=2, recorded=set())
    stage.put(0.0, j.ClientRequest(client=1, x=1, method="GET", url="/", headers=()))
    stage.put(
        0.1,
        j.RelayRequest(hop=2, x=1, method="GET", target="/", version="HTTP/1.1", headers=()),
    )
    stage.put(0.2, j.RelayEnd(hop=2, x=1, by="upstream", how="refused"))
    stage.put(0.3, j.ClientHead(client=1, x=1, status=502, version="HTTP/1.1", headers=()))
    stage.put(0.3, j.ClientEnd(client=1, x=1, how="end"))
    assert (ending(stage).by, ending(stage).hop) == ("hop", 2)


@RECORDS
def test_what_comes_to_a_hop_after_it_has_cut_breaks_no_silence(recorded: set[int] | None) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.cut(4.0, hop=2)
    stream.say(5.0, ": late\n\n", lost_at=2)
    assert (ending(stage).hop, ending(stage).silence_s) == (2, 3.0)


def test_a_target_behind_real_hops_that_ended_first_ended_it() -> None:
    stage = Stage(hops=1, recorded=set())
    stage.connect(0.0).end(5.0)
    assert ending(stage).by == "target"


@pytest.mark.parametrize(("last_s", "is_silence"), [(10.0, True), (59.5, False)])
def test_a_cut_in_a_silence_is_told_from_one_amid_traffic(last_s: float, is_silence: bool) -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, int(last_s))
    stream.heartbeats(last_s)
    stream.cut(60.0, hop=1)
    assert ending(stage).is_after_silence is is_silence


@RECORDS
@pytest.mark.parametrize("held_at", [1, 2, 3])
def test_bytes_waited_at_the_hop_that_let_them_out_last(
    held_at: int, recorded: set[int] | None
) -> None:
    stage = Stage(hops=3, recorded=recorded)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)
    stream.event(2.0, 2, arrives_s=9.0, held_at=held_at)
    evidence = Evidence.of(stage.journal())
    late = evidence.deliveries(evidence.attempts[0]).arrived[1]
    assert evidence.held(evidence.attempts[0], late) == (held_at, 7.0)


def test_a_hop_that_does_not_read_is_to_blame_as_much_as_one_that_holds() -> None:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    block = b"data: a\n\n"
    stream.tap_read(1.0, block)
    for t_s, hop in ((1.0, 2), (8.0, 1)):
        stream.crosses(t_s, hop, "up", "read", len(block))
        stream.crosses(t_s, hop, "down", "write", len(block))
    stream.client_read(8.0, block)
    evidence = Evidence.of(stage.journal())
    (late,) = evidence.deliveries(evidence.attempts[0]).arrived
    assert evidence.held(evidence.attempts[0], late) == (1, 7.0)


def test_a_slow_reader_is_nobody_elses_fault() -> None:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.say(1.0, "data: a\n\n", lost_at=0)
    stream.client_read(9.0, b"data: a\n\n")
    evidence = Evidence.of(stage.journal())
    (late,) = evidence.deliveries(evidence.attempts[0]).arrived
    assert evidence.held(evidence.attempts[0], late) == (None, 8.0)


def test_between_two_coders_the_one_nearer_the_client_answers_for_all() -> None:
    stage = Stage(hops=3)
    gzip, br = ((*STREAM, ("Content-Encoding", coding)) for coding in ("gzip", "br"))
    stream = stage.connect(0.0, remade={3: gzip, 1: br})
    block = b"data: a\n\n"
    stream.tap_read(1.0, block)
    for t_s, hop, size in ((1.0, 3, 30), (8.0, 2, 30), (8.0, 1, 20)):
        stream.crosses(t_s, hop, "down", "write", size)
    stream.client_read(8.0, brotli.compress(block))
    evidence = Evidence.of(stage.journal())
    (late,) = evidence.deliveries(evidence.attempts[0]).arrived
    assert evidence.held(evidence.attempts[0], late) == (1, 7.0)


@pytest.mark.parametrize(("hops", "hop"), [(1, 1), (2, None)])
def test_without_counts_the_only_hop_answers_and_of_two_neither(hops: int, hop: int | None) -> None:
    stage = Stage(hops=hops, recorded=set(), has_relays=False)
    stage.connect(0.0).event(1.0, 1, arrives_s=5.0)
    evidence = Evidence.of(stage.journal())
    (late,) = evidence.deliveries(evidence.attempts[0]).arrived
    assert evidence.held(evidence.attempts[0], late) == (hop, 4.0)

from __future__ import annotations

from harness.checks.evidence import Evidence
from harness.model.journal import TapEnd
from tests.testkit.journals import HTML, Stage


def test_an_attempt_has_its_request_head_reads_end_and_the_wait_before() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 1)
    first.cut(5.0, hop=1)
    stage.wait(5.0, 1.5, last_id="1")
    stage.connect(6.5, last_id="1").event(7.0, 2)
    one, two = Evidence.of(stage.journal()).attempts
    assert (one.began_s, one.ended_s, one.life_s) == (0.0, 5.0, 5.0)
    assert one.end is not None
    assert one.end.how == "truncation"
    assert one.wait is None
    assert two.wait is not None
    assert two.wait.delay_s == 1.5
    assert two.last_event_id == "1"
    assert two.is_open
    assert two.ended_s == 100.0


def test_a_silence_lasts_from_the_head_to_the_end() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(3.0, 1)
    stream.heartbeats(20.0)
    stream.event(30.0, 2)
    stream.cut(70.0, hop=1)
    (attempt,) = Evidence.of(stage.journal()).attempts
    assert attempt.longest_silence is not None
    assert attempt.longest_silence[:2] == (30.0, 70.0)
    assert attempt.longest_event_gap is not None
    assert attempt.longest_event_gap[:2] == (3.0, 30.0)


def test_an_attempt_without_a_head_was_never_silent() -> None:
    stage = Stage()
    stage.refuse(0.0)
    (attempt,) = Evidence.of(stage.journal()).attempts
    assert attempt.longest_silence is None
    assert attempt.longest_event_gap is None


def test_redirects_are_no_attempts_of_their_own() -> None:
    stage = Stage()
    stage.connect(0.0, status=302, headers=HTML).end(0.0)
    stage.connect(0.1).event(1.0, 1)
    evidence = Evidence.of(stage.journal())
    assert [it.x for it in evidence.attempts] == [2]
    assert [it.x for it in evidence.clients[0].attempts] == [1, 2]


def test_the_tap_and_the_server_have_their_exchanges() -> None:
    stage = Stage()
    stream = stage.connect(0.0, last_id="9")
    stream.event(1.0, 10)
    stream.end(2.0)
    evidence = Evidence.of(stage.journal())
    (exchange,) = evidence.exchanges
    assert exchange.last_event_id == "9"
    assert exchange.is_ended_by_target
    assert [it.item.id_field for it in exchange.stream.events] == ["10"]
    (served,) = evidence.served
    assert [it.seq for it in served.sent] == [10]
    assert served.done is not None
    assert served.gone is None
    assert [it.seq for it in evidence.feed] == [10]


def test_the_ids_a_client_may_send_are_those_of_the_standard_and_of_chromium() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.event(1.0, 7)
    first.cut(2.0, hop=1)
    second = stage.connect(3.0, last_id="7")
    second.event(4.0, 8, event_id="")
    second.cut(5.0, hop=1)
    stage.connect(6.0)
    (client,) = Evidence.of(stage.journal()).clients
    assert [sorted(it) for it in client.ids_before] == [[""], ["7"], ["", "7"]]


def test_stage_facts_come_from_the_stage() -> None:
    evidence = Evidence.of(Stage(hops=3).journal(over_s=42.0))
    assert evidence.over_s == 42.0
    assert evidence.ready_s == 0.0
    assert evidence.lag_s == 0.0
    assert evidence.chain == (1, 2, 3)
    assert evidence.clipped_n is None


def test_a_client_that_hangs_up_on_an_answer_it_refuses_has_not_left() -> None:
    stage = Stage(hops=2)
    stream = stage.connect(0.0, status=503, headers=HTML)
    stream.client_end(0.0, "left")
    evidence = Evidence.of(stage.journal())
    (attempt,) = evidence.attempts
    assert not attempt.has_left
    ending = evidence.ending(attempt)
    assert ending is not None
    assert ending.by == "target"


def test_the_first_end_at_the_tap_says_who_began() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.leave(5.0, by="half-close")
    stage.put(6.0, TapEnd(x=stream.tap_x, by="target", how="end"))
    (exchange,) = Evidence.of(stage.journal()).exchanges
    assert exchange.ended_s == 5.0
    assert not exchange.is_ended_by_target


def test_the_ends_of_both_sides_of_an_exchange_are_kept() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stage.put(5.0, TapEnd(x=stream.tap_x, by="downstream", how="fin"))
    stage.put(7.0, TapEnd(x=stream.tap_x, by="target", how="end"))
    (exchange,) = Evidence.of(stage.journal()).exchanges
    assert exchange.left is exchange.end
    assert exchange.left is not None
    assert exchange.left.t_s == 5.0
    assert exchange.target_end is not None
    assert exchange.target_end.t_s == 7.0
    assert exchange.aborted is None


def test_the_body_of_a_second_attempt_is_counted_from_0_again() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.crosses(1.0, 1, "up", "read", 50)
    stream.passed.clear()
    stream.crosses(2.0, 1, "up", "read", 10)
    (exchange,) = Evidence.of(stage.journal()).hop_exchanges
    first = exchange.read_up.when(10)
    assert first is not None
    assert first.t_s == 2.0
    assert exchange.read_up.when(50) is None

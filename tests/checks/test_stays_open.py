from __future__ import annotations

import pytest

from harness.checks.stays_open import StaysOpen
from harness.model.journal import Journal
from harness.model.scenario import FaultSpec, Hop, ProductUse, Traffic
from tests.checks.judging import only
from tests.testkit.journals import Stage, without

CHECK = StaysOpen(for_s=90.0)


def good() -> Journal:
    stage = Stage(hops=2)
    stage.connect(0.0).events(1, 99)
    return stage.journal()


def cut_in_silence() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 10)
    stream.cut(70.0, hop=2)
    return stage.journal()


def cut_amid_traffic() -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 60)
    stream.cut(60.5, hop=1)
    return stage.journal()


def answered_504() -> Journal:
    stage = Stage(hops=2)
    stage.answer(0.0, 504, by=2, at_s=60.0)
    return stage.journal()


def target_ends_off_script() -> Journal:
    stage = Stage(traffic=Traffic(end_after_s=200.0))
    stream = stage.connect(0.0)
    stream.events(1, 10)
    stream.end(20.0)
    return stage.journal()


def target_truncates() -> Journal:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.events(1, 10)
    stream.end(20.0, "truncation")
    return stage.journal()


BROKEN = {
    "cut in silence": cut_in_silence,
    "cut amid traffic": cut_amid_traffic,
    "answered 504": answered_504,
    "target ends off script": target_ends_off_script,
    "target truncates": target_truncates,
}


@pytest.mark.parametrize(
    ("journal", "hop", "observed", "fix"),
    [
        (cut_in_silence(), 2, "cut at 70.0 s by hop 2, after 60.0 s of silence", "every 30 s"),
        (cut_amid_traffic(), 1, "cut at 60.5 s by hop 1", "the path ends streams after 60 s"),
        (
            answered_504(),
            2,
            "answered 504 at 60.0 s by hop 2, after 60.0 s of silence",
            "send the response head at once",
        ),
        (
            target_ends_off_script(),
            None,
            "ended at 20.0 s by the target, after 10.0 s of silence",
            "keep the stream open",
        ),
        (
            target_truncates(),
            None,
            "cut at 20.0 s by the target, after 10.0 s of silence",
            "keep the stream open",
        ),
    ],
)
def test_says_who_ended_it_and_after_what(
    journal: Journal, hop: int | None, observed: str, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert finding.hop == hop
    assert finding.observed == observed
    assert fix in finding.fix


def test_the_margin_is_what_its_life_lacked() -> None:
    assert only(CHECK, cut_in_silence()).margin == -20.0


def test_cuts_of_one_age_are_a_lifetime_even_in_silence() -> None:
    stage = Stage()
    first = stage.connect(0.0)
    first.events(1, 20)
    first.cut(30.0, hop=1)
    second = stage.connect(31.0, last_id="20")
    second.event(58.0, 21)
    second.cut(61.0, hop=1)
    finding = only(CHECK, stage.journal())
    assert "the path ends streams after 30 s" in finding.fix
    assert finding.observed.endswith("and 1 more")


def test_a_cut_after_its_time_is_no_fault_and_gives_the_margin() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.events(1, 94)
    stream.cut(95.0, hop=1)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "PASS"
    assert finding.margin == 5.0


@pytest.mark.parametrize("traffic", [Traffic(end_after_s=50.0), Traffic(recycle_after_s=50.0)])
def test_what_the_script_of_the_reference_server_ends_had_its_time(traffic: Traffic) -> None:
    stage = Stage(traffic=traffic)
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.end(50.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "PASS"
    assert finding.margin is None


def test_a_204_after_the_goodbye_is_an_end_not_a_cut() -> None:
    stage = Stage(traffic=Traffic(end_after_s=50.0))
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.end(50.0)
    stage.connect(51.0, last_id="3", status=204).end(51.0)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_foreign_target_that_finishes_rules_it_out() -> None:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.events(1, 3)
    stream.end(4.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "SKIP"
    assert finding.observed == "the target itself ended the stream after 4.0 s"


def test_a_client_that_leaves_ends_nothing_before_its_time() -> None:
    stage = Stage()
    stage.connect(0.0).events(1, 99)
    stage.connect(0.0, client=2).leave(10.0)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_watch_shorter_than_the_bound_shows_nothing() -> None:
    stage = Stage()
    stage.connect(0.0).events(1, 5)
    finding = only(CHECK, stage.journal(over_s=10.0))
    assert finding.outcome == "INCONCLUSIVE"
    assert finding.observed == "watched for 10.0 s"


def test_without_a_bound_any_cut_counts() -> None:
    assert only(StaysOpen(), good()).outcome == "PASS"
    finding = only(StaysOpen(), cut_in_silence())
    assert finding.outcome == "FAIL"
    assert finding.margin is None


def test_a_refused_connection_is_the_first_hops_doing() -> None:
    stage = Stage(hops=2)
    stage.connect(0.0).events(1, 99)
    stage.refuse(5.0, client=2)
    finding = only(CHECK, stage.journal())
    assert finding.hop == 1
    assert finding.observed == "refused at 0.0 s by hop 1"


def test_ad_hoc_leaves_a_second_for_coming_and_going() -> None:
    assert StaysOpen.ad_hoc(60.0, ()).for_s == 59.0


@pytest.mark.parametrize(("holder", "silence"), [(3, ", after 59.5 s of silence"), (2, "")])
def test_silence_that_a_hop_made_by_holding_is_told_from_the_targets(
    holder: int, silence: str
) -> None:
    stage = Stage(hops=3)
    stream = stage.connect(0.0, headers=without("X-Accel-Buffering"))
    stream.say(0.5, ": hello\n\n")
    for seq in range(1, 60):
        stream.event(seq + 0.3, seq, lost_at=holder)
    stream.cut(60.0, hop=2)
    finding = only(CHECK, stage.journal())
    assert finding.hop == 2
    assert finding.observed == (
        f"cut at 60.0 s by hop 2{silence}, while hop {holder} held what the target said"
    )
    assert finding.fix == f'send "X-Accel-Buffering: no": hop {holder} holds what it reads'


def test_what_was_on_its_way_at_the_cut_was_not_held() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.event(5.0, 1)
    stream.event(10.0, 2, lost_at=1)
    stream.cut(10.0, hop=1)
    finding = only(CHECK, stage.journal())
    assert finding.observed == "cut at 10.0 s by hop 1"


def test_an_answer_of_another_type_is_told_with_its_cure() -> None:
    stage = Stage()
    stream = stage.connect(0.0, headers=(("Content-Type", "text/plain"),))
    stream.client_end(0.0, "left")
    finding = only(CHECK, stage.journal())
    assert finding.observed == "answered 200 text/plain at 0.0 s by the target"
    assert finding.fix == 'send "Content-Type: text/event-stream"'


# -- until a limit of the chain --------------------------------------------------------------------

LIMITED = StaysOpen(for_s=90.0, until=("through[0].fault",))


def cut_at(cut_s: float, *, fault: int = 0, hop: int = 1) -> Stage:
    stage = Stage(hops=2, faults=2)
    stream = stage.connect(0.0)
    stream.events(1, 30)
    stage.note(cut_s, "fired", "lasted", hop=hop, fault=fault)
    stream.cut(cut_s, hop=hop)
    return stage


def test_a_response_that_its_limit_ended_has_had_its_time() -> None:
    finding = only(LIMITED, cut_at(30.0).journal())
    assert finding.outcome == "PASS"
    assert finding.expected == "open for 90.0 s, or until fault of hop 1 ends it"
    assert finding.observed == "open for 30.0 s, until fault of hop 1 ended it"
    assert finding.margin is None


@pytest.mark.parametrize(
    "stage", [cut_at(30.0, fault=1), cut_at(30.0, hop=2)], ids=["another fault", "another hop"]
)
def test_what_anything_else_ended_has_not(stage: Stage) -> None:
    assert only(LIMITED, stage.journal()).outcome == "FAIL"


def test_a_limit_excuses_only_the_response_in_which_it_acted() -> None:
    stage = cut_at(30.0)
    second = stage.connect(31.0, last_id="30")
    second.cut(50.0, hop=1)
    finding = only(LIMITED, stage.journal())
    assert (finding.outcome, finding.observed.split(",")[0]) == ("FAIL", "cut at 19.0 s by hop 1")


def test_a_limit_of_a_product_goes_by_its_directive() -> None:
    timeout = FaultSpec(name="fault", setting="timeout", is_limit=True)
    stage = Stage(chain=[Hop(faults=(timeout,), product=ProductUse(name="cloud-run"))])
    stream = stage.connect(0.0)
    stream.events(1, 30)
    stage.note(30.0, "fired", "lasted")
    stream.cut(30.0, hop=1)
    check = StaysOpen(for_s=90.0, until=("through[0].cloud-run.timeout",))
    finding = only(check, stage.journal())
    assert finding.outcome == "PASS"
    assert finding.observed == "open for 30.0 s, until cloud-run.timeout of hop 1 ended it"


def test_a_limit_that_let_no_stream_through_is_no_proof() -> None:
    stage = Stage(hops=1)
    stage.answer(0.0, 504, by=1, at_s=30.0)
    stage.note(30.0, "fired", "lasted")
    assert only(LIMITED, stage.journal()).outcome == "INCONCLUSIVE"


# -- a real hop, which keeps no record -------------------------------------------------------------

REAL = StaysOpen(for_s=90.0, until=("through[0].real.varnish.send_timeout",))


def cut_by_a_program(*, cut_s: float, silent_s: float = 1.0) -> Stage:
    """Cut by one that lets a response be 30 s old, and 10 s silent."""
    stage = Stage(
        chain=[
            Hop(
                faults=(
                    FaultSpec(name="a", setting="first_word"),
                    FaultSpec(name="b", settings={"after": "10s"}, is_limit=True),
                    FaultSpec(
                        name="c", settings={"after": "30s"}, setting="send_timeout", is_limit=True
                    ),
                ),
                product=ProductUse(name="varnish"),
                is_real=True,
            )
        ],
        recorded=set(),
    )
    stream = stage.connect(0.0)
    stream.events(1, int(cut_s - silent_s))
    stream.cut(cut_s, hop=1)
    return stage


@pytest.mark.parametrize("cut_s", [30.0, 33.0])
def test_a_program_that_ended_what_was_old_by_its_settings_gave_it_its_time(cut_s: float) -> None:
    finding = only(REAL, cut_by_a_program(cut_s=cut_s).journal())
    assert finding.outcome == "PASS"
    assert finding.observed == (
        f"open for {cut_s} s, until real.varnish.send_timeout of hop 1 ended it"
    )


@pytest.mark.parametrize(
    "stage",
    [cut_by_a_program(cut_s=29.0), cut_by_a_program(cut_s=40.0, silent_s=10.0)],
    ids=["too young", "as silent as another limit allows"],
)
def test_what_a_program_ended_otherwise_had_not(stage: Stage) -> None:
    assert only(REAL, stage.journal()).outcome == "FAIL"


def test_a_limit_of_a_program_that_nobody_excuses_excuses_nothing() -> None:
    assert only(CHECK, cut_by_a_program(cut_s=30.0).journal()).outcome == "FAIL"

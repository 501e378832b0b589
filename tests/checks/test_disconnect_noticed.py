from __future__ import annotations

import math
from typing import Literal

import pytest

from harness.checks.disconnect_noticed import DisconnectNoticed
from harness.model.journal import HopClosedUpstream, Journal, TapEnd
from harness.model.scenario import Target
from tests.checks.judging import judged, only
from tests.testkit.journals import Stage

CHECK = DisconnectNoticed(within_s=5.0)


def left(**how: float) -> Journal:
    stage = Stage(hops=2)
    stream = stage.connect(0.0)
    stream.events(1, 9)
    stream.leave(10.0, **how)  # type: ignore[arg-type]  # numbers only
    return stage.journal()


def good() -> Journal:
    return left(seen_s=10.5, handler_s=12.0)


def swallowed_by_a_hop() -> Journal:
    return left(stuck_at=2)


def handler_goes_on() -> Journal:
    return left(handler_s=math.inf)


def handler_is_late() -> Journal:
    return left(handler_s=25.0)


def foreign(
    *,
    ended_s: float | None = None,
    how: Literal["end", "reset"] = "end",
    by: Literal["fin", "half-close"] = "fin",
    stuck_at: int | None = None,
    aborted_s: float | None = None,
    url: str | None = None,
    left_s: float = 10.0,
) -> Journal:
    """A target without a record: its client leaves, and it ends the response at `ended_s`."""
    stage = Stage(is_reference=False)
    if url is not None:
        stage.case = stage.case.model_copy(update={"target": Target(url=url)})
    stream = stage.connect(0.0)
    stream.leave(left_s, by=by, stuck_at=stuck_at)
    if aborted_s is not None:
        stage.put(aborted_s, TapEnd(x=stream.tap_x, by="downstream", how="rst"))
    if ended_s is not None:
        stage.put(ended_s, TapEnd(x=stream.tap_x, by="target", how=how))
    return stage.journal()


def target_is_late() -> Journal:
    return foreign(ended_s=20.0)


def target_is_deaf() -> Journal:
    return foreign()


BROKEN = {
    "swallowed by a hop": swallowed_by_a_hop,
    "handler goes on": handler_goes_on,
    "handler is late": handler_is_late,
    "target is late": target_is_late,
    "target is deaf": target_is_deaf,
}


def test_says_how_long_it_took() -> None:
    finding = only(CHECK, good())
    assert finding.observed == "noticed after 2.0 s"
    assert finding.margin == 3.0


@pytest.mark.parametrize(
    ("journal", "hop", "observed", "fix"),
    [
        (
            swallowed_by_a_hop(),
            2,
            "not noticed 90.0 s after client 1 closed at 10.0 s",
            "let hop 2 close its side upstream",
        ),
        (
            handler_goes_on(),
            None,
            "not noticed 90.0 s after client 1 closed at 10.0 s",
            "end the handler",
        ),
        (
            handler_is_late(),
            None,
            "noticed only 15.0 s after client 1 closed at 10.0 s",
            "end the handler",
        ),
        (
            target_is_late(),
            None,
            "noticed only 10.0 s after client 1 closed at 10.0 s",
            "read from the connection",
        ),
        (
            target_is_deaf(),
            None,
            (
                "not noticed 90.0 s after client 1 closed at 10.0 s: "
                "the target keeps the stream open although its client has gone"
            ),
            "read from the connection",
        ),
        (
            foreign(stuck_at=1),
            1,
            "not noticed 90.0 s after client 1 closed at 10.0 s",
            "let hop 1 close its side upstream",
        ),
        (
            foreign(stuck_at=1, ended_s=60.0),
            1,
            "noticed only 50.0 s after client 1 closed at 10.0 s",
            "let hop 1 close its side upstream",
        ),
    ],
)
def test_tells_the_hop_that_keeps_it_from_the_handler_that_ignores_it(
    journal: Journal, hop: int | None, observed: str, fix: str
) -> None:
    finding = only(CHECK, journal)
    assert (finding.hop, finding.observed) == (hop, observed)
    assert fix in finding.fix


def test_a_real_hop_alone_is_known_by_what_the_others_passed_on() -> None:
    stage = Stage(hops=2, recorded={1})
    stage.connect(0.0).leave(10.0, stuck_at=2)
    assert only(CHECK, stage.journal()).hop == 2


@pytest.mark.parametrize("hop", [1, 2, 3])
def test_of_several_programs_the_one_that_did_not_pass_it_on_is_to_blame(hop: int) -> None:
    stage = Stage(hops=3, recorded=set())
    stage.connect(0.0).leave(10.0, stuck_at=hop)
    assert only(CHECK, stage.journal()).hop == hop


def test_an_unnoticed_half_close_is_a_warning() -> None:
    stage = Stage()
    stage.connect(0.0).leave(10.0, by="half-close", stuck_at=1)
    assert only(CHECK, stage.journal()).outcome == "WARN"


def test_a_case_that_ends_too_soon_shows_nothing() -> None:
    stage = Stage()
    stage.connect(0.0).leave(98.0, stuck_at=1)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "INCONCLUSIVE"
    assert finding.observed == "watched for 2.0 s after it"


def test_every_client_that_is_not_noticed_is_a_finding() -> None:
    stage = Stage()
    for client in (1, 2):
        stage.connect(0.0, client=client).leave(10.0, stuck_at=1)
    stage.connect(0.0, client=3).leave(10.0)
    assert [it.outcome for it in judged(CHECK, stage.journal())] == ["FAIL", "FAIL"]


def test_a_response_that_was_over_cannot_be_left() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.end(5.0)
    stage.connect(6.0, status=204).end(6.0)
    assert only(CHECK, stage.journal()).outcome == "INCONCLUSIVE"


def test_nobody_leaving_rules_it_out_for_a_foreign_target() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0).events(1, 3)
    assert only(CHECK, stage.journal()).outcome == "SKIP"


# -- a target without a record -----------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "reset"])
def test_its_own_end_after_that_of_its_client_is_its_noticing(
    how: Literal["end", "reset"],
) -> None:
    finding = only(CHECK, foreign(ended_s=12.0, how=how))
    assert (finding.outcome, finding.observed) == ("PASS", "noticed after 2.0 s")
    assert finding.margin == 3.0


def test_an_open_stream_watched_for_less_than_the_bound_shows_nothing() -> None:
    finding = only(CHECK, foreign(left_s=98.0))
    assert (finding.outcome, finding.observed) == ("INCONCLUSIVE", "watched for 2.0 s after it")


def test_an_open_stream_after_a_half_close_is_a_warning() -> None:
    finding = only(CHECK, foreign(by="half-close"))
    assert finding.outcome == "WARN"
    assert "has gone" not in finding.observed


def abort(*, at_s: float) -> Journal:
    stage = Stage(is_reference=False)
    stream = stage.connect(0.0)
    stream.leave(10.0, by="rst", stuck_at=1)
    stage.put(at_s, HopClosedUpstream(hop=1, x=1, attempt=0, how="rst"))
    stage.put(at_s, TapEnd(x=stream.tap_x, by="downstream", how="rst"))
    return stage.journal()


@pytest.mark.parametrize(
    "journal",
    [
        abort(at_s=10.0),
        foreign(aborted_s=11.0),  # after its FIN
        # The tap cannot half-close TLS, so that the end it notes is its own doing.
        foreign(url="https://127.0.0.1:1/events"),
        foreign(url="HTTPS://127.0.0.1:1/events", ended_s=10.0, how="reset"),
    ],
)
def test_what_follows_once_its_connection_is_closed_for_good_cannot_be_seen(
    journal: Journal,
) -> None:
    finding = only(CHECK, journal)
    assert finding.outcome == "SKIP"
    assert finding.observed.startswith("cannot be seen from outside")


def test_an_abort_does_not_hide_that_it_was_still_open_at_the_bound() -> None:
    assert only(CHECK, foreign(aborted_s=30.0)).outcome == "FAIL"


def test_a_hop_that_aborts_too_late_is_to_blame() -> None:
    finding = only(CHECK, abort(at_s=40.0))
    assert (finding.outcome, finding.hop) == ("FAIL", 1)


def test_the_stage_is_watched_for_as_long_as_the_target_has() -> None:
    assert CHECK.settle_s() == 5.0


# -- the path alone ----------------------------------------------------------------------------

PATH = DisconnectNoticed(within_s=5.0, by="path")


def test_a_path_that_tells_a_target_has_done_its_part_whatever_comes_of_it() -> None:
    assert only(PATH, foreign()).observed == "the target was told after 0.0 s"
    assert only(PATH, handler_goes_on()).outcome == "PASS"


def test_what_the_target_does_then_is_told_beside_it() -> None:
    finding = only(PATH, foreign(ended_s=12.0))
    assert (
        finding.observed
        == "the target was told after 0.0 s, and was done 2.0 s later: 2.0 s in all"
    )
    assert finding.margin == 5.0


@pytest.mark.parametrize(
    ("journal", "hop", "observed"),
    [
        (swallowed_by_a_hop(), 2, "the target was not told 90.0 s after client 1 closed at 10.0 s"),
        (foreign(stuck_at=1), 1, "the target was not told 90.0 s after client 1 closed at 10.0 s"),
        (
            foreign(stuck_at=1, ended_s=60.0),
            1,
            "the target was not told 90.0 s after client 1 closed at 10.0 s",
        ),
        (abort(at_s=40.0), 1, "the target was told only 30.0 s after client 1 reset at 10.0 s"),
    ],
)
def test_a_path_that_tells_it_late_or_never_is_to_blame(
    journal: Journal, hop: int, observed: str
) -> None:
    finding = only(PATH, journal)
    assert (finding.outcome, finding.hop, finding.observed) == ("FAIL", hop, observed)
    assert finding.fix == f"let hop {hop} close its side upstream when its client leaves"


def test_a_target_that_had_no_more_to_say_by_then_need_not_be_told() -> None:
    assert only(PATH, foreign(stuck_at=1, ended_s=14.0)).outcome == "SKIP"


def test_a_path_that_is_watched_for_too_short_a_time_is_not_judged() -> None:
    assert only(PATH, foreign(left_s=98.0, stuck_at=1)).outcome == "INCONCLUSIVE"

"""How each fault ended, and which ones count."""

from __future__ import annotations

import pytest

from harness.model.scenario import Arms, FaultSpec, Hop
from tests.checks.composed import (
    TWIN,
    Says,
    behind,
    judged,
    part,
    product,
    stage,
    told,
)
from tests.testkit.journals import Stage

# -- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["fired", "defeated"])
def test_a_fault_that_had_its_chance_is_no_finding(ends: str) -> None:
    verdict = judged(stage(ends=ends), Says())
    assert verdict.outcome == "PASS"
    assert [it.end for it in verdict.faults] == [ends]
    assert told(verdict, "faults") == []


def test_with_the_reference_server_a_fault_not_reached_is_inconclusive() -> None:
    verdict = judged(stage(ends="not_reached"), Says())
    assert verdict.outcome == "INCONCLUSIVE"
    (finding,) = told(verdict, "faults")
    assert finding.observed == "fault of hop 1 was not reached: 22 s of 60 s"


def test_with_another_target_a_fault_not_reached_is_a_skip_with_its_margin() -> None:
    verdict = judged(stage(ends="not_reached", is_reference=False), Says())
    assert verdict.outcome == "PASS"
    (finding,) = told(verdict, "faults")
    assert finding.outcome == "SKIP"
    assert "22 s of 60 s" in finding.observed


def test_a_fault_of_the_chain_without_any_note_is_not_reached() -> None:
    made = Stage(hops=1)
    made.connect(0.0)
    (end,) = judged(made, Says()).faults
    assert (end.end, end.reason) == ("not_reached", "no request reached it")


# -- products ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arms", "what", "counted"),
    [
        ("always", ("armed", "not_reached"), ["not_reached"]),
        ("always", ("armed", "defeated"), ["defeated"]),
        ("always", ("not_armed",), []),
        ("always", ("armed", "not_armed"), []),
        ("always", (), []),
        ("acting", ("armed", "not_reached"), []),
        ("acting", ("armed", "defeated"), ["defeated"]),
        ("acting", ("armed", "fired"), ["fired"]),
        ("acting", ("not_armed",), []),
    ],
)
def test_a_products_fault_counts_once_it_is_armed(
    arms: Arms, what: tuple[str, ...], counted: list[str]
) -> None:
    made = behind(product(part(arms)))
    for it in what:
        made.note(1.0, it, "why")  # type: ignore[arg-type]  # one of the five
    verdict = judged(made, Says())
    assert [it.end for it in verdict.faults] == counted
    assert verdict.outcome == ("INCONCLUSIVE" if counted == ["not_reached"] else "PASS")


def test_one_exchange_in_which_it_is_armed_is_enough() -> None:
    made = behind(product(part()))
    made.note(1.0, "not_armed", "the framing is chunked")
    made.note(2.0, "armed", "exchange 2", x=2)
    made.note(3.0, "not_reached", "22 s of 60 s", x=2)
    (end,) = judged(made, Says()).faults
    assert end.reason == "22 s of 60 s"


def test_one_that_is_armed_only_where_the_client_is_told_to_stop_does_not_count() -> None:
    made = Stage(chain=[product(part())])
    made.note(0.0, "not_armed", "the response has X-Accel-Buffering: no")
    made.connect(0.0).end(5.0)
    made.note(6.0, "armed", "exchange 2", x=2)
    made.connect(6.0, status=204).end(6.0)
    assert judged(made, Says()).faults == ()


def test_a_fault_of_a_scenario_counts_even_where_it_is_never_armed() -> None:
    made = Stage(hops=1)
    made.connect(0.0).events(1, 50)
    made.note(1.0, "not_armed", "the framing is chunked")
    (end,) = judged(made, Says()).faults
    assert (end.end, end.reason) == ("not_reached", "the framing is chunked")


def test_the_fault_of_a_product_is_told_with_its_directive_and_how_it_is_known() -> None:
    made = behind(product(part()))
    made.note(1.0, "fired", "silence")
    (end,) = judged(made, Says()).faults
    assert (end.product, end.setting, end.evidence) == ("nginx@1.22", "limit 60s", "measured")


def test_where_a_scenario_writes_the_fault_there_is_nothing_to_tell() -> None:
    (end,) = judged(stage(), Says()).faults
    assert (end.product, end.setting, end.evidence) == ("", "", None)


def test_a_twin_behind_a_product_of_which_nothing_acted_is_not_caught() -> None:
    made = behind(product(part("acting")), twin=TWIN)
    verdict = judged(made, Says(outcomes=("FAIL",)))
    assert told(verdict, "twin")[0].observed == "no fault fired"


# -- limits that others overtake ---------------------------------------------------------------


def overtaking(*lives: tuple[float, bool], parts: tuple[FaultSpec, ...] = ()) -> Stage:
    """Attempts with these lives at a product's two limits, each cut by the first one or not."""
    limits = parts or (part(is_limit=True), part(is_limit=True))
    made = Stage(chain=[product(*limits)])
    t_s = 0.0
    for x, (life_s, is_cut) in enumerate(lives, 1):
        link = made.connect(t_s, last_id=None)
        made.note(t_s, "armed", "exchange", fault=0, x=x)
        made.note(t_s, "armed", "exchange", fault=1, x=x)
        t_s += life_s
        made.note(t_s, "fired" if is_cut else "not_reached", "why", fault=0, x=x)
        made.note(t_s, "not_reached", f"{life_s} s of 300 s", fault=1, x=x)
        if is_cut:
            link.cut(t_s, hop=1)
        else:
            link.end(t_s)
        t_s += 1.0
    return made


@pytest.mark.parametrize(
    ("lives", "counted"),
    [
        ([(15.0, True)], ["fired"]),
        ([(15.0, True), (15.0, True), (4.0, False)], ["fired"]),
        ([(15.0, True), (40.0, False)], ["fired", "not_reached"]),
        ([(15.0, False)], ["not_reached", "not_reached"]),
    ],
)
def test_a_limit_that_another_one_always_comes_before_does_not_count(
    lives: list[tuple[float, bool]], counted: list[str]
) -> None:
    verdict = judged(overtaking(*lives), Says())
    assert [it.end for it in verdict.faults] == counted
    assert (verdict.outcome == "PASS") is ("not_reached" not in counted)


def test_a_limit_that_the_client_left_before_as_it_was_told_to_does_not_count() -> None:
    made = Stage(chain=[product(part(is_limit=True))])
    made.note(0.0, "armed", "exchange 1")
    made.connect(0.0).leave(33.0)
    made.note(33.0, "not_reached", "33 s of 60 s")
    assert judged(made, Says()).faults == ()


def test_only_a_limit_is_overtaken() -> None:
    parts = (part(is_limit=True), part())
    verdict = judged(overtaking((15.0, True), parts=parts), Says())
    assert [it.end for it in verdict.faults] == ["fired", "not_reached"]


def test_a_limit_that_a_scenario_writes_is_never_overtaken() -> None:
    made = overtaking((15.0, True))
    (hop,) = made.case.scenario.through
    through = (hop.model_copy(update={"product": None}),)
    scenario = made.case.scenario.model_copy(update={"through": through})
    made.case = made.case.model_copy(update={"scenario": scenario})
    assert [it.end for it in judged(made, Says()).faults] == ["fired", "not_reached"]


def test_a_limit_of_another_hop_overtakes_it_too() -> None:
    made = Stage(chain=[product(part(is_limit=True)), Hop(faults=(FaultSpec(name="fault"),))])
    link = made.connect(0.0)
    made.note(0.0, "armed", "exchange 1")
    made.note(5.0, "fired", "silence", hop=2)
    link.cut(5.0, hop=2)
    made.note(5.0, "not_reached", "5 s of 60 s")
    assert [(it.hop, it.end) for it in judged(made, Says()).faults] == [(2, "fired")]

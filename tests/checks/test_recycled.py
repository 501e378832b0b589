"""A server that ends its streams itself, before a product's limit does."""

from __future__ import annotations

import pytest

from harness.checks.evidence import Evidence
from harness.checks.fault_ends import standing_in
from harness.checks.recycled import recycled
from harness.model.scenario import FaultSpec, Hop, ProductUse, Traffic
from tests.testkit.journals import Stage

BY_8_S = Traffic(recycle_after_s=8.0, end_after_s=17.0)
LIMIT = FaultSpec(name="max_duration", is_limit=True)
BUFFER = FaultSpec(name="buffer")


def lived(
    *lives_s: float,
    traffic: Traffic | None = BY_8_S,
    spec: FaultSpec = LIMIT,
    is_product: bool = True,
) -> Stage:
    """Streams that lived so long at one hop, each ended by the server."""
    use = ProductUse(name="cloud-run") if is_product else None
    stage = Stage(chain=[Hop(faults=(spec,), product=use)], traffic=traffic)
    t_s = 0.0
    for x, life_s in enumerate(lives_s, 1):
        link = stage.connect(t_s)
        stage.note(t_s, "armed", f"exchange {x}", x=x)
        link.end(t_s + life_s)
        t_s += life_s + 1.0
    return stage


def found(stage: Stage) -> list[str]:
    evidence = Evidence.of(stage.journal())
    return list(recycled(evidence, standing_in(evidence.case)).values())


def test_a_limit_that_no_recycled_stream_reached_is_defeated() -> None:
    assert found(lived(8.0, 8.0)) == ["the server ended every stream itself, after 8.0 s"]


def test_the_last_stream_may_end_with_the_feed_and_the_client_be_told_to_stop() -> None:
    stage = lived(8.0, 8.0)
    stage.connect(18.0, status=204).end(18.0)
    stage.note(18.0, "armed", "exchange 3", x=3)
    assert len(found(stage)) == 1


def test_one_stream_that_the_server_ended_off_its_script_is_enough_against_it() -> None:
    assert found(lived(8.0, 3.0)) == []


def test_a_stream_that_a_hop_ended_is_enough_against_it() -> None:
    stage = lived(8.0)
    stage.note(9.0, "armed", "exchange 2", x=2)
    stage.connect(9.0).cut(12.0, hop=1)
    assert found(stage) == []


def test_a_stream_that_is_still_open_is_enough_against_it() -> None:
    stage = lived(8.0)
    stage.connect(9.0)
    stage.note(9.0, "armed", "exchange 2", x=2)
    assert found(stage) == []


@pytest.mark.parametrize("traffic", [None, Traffic(end_after_s=17.0)])
def test_a_server_that_does_not_recycle_defeats_nothing(traffic: Traffic | None) -> None:
    assert found(lived(8.0, 8.0, traffic=traffic)) == []


def test_a_limit_that_was_never_armed_is_not_defeated() -> None:
    stage = Stage(chain=[Hop(faults=(LIMIT,), product=ProductUse(name="caddy"))], traffic=BY_8_S)
    stage.connect(0.0).end(8.0)
    stage.note(0.0, "not_armed", "the client speaks HTTP/1.1")
    assert found(stage) == []


@pytest.mark.parametrize(("spec", "is_product"), [(BUFFER, True), (LIMIT, False)])
def test_only_the_limit_of_a_product_is_defeated_so(spec: FaultSpec, is_product: bool) -> None:
    assert found(lived(8.0, spec=spec, is_product=is_product)) == []

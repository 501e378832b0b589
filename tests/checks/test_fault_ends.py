from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from harness.checks.fault_ends import Standing, fault_ends, standing_in
from harness.model.journal import FaultNote
from harness.model.scenario import FaultSpec, Hop
from harness.model.verdict import FaultEnd
from tests.testkit.journals import Stage

type What = Literal["armed", "fired", "defeated", "not_reached", "not_armed"]
FAULT = Standing(1, 0, FaultSpec(name="idle_timeout"))


def note(what: What, reason: str, *, x: int = 1, hop: int = 1, fault: int = 0) -> FaultNote:
    name = "idle_timeout" if (hop, fault) == (1, 0) else "buffer"
    return FaultNote(hop=hop, fault=fault, name=name, x=x, what=what, reason=reason)


@pytest.mark.parametrize(
    ("notes", "end", "reason"),
    [
        ([("armed", "a"), ("fired", "silence of 60.0 s")], "fired", "silence of 60.0 s"),
        ([("not_reached", "22 s of 60 s"), ("fired", "60 s")], "fired", "60 s"),
        ([("fired", "60 s"), ("fired", "61 s")], "fired", "60 s (2 times)"),
        ([("defeated", "15 s of 60 s"), ("not_reached", "1 s")], "defeated", "15 s of 60 s"),
        (
            [("not_reached", "no head"), ("not_reached", "no type")],
            "not_reached",
            "no type (last of 2 exchanges)",
        ),
        ([("not_armed", "the status is 204"), ("not_reached", "1 s")], "not_reached", "1 s"),
        ([("not_armed", "the status is 204")], "not_reached", "the status is 204"),
        ([("armed", "exchange 1")], "not_reached", "exchange 1"),
        ([], "not_reached", "no request reached it"),
    ],
)
def test_one_exchange_in_which_it_fired_is_enough(
    notes: list[tuple[What, str]], end: str, reason: str
) -> None:
    (found,) = fault_ends([note(what, why, x=x) for x, (what, why) in enumerate(notes)], [FAULT])
    assert (found.hop, found.fault, found.end, found.reason) == (1, "idle_timeout", end, reason)


@pytest.mark.parametrize("what", ["not_reached", "defeated"])
def test_of_several_exchanges_the_closest_gives_the_reason(what: What) -> None:
    shares = {"22 s of 60 s": 22 / 60, "59 s of 60 s": 59 / 60, "1 s of 60 s": 1 / 60}
    notes = [
        msgspec.structs.replace(note(what, reason, x=x), share=share)
        for x, (reason, share) in enumerate(shares.items(), 1)
    ]
    (found,) = fault_ends([note("armed", "exchange 1"), *notes], [FAULT])
    assert (found.end, found.reason) == (what, "59 s of 60 s (closest of 3 exchanges)")


def test_each_position_of_each_hop_is_a_fault_of_its_own() -> None:
    notes = [note("defeated", "no", hop=2), note("fired", "yes", fault=1)]
    buffer = FaultSpec(name="buffer")
    standing = [Standing(2, 0, buffer), FAULT, Standing(1, 1, buffer)]
    assert fault_ends(notes, standing) == (
        FaultEnd(hop=1, fault="idle_timeout", end="not_reached", reason="no request reached it"),
        FaultEnd(hop=1, fault="buffer", end="fired", reason="yes"),
        FaultEnd(hop=2, fault="buffer", end="defeated", reason="no"),
    )


def test_every_fault_of_a_chain_stands_at_its_place() -> None:
    found = standing_in(Stage(hops=2, faults=2).case)
    assert [(*it.at, it.spec.name, it.product) for it in found] == [
        (1, 0, "fault", None),
        (1, 1, "fault1", None),
        (2, 0, "fault", None),
        (2, 1, "fault1", None),
    ]


def test_a_users_script_is_no_fault() -> None:
    script = FaultSpec(name="script", settings="mine.py")
    chain = [Hop(faults=(script, FaultSpec(name="cut")))]
    assert [it.at for it in standing_in(Stage(chain=chain).case)] == [(1, 1)]

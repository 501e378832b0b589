"""The kit is tested too: each broken fault is caught, and by the rule it breaks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Conserves,
    Data,
    End,
    Event,
    Forward,
    ForwardHead,
    Note,
    PerExchange,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.standing import Standing
from tests.testkit.contract import check_fault
from tests.testkit.driver import Subject
from tests.testkit.plans import OK, Plan

POST = RequestHead("POST", "/", ())
PLAN = Plan(
    (
        (1.0, 1, POST),
        (1.0, 1, RequestData(b"question")),
        (1.0, 1, RequestEnd()),
        (2.0, 1, OK),
        (2.0, 1, Data(b"abcd")),
        (3.0, 1, Data(b"efgh")),
        (4.0, 2, POST),
        (4.0, 2, RequestEnd()),
        (5.0, 1, UpstreamEnd("end")),
        (6.0, 2, OK),
        (6.0, 2, Data(b"xyz")),
        (8.0, 2, ClientGone("fin")),
    )
)


class Honest:
    """Pass everything on and say that nothing was reached."""

    def __init__(self) -> None:
        self.standing = Standing()

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        self.standing.see(event)
        if isinstance(event, CaseOver):
            yield from self.standing.not_reached("it never does anything")
        elif not isinstance(event, Wake):
            yield passed(event)


type Change = Callable[[float, Event, list[Action]], Iterable[Action]]


class Mutant:
    """An honest fault whose actions are changed on the way, in each exchange by itself."""

    def __init__(self, make: Callable[[], Change]) -> None:
        self._honest = PerExchange(lambda _x: Honest())
        self._make = make
        self._changes: dict[int, Change] = {}

    def step(self, now_s: float, x: int, event: Event) -> Iterator[tuple[int, Action]]:
        if x not in self._changes:
            self._changes[x] = self._make()
        actions = [action for _, action in self._honest.step(now_s, x, event)]
        for action in self._changes[x](now_s, event, actions):
            yield x, action


def broken(
    make: Callable[[], Change], holds_bytes: float = math.inf, holds_s: float = math.inf
) -> Subject:
    return Subject(lambda _draw: Mutant(make), holds_bytes=holds_bytes, holds_s=holds_s)


def on(kind: type[Event], *extra: Action) -> Callable[[], Change]:
    """Say `extra` besides, at each event of this kind."""
    return lambda: (
        lambda _now_s, event, actions: [*actions, *extra] if isinstance(event, kind) else actions
    )


def without(kind: type[Action]) -> Callable[[], Change]:
    """Say everything but actions of this kind."""
    return lambda: (
        lambda _now_s, _event, actions: [it for it in actions if not isinstance(it, kind)]
    )


def instead(swap: Callable[[Action], Action]) -> Callable[[], Change]:
    """Say something else."""
    return lambda: lambda _now_s, _event, actions: [swap(action) for action in actions]


def swaps_reads() -> Change:
    held: list[Action] = []

    def change(_now_s: float, event: Event, actions: list[Action]) -> list[Action]:
        if isinstance(event, Data) and not held:
            held.extend(actions)
            return []
        if held:
            actions, held[:] = [*actions, *held], []
        return actions

    return change


def holds_reads() -> Change:
    held: list[Action] = []

    def change(_now_s: float, event: Event, actions: list[Action]) -> list[Action]:
        if isinstance(event, Data):
            held.extend(actions)
            return []
        if isinstance(event, UpstreamEnd | ClientGone):
            actions, held[:] = [*held, *actions], []
        return actions

    return change


def eats_the_last_read() -> Change:
    held: list[Action] = []

    def change(_now_s: float, event: Event, actions: list[Action]) -> list[Action]:
        if isinstance(event, Data):
            actions, held[:] = [*held], actions
        return actions

    return change


def cuts_after_two_reads() -> Change:
    count = 0

    def change(_now_s: float, event: Event, actions: list[Action]) -> list[Action]:
        nonlocal count
        count += isinstance(event, Data)
        if isinstance(event, Data) and count == 2:
            return [*actions, End("reset")]
        return actions if count < 2 else [it for it in actions if isinstance(it, Note)]

    return change


def fires_on_a_short_read() -> Change:
    is_done = False

    def change(_now_s: float, event: Event, actions: list[Action]) -> list[Action]:
        nonlocal is_done
        if isinstance(event, Data) and len(event.data) == 4 and not is_done:
            is_done = True
            return [Note("fired", "a read of 4", len(event.data)), *actions]
        return [it for it in actions if not (is_done and isinstance(it, Note))]

    return change


def wakes_for_ever() -> Change:
    return lambda now_s, event, actions: (
        [*actions, WakeAt(now_s)] if isinstance(event, RequestHead | Wake) else actions
    )


def wakes_in_the_past() -> Change:
    return lambda now_s, _event, actions: [*actions, WakeAt(now_s - 0.001)]


runs = itertools.count()


def tells_runs_apart() -> Change:
    number = next(runs)
    return on(RequestHead, WakeAt(100.0 + number))()


def shifted(action: Action) -> Action:
    return replace(action, offset=action.offset + 99) if isinstance(action, Note) else action


def shouted(action: Action) -> Action:
    return Forward(action.data.upper()) if isinstance(action, Forward) else action


def emptied(action: Action) -> Action:
    return Forward(b"") if isinstance(action, Forward) else action


def shortened(action: Action) -> Action:
    return SendData(action.data[1:]) if isinstance(action, SendData) else action


def unexplained(action: Action) -> Action:
    return replace(action, reason="") if isinstance(action, Note) else action


MUTANTS: dict[str, tuple[Subject, str]] = {
    "changes bytes": (broken(instead(shouted)), "given b'abcdefgh', forwarded b'ABCDEFGH'"),
    "swaps reads": (broken(swaps_reads), "given b'abcdefgh', forwarded b'efghabcd'"),
    "repeats": (broken(on(Data, Forward(b"again"))), "forwarded b'abcdagain"),
    "eats the last read": (broken(eats_the_last_read), "loses 4 bytes at the end of exchange 1"),
    "never ends": (broken(without(End)), "loses the end of exchange 1"),
    "talks on": (broken(on(UpstreamEnd, Forward(b"late"))), "speaks after the end at 5.0 s"),
    "ends twice": (broken(on(UpstreamEnd, End("reset"))), "speaks after the end at 5.0 s"),
    "sends no bytes": (broken(instead(emptied)), "sends no bytes at 2.0 s"),
    "forgets the head": (broken(without(ForwardHead)), "sends body before the head at 2.0 s"),
    "sends two heads": (broken(on(ResponseHead, ForwardHead(OK))), "sends two heads at 2.0 s"),
    "invents a head": (broken(on(RequestEnd, ForwardHead(OK))), "invents a head at 1.0 s"),
    "answers late": (broken(on(Data, Answer(504))), "answers after the head at 2.0 s"),
    "ends nothing": (broken(on(RequestEnd, End("end"))), "ends cleanly before the head at 1.0 s"),
    "wakes in the past": (broken(wakes_in_the_past), "wakes in the past at 1.0 s in exchange 1"),
    "wakes for ever": (broken(wakes_for_ever), "wakes for ever: 51 times at 1.0 s"),
    "acts when over": (broken(on(CaseOver, End("end"))), "answers the end of the case with End"),
    "two outcomes": (broken(on(CaseOver, Note("fired", "too"))), "two outcomes at 9.0 s"),
    "no outcome": (
        broken(lambda: lambda _now_s, event, it: [] if isinstance(event, CaseOver) else it),
        "no outcome of stage 0 in exchange 1",
    ),
    "unarmed outcome": (
        broken(on(RequestHead, Note("fired", "as another stage", stage=1))),
        "outcome before it was armed at 1.0 s",
    ),
    "arms twice": (broken(on(Data, Note("armed", "again"))), "arms twice at 2.0 s in exchange 1"),
    "says no reason": (broken(instead(unexplained)), "outcome without a reason at 9.0 s"),
    "counts wrong": (broken(instead(shifted)), "wrong offset at 1.0 s"),
    "holds too much": (broken(holds_reads, holds_bytes=3), "holds 4 bytes at 2.0 s in exchange 1"),
    "holds too long": (broken(holds_reads, holds_s=1.5), "holds bytes for 2.0 s at 4.0 s"),
    "cuts by reads": (broken(cuts_after_two_reads), "exchange 1 depends on the reads"),
    "judges by reads": (broken(fires_on_a_short_read), "exchange 1 depends on the reads"),
    "differs between runs": (broken(tells_runs_apart), "two runs with one seed differ"),
    "loses the question": (broken(instead(shortened)), "given b'question' to send"),
    "loses the question at the second try": (
        broken(on(RequestEnd, SendRequest(POST, 1), SendEnd(1))),
        "given b'question' to send, sent",
    ),
    "tries again after the head": (
        broken(on(ResponseHead, SendRequest(POST, 1))),
        "tries again after the head at 2.0 s",
    ),
    "skips an attempt": (broken(on(RequestEnd, SendRequest(POST, 2))), "skips an attempt at 1.0 s"),
    "keeps upstream open": (broken(without(CloseUpstream)), "leaves upstream open in exchange 2"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_catches(name: str) -> None:
    mutant, message = MUTANTS[name]
    with pytest.raises(AssertionError) as caught:
        check_fault(mutant, PLAN)
    assert message in str(caught.value)


def test_lets_an_honest_fault_pass() -> None:
    honest = Subject(lambda _draw: PerExchange(lambda _x: Honest()), holds_bytes=0, holds_s=0)
    check_fault(honest, PLAN)


class SpeaksForAStranger:
    """An honest fault that wakes in an exchange nobody opened."""

    def __init__(self) -> None:
        self._honest = PerExchange(lambda _x: Honest())

    def step(self, now_s: float, x: int, event: Event) -> Iterator[tuple[int, Action]]:
        yield from self._honest.step(now_s, x, event)
        yield x + 1, WakeAt(now_s)


def test_catches_one_who_speaks_for_a_stranger() -> None:
    with pytest.raises(AssertionError, match=r"^speaks at 1.0 s in exchange 2, which does not"):
        check_fault(Subject(lambda _draw: SpeaksForAStranger()), PLAN)


def test_order_alone_lets_bytes_be_lost() -> None:
    loses = replace(broken(eats_the_last_read), conserves=Conserves.ORDER, splits_alike=False)
    check_fault(loses, PLAN)


def test_catches_one_who_loses_bytes_and_leaves_the_length() -> None:
    loses = replace(broken(eats_the_last_read), conserves=Conserves.ORDER, splits_alike=False)
    sized = replace(OK, framing="length", headers=(("Content-Length", "8"),))
    plan = Plan(tuple((at_s, x, sized if it == OK else it) for at_s, x, it in PLAN.moments))
    with pytest.raises(AssertionError, match="sends 4 bytes under Content-Length: 8 in exchange 1"):
        check_fault(loses, plan)


def test_order_alone_catches_a_swap() -> None:
    swaps = replace(broken(swaps_reads), conserves=Conserves.ORDER)
    with pytest.raises(AssertionError, match="forwarded b'efghabcd'"):
        check_fault(swaps, PLAN)


def test_who_conserves_nothing_may_change_bytes() -> None:
    check_fault(replace(broken(instead(shouted)), conserves=Conserves.NOTHING), PLAN)


def test_catches_one_who_holds_more_than_it_declares() -> None:
    greedy = replace(broken(holds_reads), bound_bytes=3)
    with pytest.raises(AssertionError, match="holds 8 bytes, declares 3, in exchange 1"):
        check_fault(greedy, PLAN)

"""The parity kit finds whatever a replay and the wire do not have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec
import pytest

from harness.engine.case import perform
from harness.model import journal
from harness.model.journal import Entry, Journal, Payload
from harness.model.scenario import Case
from tests.engine.performing import case_of, props_of
from tests.testkit.parity import differences, has_script

type Change = Callable[[Entry], Entry | None]


@cache
def performed() -> Journal:
    case = case_of(through=[{"max_duration": {"after": "5s"}}])
    entries, _ = perform(case, props_of(case), None)
    return entries


def changed(change: Change) -> Journal:
    """The journal with each entry as `change` makes it; None leaves it out."""
    return Journal(new for it in performed() if (new := change(it)) is not None)


def no_read_at_3s(entry: Entry) -> Entry | None:
    return None if isinstance(entry, journal.ClientRead) and entry.t_s == 3.0 else entry


def a_later_read_at_3s(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientRead) and entry.t_s == 3.0:
        return msgspec.structs.replace(entry, t_s=3.00001)
    return entry


def another_read_at_3s(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientRead) and entry.t_s == 3.0:
        return msgspec.structs.replace(entry, payload=Payload.of(b"x" * entry.size))
    return entry


def another_status(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientHead):
        return msgspec.structs.replace(entry, status=entry.status + 1)
    return entry


def another_field(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientHead):
        return msgspec.structs.replace(entry, headers=(*entry.headers, ("Via", "1.1 nobody")))
    return entry


def a_later_head(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientHead):
        return msgspec.structs.replace(entry, t_s=entry.t_s + 0.001)
    return entry


def another_end(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientEnd) and entry.how == "truncation":
        return msgspec.structs.replace(entry, how="reset")
    return entry


def a_later_end(entry: Entry) -> Entry:
    if isinstance(entry, journal.ClientEnd):
        return msgspec.structs.replace(entry, t_s=entry.t_s + 0.001)
    return entry


def nothing_fired(entry: Entry) -> Entry | None:
    return None if isinstance(entry, journal.FaultNote) and entry.what == "fired" else entry


def test_a_replay_is_like_the_wire() -> None:
    assert differences(performed()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_read_at_3s, "client 1, request 1: arrival 4: "),
        (a_later_read_at_3s, "client 1, request 1: arrival 4: "),
        (another_read_at_3s, "client 1, request 1: arrival 4: "),
        (another_status, "client 1, request 1: status 201, replayed 200"),
        (another_field, "client 1, request 1: fields "),
        (a_later_head, "client 1, request 1: head at 0.001"),
        (another_end, "client 1, request 1: end reset, replayed truncation"),
        (a_later_end, "client 1, request 1: truncation at 5.002"),
        (nothing_fired, "faults: on the wire "),
    ],
)
def test_whatever_differs_is_told(change: Change, told: str) -> None:
    assert differences(changed(change))[0].startswith(told)


@pytest.mark.parametrize(
    ("leave", "is_tied"),
    [({"at": "3s", "by": "fin"}, True), ({"at": "3s", "by": "half-close"}, False)],
)
def test_what_comes_in_the_instant_of_leaving_may_be_read_or_not(
    leave: dict[str, str], is_tied: bool
) -> None:
    case = case_of(client={"eventsource": {"leave": leave}}, watch="20s")
    entries, _ = perform(case, props_of(case), None)
    assert differences(entries) == []
    without = Journal(it for it in entries if no_read_at_3s(it) is not None)
    assert (differences(without) == []) == is_tied


@pytest.mark.parametrize(
    ("through", "is_one"),
    [([], False), ([{"latency": {"delay": "1s"}}], False), ([{"script": "x.py"}], True)],
)
def test_a_chain_with_a_script_cannot_be_replayed(
    through: list[dict[str, object]], is_one: bool
) -> None:
    case: Case = case_of(through=through)
    assert has_script(case) == is_one

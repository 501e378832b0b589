from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.model.verdict import FaultEnd
from harness.report.wording import (
    blamed,
    encodable,
    fault_ends,
    folder,
    is_reference,
    mark,
    numbers,
    rescued_by,
    total_seconds,
    visible,
)
from tests.report.samples import FIRED, case, finding


@pytest.mark.parametrize(
    ("target", "is_ours"),
    [
        ("the built-in reference server", True),
        ("the built-in reference server with no-heartbeat", True),
        ("http://host/the built-in reference server", False),
    ],
)
def test_the_reference_server_is_told_from_a_url(target: str, *, is_ours: bool) -> None:
    assert is_reference(target) is is_ours


@pytest.mark.parametrize(
    ("entries", "written"),
    [
        ((), ""),
        ((5,), "5"),
        ((1, 2), "1\N{EN DASH}2"),
        ((17, 14, 15, 16, 20, 14), "14\N{EN DASH}17, 20"),
    ],
)
def test_consecutive_entries_are_joined(entries: tuple[int, ...], written: str) -> None:
    assert numbers(entries) == written


def test_only_a_fault_that_fired_is_told_of_the_hop_to_blame() -> None:
    held = FaultEnd(hop=1, fault="buffer", end="defeated", reason="the header")
    other = FaultEnd(hop=2, fault="cut", end="fired", reason="at 3 s")
    told = case(faults=(held, FIRED, other))
    assert blamed(told, 1) == "hop 1 idle_timeout: closed after 60.0 s of silence (limit 60 s)"
    assert blamed(told, 3) == "hop 3"


def of_nginx(
    fault: str, reason: str, setting: str = "", grade: Any = "measured", *, is_limit: bool = False
) -> FaultEnd:
    return FaultEnd(
        hop=1,
        fault=fault,
        end="fired",
        reason=reason,
        product="nginx@1.22",
        setting=setting,
        evidence=grade,
        is_limit=is_limit,
    )


IDLE = of_nginx(
    "idle_timeout",
    "closed after 60.0 s of silence (limit 60 s) (2 times)",
    "read 60s",
    is_limit=True,
)
HELD = of_nginx("buffer", "60B held, waits for the end", "proxy_buffering on", "documented")
REWRITTEN = of_nginx("rewrite_headers", "response: x-accel-buffering", grade="reported")


@pytest.mark.parametrize(
    ("faults", "said", "grade"),
    [
        ((IDLE,), "hop 1 (nginx@1.22) closed after 60.0 s of silence (read 60s) (2 times)", "●"),
        (
            (HELD,),
            "hop 1 (nginx@1.22) buffer: 60B held, waits for the end (proxy_buffering on)",
            "○",
        ),
        ((HELD, IDLE, REWRITTEN), "hop 1 (nginx@1.22) closed after 60.0 s of silence", "●"),
        (
            (REWRITTEN, HELD),
            "hop 1 (nginx@1.22) rewrite_headers: response: x-accel-buffering; buffer: ",
            "◌",
        ),
        ((FIRED,), "hop 1 idle_timeout: closed after 60.0 s of silence (limit 60 s)", ""),
        ((), "hop 1", ""),
    ],
)
def test_what_ended_a_response_is_told_rather_than_all_a_product_did(
    faults: tuple[FaultEnd, ...], said: str, grade: str
) -> None:
    told = case(faults=faults)
    assert blamed(told, 1).startswith(said)
    assert mark(told, 1) == grade
    assert mark(told, None) == ""


def test_what_changes_words_only_is_not_blamed_for_bytes_that_waited() -> None:
    held = of_nginx("buffer", "3B held", "proxy_buffering on")
    words = msgspec.structs.replace(of_nginx("rewrite_headers", "response: server"), is_aside=True)
    assert blamed(case(faults=(held, words)), 1) == (
        "hop 1 (nginx@1.22) buffer: 3B held (proxy_buffering on)"
    )
    assert blamed(case(faults=(words,)), 1) == (
        "hop 1 (nginx@1.22) rewrite_headers: response: server"
    )


def test_what_was_late_was_held_whatever_limit_ended_the_response_later_on() -> None:
    held = of_nginx("buffer", "3B held", "proxy_buffering on")
    left = of_nginx("client_gone", "client left (fin): noticed")
    limit = msgspec.structs.replace(of_nginx("max_duration", "closed"), is_limit=True)
    told = case(faults=(held, left, limit))
    assert blamed(told, 1, "delivered_within").startswith("hop 1 (nginx@1.22) buffer: 3B held")
    assert "client_gone" not in blamed(told, 1, "delivered_within")
    assert "max_duration" in blamed(told, 1, "stays_open")
    assert "max_duration" in blamed(case(faults=(left, limit)), 1, "delivered_within")


def test_a_product_to_blame_says_what_rescues_a_stream_from_it() -> None:
    held = msgspec.structs.replace(of_nginx("buffer", "3B held"), rescue="proxy_buffering off")
    told = case(faults=(held, held, of_nginx("late_headers", "head held")))
    assert rescued_by(told, finding("FAIL", hop=1)) == "proxy_buffering off"
    assert rescued_by(told, finding("FAIL", hop=2)) == ""
    assert rescued_by(told, finding("FAIL", hop=None)) == ""


def test_faults_carry_their_hop_where_there_are_several() -> None:
    late = FaultEnd(hop=2, fault="cut", end="not_reached", reason="margin 3 s")
    assert fault_ends(case(faults=(FIRED,))) == "idle_timeout fired"
    chain = case(faults=(FIRED, late), through=("idle_timeout 60s", "cut 1s"))
    assert fault_ends(chain) == "hop 1 idle_timeout fired; hop 2 cut not reached"


def test_faults_of_a_hop_that_ended_alike_are_told_together() -> None:
    held, coded, cut = (
        FaultEnd(hop=1, fault="buffer", end="defeated", reason=""),
        FaultEnd(hop=1, fault="compress", end="fired", reason=""),
        FaultEnd(hop=1, fault="slice", end="defeated", reason=""),
    )
    told = fault_ends(case(faults=(FIRED, held, coded, cut)))
    assert told == "idle_timeout + compress fired, buffer + slice defeated"


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.0, "0.0 s"), (9.84, "9.8 s"), (12_345.4, "12,345 s")]
)
def test_a_long_run_has_separators_and_no_decimals(seconds: float, written: str) -> None:
    assert total_seconds(seconds) == written


@pytest.mark.parametrize(
    ("case_id", "name"), [("a/b/c", "a/b"), ("a/b[x/y]", "a"), ("a", ""), ("a[x/y]", "")]
)
def test_the_folder_of_an_id_ends_before_its_matrix_values(case_id: str, name: str) -> None:
    assert folder(case_id) == name


def test_control_characters_are_made_visible() -> None:
    assert visible("a\x1b[2J\r\n\udc80é→") == "a\\x1b[2J\\r\\n\\udc80é→"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "● a → b … é"), ("ascii", "* a -> b ... ?"), ("cp1252", "* a -> b ... é")],
)
def test_marks_give_way_to_what_the_stream_can_take(encoding: str, written: str) -> None:
    assert encodable("● a → b … é", encoding) == written

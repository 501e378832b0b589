"""What attempts at one probe come to, and why a disagreement is expected."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from harness import products
from harness.fidelity import matrix
from harness.fidelity.battery import PROBES
from harness.fidelity.matrix import Held, Share, share_of
from harness.fidelity.record import Record, Seen
from harness.fidelity.rows import Row, rows
from harness.fidelity.simulate import simulate

_PROBE = "flow_small_chunked"


def _row(product: str, name: str) -> Row:
    """A row as it is held: of the version that was measured."""
    (row,) = (it for it in rows(product) if it.name == name)
    hop = products.hop(products.product(product), "", row.settings)
    return replace(row, hops=(hop,))


def _record(row: Row, probe: str = _PROBE, **changes: object) -> Record:
    """What a program would show that does as its simulation does, but for some changes."""
    ask = PROBES[probe]
    seen: Seen = msgspec.structs.replace(simulate(row.hops, ask), **changes)
    return Record(row.product, "1", row.name, probe, ask, seen)


def test_a_program_that_does_the_same_agrees_in_every_fact() -> None:
    row = _row("nginx", "h11")
    cell = matrix.cell(row, [_record(row)])
    assert {it.compared.is_agreed for it in cell.facts} == {True}
    assert cell.racy == frozenset()


def test_what_agreed_in_one_attempt_agrees_and_is_racy() -> None:
    row = _row("nginx", "h11")
    cell = matrix.cell(row, [_record(row, status=502), _record(row)])
    assert {it.compared.is_agreed for it in cell.facts} == {True}
    assert cell.racy == {"status"}


def test_what_agreed_in_no_attempt_disagrees_and_is_not_racy() -> None:
    row = _row("nginx", "h11")
    cell = matrix.cell(row, [_record(row, status=502), _record(row, status=503)])
    wrong = [it.compared for it in cell.facts if not it.compared.is_agreed]
    assert [(it.fact, it.measured, it.simulated) for it in wrong] == [("status", "503", "200")]
    assert cell.racy == frozenset()


@pytest.mark.parametrize("changes", [{}, {"latest_s": 9.0}])
def test_what_a_program_does_in_some_runs_only_is_racy_whatever_this_run_says(
    changes: dict[str, object],
) -> None:
    row = _row("varnish", "default")
    cell = matrix.cell(row, [_record(row, "flow_small_close11", **changes)])
    assert cell.racy == {"pattern"}


@pytest.mark.parametrize(
    ("fact", "is_known"), [("response fields added", True), ("response fields lost", False)]
)
def test_a_disagreement_is_expected_where_a_deviation_says_so(fact: str, *, is_known: bool) -> None:
    row = _row("traefik", "compress_excl_es")
    own = simulate(row.hops, PROBES["gz_etag"]).fields
    fields = {
        "response fields added": (*own, ("vary", "accept-encoding")),
        "response fields lost": tuple(it for it in own if it[0] != "etag"),
    }[fact]
    cell = matrix.cell(row, [_record(row, "gz_etag", fields=fields)])
    (wrong,) = (it for it in cell.facts if not it.compared.is_agreed)
    assert (wrong.compared.fact, bool(wrong.why)) == (fact, is_known)


def test_shares_are_of_all_cells_of_all_rows() -> None:
    row = _row("nginx", "h11")
    right, wrong = matrix.cell(row, [_record(row)]), matrix.cell(row, [_record(row, status=502)])
    held = [Held(row, "1", (right, wrong)), Held(row, "1", skipped="it is not installed")]
    facts = len(right.facts) + len(wrong.facts)
    assert share_of(held) == Share(facts - 1, facts)
    assert share_of([]).share == 1.0

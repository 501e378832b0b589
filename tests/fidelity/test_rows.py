"""The rows that are held against programs, and the probes they are asked."""

from __future__ import annotations

import math

import msgspec
import pytest

from harness import products
from harness.errors import ScenarioError
from harness.fidelity import rows
from harness.fidelity.battery import GROUPS, PROBES
from harness.fidelity.record import Ask
from harness.products.real import names
from tests.fidelity import configs, records

# As they were asked when the origin's own clock was slow, or as an application is asked.
_OF_THE_LOG = {"dt", "left_s", "watch_s", "third_s", "is_app", "hang_s"}


def test_every_program_that_can_be_started_is_held() -> None:
    assert set(rows.products()) == set(names())


@pytest.mark.parametrize("product", rows.products())
def test_the_rows_of_a_product_are_real_hops_with_settings_it_takes(product: str) -> None:
    found = rows.rows(product)
    assert found
    for row in found:
        assert row.probes
        assert all(hop.is_real for hop in row.hops)
        assert {hop.product.name for hop in row.hops if hop.product} <= set(products.names())


def test_every_probe_is_asked_somewhere() -> None:
    asked = {
        name for product in rows.products() for row in rows.rows(product) for name in row.probes
    }
    assert asked == set(PROBES)
    assert sum(map(len, GROUPS.values())) == len(PROBES) >= 40


def test_a_probe_asks_what_it_asked_in_the_stored_measurements() -> None:
    seen: list[str] = []
    others: list[str] = []
    for record in records.stored().records:
        ask = PROBES.get(record.probe)
        if ask is not None and not record.ask.is_app:
            is_same = _comparable(record.ask) == _comparable(ask)
            (seen if is_same else others).append(record.probe)
            assert math.isclose(record.ask.dt, ask.dt, rel_tol=0.5), record.name
    assert len(set(seen)) >= 70
    # A few programs were asked one or another probe in another way.
    assert set(others) <= set(seen)
    assert len(others) < len(seen) / 100


def _comparable(ask: Ask) -> dict[str, object]:
    return {key: it for key, it in msgspec.structs.asdict(ask).items() if key not in _OF_THE_LOG}


# More is written out here than the simulation of the stored config needs.
_OTHERWISE = {
    "encode_zstd_gzip_flush-1",  # as the program was configured then
    "deflate_default_buf",
    "gunicorn_sync_default",  # as many workers as there are probes at once
    "gunicorn_sync_t2",
    "gunicorn_gthread_t2",
}


def test_a_row_that_has_the_name_of_a_stored_config_has_its_settings() -> None:
    same, others = 0, set()
    for product in rows.products():
        stored = configs.configs(product).configs if product in configs.names() else {}
        for row in rows.rows(product):
            if row.name in stored and "through" not in stored[row.name]:
                same += row.settings == stored[row.name]
                others |= {row.name} if row.settings != stored[row.name] else set()
    assert others == _OTHERWISE
    assert same >= 80


def test_there_are_no_rows_of_what_is_no_program() -> None:
    with pytest.raises(ScenarioError, match="did you mean nginx"):
        rows.rows("ngnix")

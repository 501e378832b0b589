"""The products agree with their measurements, and what is marked measured rests on that."""

from __future__ import annotations

import pytest

from harness.products.model import Product
from tests import generated
from tests.fidelity import configs, marks, report
from tests.fidelity.held import Held

# What is left is tied to things a simulation has no word for; each is in the report with its why.
OF_EACH = 0.92
OF_ALL = 0.97
# That stored.md is what it would be made now is held by test_generated.
_SHARES = report.shares(generated.STORED.read_text("utf-8"))


@pytest.mark.parametrize("product", report.compared_products())
def test_a_product_agrees_with_its_measurements(product: str) -> None:
    assert _SHARES[product] >= OF_EACH


def test_the_products_agree_with_their_measurements() -> None:
    assert _SHARES["all"] >= OF_ALL


def test_every_disagreement_has_a_reason() -> None:
    assert report.UNEXPLAINED not in generated.STORED.read_text("utf-8")


def test_the_report_gives_a_figure_for_every_product_and_for_all() -> None:
    assert _SHARES.keys() == {*report.compared_products(), "all"}


@pytest.mark.parametrize("product", report.compared_products())
def test_what_is_marked_measured_rests_on_facts_that_agree(product: str) -> None:
    assert marks.unbacked(report.held_whole(product)) == []


@pytest.mark.parametrize("product", report.compared_products())
def test_no_expected_disagreement_has_become_an_agreement(product: str) -> None:
    held = report.held_whole(product)
    disagreed = [it.compared for it in held.facts if not it.compared.is_agreed]
    known = held.configs.known
    assert [it for it in known if not any(map(it.covers, disagreed))] == []


def test_a_mark_that_no_fact_rests_on_is_found() -> None:
    """Only one config of the log was watched for as long as nginx's limit is by default."""
    held = report.held_whole("nginx")
    facts = tuple(it for it in held.facts if it.compared.record.config != "DEFAULT_TIMEOUTS")
    fewer = Held(held.configs, held.records, facts, held.left_out)
    assert "settings: proxy_read_timeout: 60s" in marks.unbacked(fewer)


def test_a_number_in_an_entry_of_its_own_is_a_mark_too() -> None:
    found = {it: len(others) for it, others in marks.marks(_with_a_number())}
    assert found == {"faults[0]: latency": 1, "faults[0]: latency.delay": 1}


def _with_a_number() -> Product:
    entry = {"latency": {"delay": "200ms"}, "evidence": "measured", "source": "https://a.test/"}
    return Product.model_validate({"product": "slow", "title": "Slow", "faults": [entry]})


def test_only_products_that_are_there_are_compared() -> None:
    assert set(report.compared_products()) <= set(configs.names())

from __future__ import annotations

import pytest

from harness.checks.delivered_within import DeliveredWithin
from harness.checks.registry import (
    CHECKS,
    UnknownCheckError,
    ad_hoc,
    build,
    build_all,
    catalogue,
    check_class,
)


def test_builds_what_yaml_writes() -> None:
    assert build("delivered_within", "250ms") == DeliveredWithin(within_s=0.25)


def test_false_is_not_asked() -> None:
    assert build("delivered_within", value=False) is None
    assert build_all({"delivered_within": False, "order_kept": True})[0].name == "order_kept"
    with pytest.raises(UnknownCheckError):
        build("delivered_withn", value=False)


def test_an_unknown_name_comes_with_the_one_that_was_meant() -> None:
    with pytest.raises(LookupError) as raised:
        check_class("stay_open")
    assert str(raised.value) == "unknown check 'stay_open'; did you mean stays_open?"
    assert isinstance(raised.value, UnknownCheckError)
    assert "stays_open" in raised.value.candidates


def test_ad_hoc_asks_every_check_once() -> None:
    assert [it.name for it in ad_hoc(60.0, ())] == list(CHECKS)


def test_the_catalogue_has_a_row_for_each_with_its_default_bound() -> None:
    rows = {it.name: it for it in catalogue()}
    assert list(rows) == list(CHECKS)
    assert rows["heartbeat_within"].form == "within: 30s"
    assert rows["no_event_lost"].form == "in_flight: 1s"
    assert rows["headers_fit"].form == "strict: false"
    assert rows["makes_progress"].form == "attempts: 3"
    assert rows["order_kept"].form == ""
    assert all(it.summary and it.source.startswith("https://") for it in rows.values())

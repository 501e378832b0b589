"""Conditions of product files in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.products import load, products
from harness.products.model import Product
from harness.report.conditions import in_words

TEXT = """\
product: x
title: X
settings:
  hold it: {type: flag, default: off, evidence: documented, source: a}
  strict: {type: flag, default: "true", evidence: documented, source: a}
  wait: {type: duration, default: 10s, evidence: documented, source: a}
  age: {type: duration}
  mode: {type: choice, choices: [fast, slow], default: fast, evidence: documented, source: a}
  types: {type: words}
"""


@pytest.fixture
def product(tmp_path: Path) -> Product:
    file = tmp_path / "x.yaml"
    file.write_text(TEXT)
    return load(file)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("hold_it", "hold it is on"),
        ("not hold_it", "hold it is off"),
        ("strict", "strict is true"),
        ("not strict", "strict is false"),
        ("wait", "wait is not 0"),
        ("not wait", "wait is 0"),
        ("age", "age is set"),
        ("not types", "types is not set"),
        ("mode == 'slow'", "mode is slow"),
        ("not mode == 'slow'", "mode is not slow"),
        ("mode != 'slow'", "mode is not slow"),
        ("wait < never", "wait is less than never"),
        ("not wait < age", "wait is at least age"),
        ("'a' in types", "types has a"),
        ("'a' not in types", "types lacks a"),
        ("'a' in types or '*' in types", "types has a or *"),
        ("not ('a' in types or '*' in types)", "types lacks a and *"),
        ("mode == 'fast' or mode == 'slow'", "mode is fast or slow"),
        ("hold_it and mode == 'slow'", "hold it is on and mode is slow"),
        ("not (hold_it and strict)", "hold it is off or strict is false"),
        ("hold_it and strict and wait", "hold it is on, strict is true and wait is not 0"),
        (
            "hold_it and ('a' in types or strict)",
            "hold it is on, and types has a or strict is true",
        ),
        ("wait * 2 < age", "wait * 2 < age"),
        ("not wait * 2 < age", "not (wait * 2 < age)"),
        ("age == None", "age == None"),
    ],
)
def test_a_condition_is_said_in_the_words_of_the_product(
    product: Product, condition: str, words: str
) -> None:
    assert in_words(condition, product) == words


@pytest.mark.parametrize("product", products(), ids=lambda it: it.product)
def test_no_condition_that_ships_is_left_in_the_form_of_code(product: Product) -> None:
    said = [in_words(it.if_, product) for it in product.faults if it.if_]
    assert not [it for it in said if "==" in it or "(" in it]

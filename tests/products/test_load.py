"""Product files: those that ship, and what is wrong with one that does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import products
from harness.errors import ScenarioError, UsageError
from harness.faults.registry import FAULTS
from harness.products.load import DIRECTORY, load
from harness.products.model import BESIDE_FAULT, Product
from harness.products.references import has_number

GOOD = """\
product: x
title: X
measured: "1.2"
version: "1.2"
versions: {"1.2": {}, "1.3": {limit: 5s}}
syntax: nginx
settings:
  limit: {type: duration, default: 60s, evidence: measured, source: https://a.test/}
  how: {type: choice, choices: [a, b]}
faults:
  - idle_timeout: {after: $limit}
    setting: limit
"""

ALL = pytest.mark.parametrize("product", products.products(), ids=lambda it: it.product)


def told(tmp_path: Path, old: str, new: str) -> list[str]:
    assert old in GOOD
    file = tmp_path / "x.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load(file)
    lines = [str(caught.value), *map(str, caught.value.also)]
    return [line.removeprefix(f"{file}:") for line in lines]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(GOOD)
    assert load(file).faults[0].fault == "idle_timeout"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        # -- numbers have sources
        (", source: https://a.test/", "", "8:10: settings.limit: a default needs evidence and sou"),
        ("evidence: measured, ", "", "8:10: settings.limit: a default needs evidence and source"),
        (
            "{after: $limit}",
            "{after: 60s}",
            "11:5: faults[0]: a number or evidence of its own needs a source of its own",
        ),
        (
            "{after: $limit}",
            "{after: $limit, before_head: {status: 504}}",
            "11:5: faults[0]: a number or evidence of its own needs a source of its own",
        ),
        (
            "{after: $limit}",
            "{after: '${limit * 2}'}",
            "11:5: faults[0]: a number or evidence of its own needs a source of its own",
        ),
        (
            "    setting: limit",
            "    setting: limit\n    evidence: reported",
            "11:5: faults[0]: a number or evidence of its own needs a source of its own",
        ),
        ("    setting: limit", "", "11:5: faults[0]: expected evidence: measured, documented or"),
        (
            "    setting: limit",
            "    evidence: documented",
            "11:5: faults[0]: expected a source",
        ),
        ("limit: 5s}}", "how: a}}", "5:31: versions['1.3'].how: how needs a source"),
        # -- names lead somewhere
        ("product: x", "product: y", "1:10: product: expected x, as the file is named"),
        ("syntax: nginx", "syntax: ngnix", "6:9: syntax: expected one of plain, bare, nginx, hap"),
        ("limit: 5s}}", "limti: 5s}}", "5:31: versions['1.3'].limti: unknown setting; did you"),
        ("$limit", "$limti", "11:19: faults[0].idle_timeout: unknown setting limti; did you mean"),
        ("$limit", "$", "11:19: faults[0].idle_timeout: expected $name or ${expression}, got $"),
        (
            "setting: limit",
            "setting: limit\n  - resend: {}",
            "13:5: faults[1].resend: resend makes attempts of its own: it has to stand first",
        ),
        ("setting: limit", "setting: limti", "12:14: faults[0].setting: unknown setting; did you"),
        (
            "setting: limit",
            "setting: limit\n    if: a()",
            "13:9: faults[0].if: a() has no plac",
        ),
        ("idle_timeout", "idle_timout", "11:5: faults[0].idle_timout: unknown fault idle_timout"),
        ("setting: limit", "settin: limit", "11:5: faults[0]: expected one fault, got idle_timeou"),
        (
            "limit: {type",
            "limit.a: {type",
            "8:3: settings['limit.a']: expected a na",
        ),
        (
            "how: {type",
            "never: {type",
            "9:3: settings.never: expected a name of letters",
        ),
        ("how: {type: choice, choices: [a, b]}", "Limit: {type: duratoin}", "settings.Limit.type:"),
        (
            "how: {type: choice, choices: [a, b]}",
            "a b: {type: text}\n  a_b: {type: text}",
            "10:8: settings.a_b: in expressions it is the same as a b",
        ),
        # -- keys are those of the fault, whatever their values come to
        (
            "{after: $limit}",
            "{afer: $limit}",
            "11:20: faults[0].idle_timeout.afer: unknown key; did you mean after?",
        ),
        (
            "setting: limit",
            "setting: limit\n  - compress: {codin: $how}\n    if: how\n    setting: limit",
            "13:16: faults[1].compress.codin: unknown key; did you mean coding?",
        ),
        (
            "{after: $limit}",
            "{after: $limit, when: {framin: $how}}",
            "11:42: faults[0].idle_timeout.when.framin: unknown key; did you mean framing?",
        ),
        ("{after: $limit}", "{mid_stream: $how}", "idle_timeout.after: required, but missing"),
        # -- what is computed makes sense by default, in every version
        (
            "{after: $limit}",
            "{after: $limit, before_head: {status: 9999}}\n    source: https://a.test/",
            "11:57: faults[0].idle_timeout.before_head.status: expected less than or equal to 599",
        ),
        (
            "{after: $limit}",
            "{after: '${limit + 5}'}\n    source: https://a.test/",
            "11:19: faults[0].idle_timeout: limit + 5: expected values whose units go together",
        ),
        (
            "limit: 5s}}",
            "limit: 0s}}",
            "11:27: faults[0].idle_timeout.after: expected greater than 0, got 0s",
        ),
        (
            "setting: limit",
            "setting: limit\n    if: limit + 5",
            "13:9: faults[0].if: limit + 5: expected values whose units go together",
        ),
        # -- values make sense, also of a fault that is left out by default
        (
            "setting: limit",
            "setting: limit\n  - compress: {coding: lzma}\n    if: how == 'b'\n    setting: limit",
            "13:24: faults[1].compress.coding: expected",
        ),
        ("default: 60s", "default: 60 s", "8:36: settings.limit.default: expected a duration such"),
        ("limit: 5s}}", "limit: x}}", "5:38: versions['1.3'].limit: expected a duration such as"),
        ("choices: [a, b]", "choices: []", "9:8: settings.how: choices go with the type choice"),
        # -- what does nothing is said once, with its source
        (
            "how: {type: choice, choices: [a, b]}",
            "how: {type: text, says: a, no_effect: b, source: 'https://a.test/'}",
            "9:8: settings.how: no_effect goes with a source, and without says",
        ),
        (
            "how: {type: choice, choices: [a, b]}",
            "how: {type: text, no_effect: b}",
            "9:8: settings.how: no_effect goes with a source, and without says",
        ),
        (
            "faults:",
            "no_effect: [{line: a, why: b, source: c, if: limti}]\nfaults:",
            "10:46: no_effect[0].if: unknown setting limti; did you mean limit?",
        ),
        # -- versions are in order
        ('"1.3"', '"1.1"', "5:23: versions['1.1']: expected versions in ascending order"),
        ('"1.3"', '"new"', "5:23: versions.new: expected a version such as 1.22, got new"),
        ('version: "1.2"', 'version: "1.1"', "4:10: version: expected one of 1.2, 1.3, got 1.1"),
        ('measured: "1.2"', 'measured: "1.1"', "3:11: measured: expected x@1.2 or newer, got 1.1"),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, old: str, new: str, line: str) -> None:
    found = told(tmp_path, old, new)
    assert any(line in it for it in found), found


@ALL
def test_a_product_that_ships_is_whole_in_every_version(product: Product) -> None:
    for version in product.versions or ("",):
        hop = products.hop(product, version)
        assert all(spec.evidence and spec.source for spec in hop.faults)
        assert all(re.match(r"https?://", spec.source) for spec in hop.faults)


@ALL
def test_every_number_of_a_product_that_ships_has_a_source(product: Product) -> None:
    for setting in product.settings.values():
        if setting.default is not None:
            assert setting.evidence
            assert re.match(r"https?://", setting.source)
    for step in product.faults:
        if has_number(step.settings) or step.evidence:
            assert re.match(r"https?://", step.source)
    said = [*(it.source for it in product.idle_lines), *(it.source for it in product.deviations)]
    assert all(re.match(r"https?://", source) for source in said)


@ALL
def test_every_setting_of_a_product_that_ships_says_what_it_does(product: Product) -> None:
    assert all(setting.meaning for setting in product.settings.values())


@ALL
def test_what_is_measured_names_the_version(product: Product) -> None:
    marks = {it.evidence for it in product.settings.values()}
    marks |= {it.evidence for it in product.faults}
    assert ("measured" in marks) is bool(product.measured)


def test_no_product_has_the_name_of_a_fault() -> None:
    assert not {*FAULTS, "script", "real"} & {*products.names()}


def test_no_fault_has_the_name_of_a_key_that_stands_beside_it() -> None:
    assert not {*FAULTS} & {*BESIDE_FAULT}


def test_the_name_of_a_product_is_that_of_its_file() -> None:
    assert {file.stem for file in DIRECTORY.glob("*.yaml")} == {*products.names()}
    assert all(products.product(name).product == name for name in products.names())


def test_an_unknown_product_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown product ngnix; did you mean nginx\?"):
        products.product("ngnix")

"""What held products come to, for programs and for people."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import msgspec

from harness import products
from harness.fidelity import matrix
from harness.fidelity.battery import PROBES
from harness.fidelity.matrix import Held
from harness.fidelity.record import Record
from harness.fidelity.rows import Row, rows
from harness.fidelity.simulate import simulate
from harness.report import fidelity as report
from harness.report.terminal import make_console


def _row(product: str, name: str) -> Row:
    (row,) = (it for it in rows(product) if it.name == name)
    return replace(row, hops=(products.hop(products.product(product), "", row.settings),))


def _held(row: Row, *statuses: int | None) -> Held:
    """A row of one probe, asked as often as there are statuses; None: as simulated."""
    ask = PROBES["flow_small_chunked"]
    seen = simulate(row.hops, ask)
    attempts = [
        Record(
            row.product,
            "1.2",
            row.name,
            "flow_small_chunked",
            ask,
            seen if status is None else msgspec.structs.replace(seen, status=status),
        )
        for status in statuses
    ]
    return Held(row, "1.2", (matrix.cell(row, attempts),))


GOOD = _held(_row("nginx", "h11"), None)
WRONG = _held(_row("nginx", "default"), 502)
RACY = _held(_row("squid", "default"), 502, None)
MISSING = Held(_row("envoy", "default"), "", skipped="envoy is missing: install it")
BROKEN = Held(_row("envoy", "timeout2"), "1", error="envoy ended with 1")


def test_json_has_every_product_row_and_disagreement() -> None:
    made = report.as_json([GOOD, WRONG, RACY, MISSING, BROKEN], 12.34, "2026-11-20")
    assert json.loads(json.dumps(made)) == made
    assert (made["schema"], made["wall_s"], made["date"]) == (1, 12.3, "2026-11-20")
    nginx, squid, envoy = made["products"]
    assert [nginx["product"], nginx["version"], envoy["product"]] == ["nginx", "1.2", "envoy"]
    assert [row["row"] for row in nginx["rows"]] == ["h11", "default"]
    assert nginx["facts"] - nginx["agreed"] == 1
    assert nginx["rows"][1]["disagreements"] == [
        {
            "probe": "flow_small_chunked",
            "fact": "status",
            "real": "502",
            "simulated": "200",
            "why": "",
        }
    ]
    assert squid["rows"][0]["racy"] == [{"probe": "flow_small_chunked", "fact": "status"}]
    assert [row["skipped"] for row in envoy["rows"]] == ["envoy is missing: install it", ""]
    assert [row["error"] for row in envoy["rows"]] == ["", "envoy ended with 1"]


def test_it_is_good_enough_when_all_agree_and_each_product_does() -> None:
    assert report.is_good_enough([GOOD] * 40 + [WRONG])
    assert not report.is_good_enough([GOOD] * 40 + [_held(_row("squid", "default"), 502)])
    assert not report.is_good_enough([WRONG])


def test_a_terminal_says_the_same_thing_once_with_its_places() -> None:
    out = io.StringIO()
    console = make_console(no_color=True, file=out)
    console.width = 200
    report.print_table(console, [GOOD, WRONG, replace(WRONG, row=_row("nginx", "h11")), MISSING])
    said = out.getvalue()
    assert said.count("status: real 502 | simulated 200") == 1
    assert "default: flow_small_chunked; h11: flow_small_chunked" in said
    assert "envoy: envoy is missing: install it" in said
    assert "not explained" in said


def test_markdown_has_a_table_of_all_and_one_of_each_that_disagrees() -> None:
    made = list(report.markdown([GOOD, WRONG, RACY]))
    assert made[0].splitlines()[-1].startswith("| all |  | 3 | 3 |")
    assert made[1:3] == ["## nginx", made[2]]
    assert "| status | 502 | 200 | default: flow_small_chunked | not explained |" in made[2]
    assert made[3:] == ["## squid", "Every fact agrees."]

"""The simulations beside the programs: how far they agree, and that a lie is found out.

Everything is measured once. Where a program is missing its tests are skipped, and fail in CI.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.engine.fidelity import hold
from harness.fidelity import matrix
from harness.fidelity.battery import PROBES
from harness.fidelity.compare import Compared, compared
from harness.fidelity.held import RELAY
from harness.fidelity.live_origin import Origin
from harness.fidelity.matrix import Held
from harness.fidelity.measure import Places
from harness.fidelity.measure import measured as measured_by
from harness.fidelity.record import Record
from harness.fidelity.rows import Row, products, rows
from harness.fidelity.simulate import simulate
from harness.products.expand import hop
from harness.products.load import DIRECTORY
from harness.products.model import Product
from harness.report import fidelity as report
from harness.units import YAML_CONTEXT
from harness.yamlio import load
from tests.real.programs import Finished, run, started
from tests.real.test_real_hops import below, found, is_alive, until

pytestmark = pytest.mark.real

README = Path(__file__).resolve().parents[2] / "reports" / "fidelity" / "README.md"
PATIENCE_S = 900.0
PROGRAMS = 14
ROWS = 60
PROBES_ASKED = 40
RACY = 0.01


class Quiet:
    def finished(self, held: Held) -> None:
        pass


def skip_what_is_missing(missing: Sequence[str]) -> None:
    if missing:
        kind = pytest.fail.Exception if os.environ.get("CI") else pytest.skip.Exception
        raise kind("; ".join(dict.fromkeys(missing)))


# -- the matrix ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    cwd = tmp_path_factory.mktemp("fidelity")
    return run("fidelity", "--json", cwd=cwd, patience_s=PATIENCE_S)


@pytest.fixture(scope="module")
def held(finished: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(finished.out)
    skip_what_is_missing(
        [row["skipped"] for it in found["products"] for row in it["rows"] if row["skipped"]]
    )
    return found


def test_the_matrix_is_as_large_as_is_asked(held: dict[str, Any]) -> None:
    assert {it["product"] for it in held["products"]} == set(products())
    assert len(held["products"]) >= PROGRAMS
    assert sum(len(it["rows"]) for it in held["products"]) >= ROWS
    asked = {name for product in products() for row in rows(product) for name in row.probes}
    assert asked == set(PROBES)
    assert len(asked) >= PROBES_ASKED


def test_nothing_broke(held: dict[str, Any], finished: Finished) -> None:
    errors = [row["error"] for it in held["products"] for row in it["rows"] if row["error"]]
    assert (errors, finished.code) == ([], 0), finished.err


def test_the_simulations_agree_with_the_programs(held: dict[str, Any]) -> None:
    assert held["share"] >= report.OF_ALL
    assert {
        it["product"]: it["share"] for it in held["products"] if it["share"] < report.OF_EACH
    } == {}
    assert held["racy_share"] <= RACY


def test_every_disagreement_is_a_deviation_that_the_product_tells(held: dict[str, Any]) -> None:
    unexplained = [
        (it["product"], row["row"], each)
        for it in held["products"]
        for row in it["rows"]
        for each in row["disagreements"]
        if not each["why"]
    ]
    assert unexplained == []


def test_the_committed_report_has_every_product_and_every_deviation(held: dict[str, Any]) -> None:
    text = README.read_text("utf-8")
    for it in held["products"]:
        assert f"\n| {it['product']} | {it['version']} |" in text
        for row in it["rows"]:
            # What a program does in some runs only, it need not have done in that one.
            racy = [(each["probe"], each["fact"]) for each in row["racy"]]
            for each in row["disagreements"]:
                is_there = (each["probe"], each["fact"]) in racy or each["why"] in text
                assert is_there, (it["product"], row["row"], each)


def test_ctrl_c_ends_every_program_and_tells_what_is_done(tmp_path: Path) -> None:
    found("squid")
    with started("fidelity", "squid", "--row", "default", cwd=tmp_path) as program:
        until(lambda: any("squid" in line for line in below(program).values()))
        there = below(program)
        program.interrupt()
        ended = program.end()
        until(lambda: not any(map(is_alive, there)))
    assert (ended.code, ended.err) == (130, "")
    assert "interrupted: 0 of 1 are done" in ended.out


# -- origin and client alone -----------------------------------------------------------------------


# Who relays, speaks HTTP of his own on both sides.
OF_ANY_RELAY = {"framing", "upstream version"}


async def directly() -> dict[str, list[Compared]]:
    """Every probe that HTTP/1 carries, asked of the origin itself."""
    asks = {name: ask for name, ask in PROBES.items() if ask.http != "2" and ask.end != "refused"}
    made = Origin(asks)
    found: dict[str, list[Compared]] = {}

    async def one(name: str, place: tuple[str, int]) -> None:
        for attempt in range(3):
            ask, seen = await measured_by(name, attempt, asks[name], Places(place), made)
            record = Record("none", "", "direct", name, ask, seen)
            found[name] = list(compared(record, simulate(RELAY, ask), "none"))
            if all(it.is_agreed for it in found[name]):
                break

    async with trio.open_nursery() as nursery:
        port = await nursery.start(made.serve)
        async with trio.open_nursery() as asking:
            for name in asks:
                asking.start_soon(one, name, ("127.0.0.1", port))
        nursery.cancel_scope.cancel()
    return found


def test_without_anything_between_origin_and_client_say_what_a_relay_would() -> None:
    """What the matrix finds is not of its own instruments."""
    found = trio.run(directly)
    wrong = {
        name: [
            (it.fact, it.measured, it.simulated)
            for it in facts
            if not it.is_agreed and it.fact not in OF_ANY_RELAY
        ]
        for name, facts in found.items()
    }
    assert len(found) >= PROBES_ASKED
    assert {name: it for name, it in wrong.items() if it} == {}


# -- lies ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lie:
    """What a product's file says otherwise, and the probe and fact that know better."""

    what: str
    product: str
    row: str
    probe: str
    fact: str
    says: str
    lies: str


LIES = (
    Lie("a default that is another", "nginx", "default", "flow_small_chunked", "upstream version",
        '"1.22": {proxy_http_version: "1.0"}', '"1.22": {proxy_http_version: "1.1"}'),
    Lie("blocks of twice the size", "nginx", "default", "flow_dense60_chunked", "pattern",
        "default: 4k", "default: 8k"),
    Lie("a clean end where it truncates", "nginx", "h11_timeout2", "idle_midstream", "end",
        "before_head: {status: 504}\n      mid_stream: truncation",
        "before_head: {status: 504}\n      mid_stream: end"),
    Lie("another status at a limit", "nginx", "h11_timeout2", "before_headers", "status",
        "before_head: {status: 504}", "before_head: {status: 502}"),
    Lie("a field that is not stripped", "nginx", "default", "hdr_xab_no", "response fields lost",
        "'X-Accel-Buffering' in proxy_pass_header else 'X-Accel-Buffering'",
        "'X-Accel-Buffering' in proxy_pass_header else 'X-Other'"),
    Lie("no delay of each event", "haproxy", "debian_default", "flow_small_chunked", "pattern",
        "after: 200ms", "after: 1ms"),
    Lie("an upstream closed in another way", "haproxy", "debian_default", "leave_active_fin",
        "upstream closed", "writes: 2\n      upstream: rst", "writes: 2\n      upstream: fin"),
    Lie("a broken response that stays broken", "caddy", "default", "upstream_rst_small", "end",
        "truncation: end\n      reset: end", "truncation: truncation\n      reset: truncation"),
    Lie("a limit that heartbeats rescue from", "envoy", "timeout2", "active_stream_6s", "end",
        "- max_duration:\n      after: $route_timeout",
        "- idle_timeout:\n      after: $route_timeout"),
    Lie("a client whose leaving is noticed at once", "varnish", "default", "leave_idle_fin",
        "upstream closed",
        "notices: next_write\n      writes: 3\n      upstream: fin\n      before_head: never",
        "notices: at_once\n      upstream: fin"),
    Lie("a head that waits for nothing", "lighttpd", "default", "flow_small_chunked", "head at",
        "until_end: true, hold_head: true, content_length: true", "block: 1B"),
    Lie("compression that is flushed", "caddy", "encode_gzip", "gz_large", "pattern",
        "coding: ${encode}\n      flush: false", "coding: ${encode}\n      flush: true"),
)  # fmt: skip


def rows_of_lies() -> list[Row]:
    """Each row once, with the probes that lies are told of."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for lie in LIES:
        wanted.setdefault((lie.product, lie.row), set()).add(lie.probe)
    found = {(row.product, row.name): row for it in products() for row in rows(it)}
    return [
        replace(found[key], probes={name: PROBES[name] for name in sorted(names)})
        for key, names in wanted.items()
    ]


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], Held]:
    return {(it.row.product, it.row.name): it for it in hold(rows_of_lies(), None, 4, Quiet())}


def lying(lie: Lie) -> Product:
    text = (DIRECTORY / f"{lie.product}.yaml").read_text("utf-8")
    assert lie.says in text
    told = text.replace(lie.says, lie.lies)
    return Product.model_validate(load(told, "lie").value, context=YAML_CONTEXT)


def disagreed(held: Held, row: Row, probe: str) -> set[str]:
    (seen,) = (it.record for it in held.cells if it.record.probe == probe)
    facts = matrix.cell(row, [seen]).facts
    return {it.compared.fact for it in facts if not it.compared.is_agreed}


@pytest.mark.parametrize("lie", LIES, ids=lambda it: it.what)
def test_a_lie_in_a_products_file_makes_the_matrix_disagree(
    lie: Lie, measured: dict[tuple[str, str], Held]
) -> None:
    held = measured[lie.product, lie.row]
    skip_what_is_missing([held.skipped] if held.skipped else [])
    assert held.error == ""
    told = hop(lying(lie), held.version, held.row.settings)

    assert lie.fact not in disagreed(held, held.row, lie.probe)
    assert lie.fact in disagreed(held, replace(held.row, hops=(told,)), lie.probe)

"""Programs side by side: which of them did it is known by the relay between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.yamlio import dump
from tests.real.nginx import free_ports, running
from tests.real.programs import AtOnce, run
from tests.real.test_real_hops import AT_ONCE, LIMIT_S, LIMITS, LIVELY, SILENT, found, is_there
from tests.real.test_via import conf

pytestmark = pytest.mark.real

PATIENT = {"nginx": {"proxy_read_timeout": "30s"}, "haproxy": {"timeout server": "30s"}}
LATE_S = 0.5


class Pair(NamedTuple):
    """Two programs, client first, and which of them cuts; 0: neither."""

    first: str
    second: str
    cuts: int

    @property
    def chain(self) -> list[dict[str, Any]]:
        settings = [PATIENT[self.first], PATIENT[self.second]]
        if self.cuts:
            product = (self.first, self.second)[self.cuts - 1]
            settings[self.cuts - 1] = LIMITS[product]
        return [
            {"real": {product: its}}
            for product, its in zip((self.first, self.second), settings, strict=True)
        ]


PAIRS = [
    Pair(first, second, cuts)
    for first, second in (("nginx", "haproxy"), ("haproxy", "nginx"))
    for cuts in (0, 1, 2)
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("neighbours")
    calls = {}
    for number, pair in enumerate(PAIRS):
        if is_there(pair.first) and is_there(pair.second):
            cwd = folder / str(number)
            cwd.mkdir()
            scenario = SILENT if pair.cuts else LIVELY
            (cwd / "case.yaml").write_text(dump({**scenario, "through": pair.chain}))
            calls[str(pair)] = partial(run, "run", "case.yaml", cwd=cwd)
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


@pytest.mark.parametrize("pair", [it for it in PAIRS if it.cuts], ids=str)
def test_the_one_that_cuts_is_named(pair: Pair, runs: AtOnce) -> None:
    found(pair.first)
    found(pair.second)
    ended = runs.of(str(pair))

    finding = ended.found("stays_open", "FAIL")
    assert (ended.code, finding.hop) == (1, pair.cuts), ended.out + ended.err
    said = finding.observed.partition(f"by hop {pair.cuts}, after ")[2].partition(" s of ")[0]
    assert LIMIT_S <= float(said) <= LIMIT_S + LATE_S, finding.observed


@pytest.mark.parametrize("pair", [it for it in PAIRS if not it.cuts], ids=str)
def test_a_lively_stream_passes_both(pair: Pair, runs: AtOnce) -> None:
    found(pair.first)
    found(pair.second)
    ended = runs.of(str(pair))

    assert (ended.code, ended.case.outcome) == (0, "PASS"), ended.out + ended.err
    journal = next((ended.reports / "latest").glob("*/journal.jsonl")).read_text()
    for kind in ("relay.request", "relay.head", "relay.read", "relay.end"):
        assert f'"kind":"{kind}"' in journal


def test_the_one_that_holds_events_back_is_named(tmp_path: Path) -> None:
    found("nginx")
    chain = [{"real": "nginx"}, {"real": "nginx"}]
    (tmp_path / "case.yaml").write_text(dump({**LIVELY, "through": chain}))

    ended = run("run", "case.yaml", cwd=tmp_path)

    # The second one heeds X-Accel-Buffering and takes it away, and the first one never sees it.
    finding = ended.found("delivered_within", "FAIL")
    assert (ended.code, finding.hop) == (1, 1), ended.out + ended.err
    assert "of them at hop 1" in finding.observed


@pytest.mark.parametrize("cuts", [1, 2, 3])
def test_beside_a_proxy_that_runs_already_as_well(cuts: int, tmp_path: Path) -> None:
    found("haproxy")
    port, upstream = free_ports(2)
    settings = {hop: (LIMITS if hop == cuts else PATIENT)["haproxy"] for hop in (1, 3)}
    via = {"via": {"url": f"http://127.0.0.1:{port}", "listen": upstream}}
    chain = [{"real": {"haproxy": settings[1]}}, via, {"real": {"haproxy": settings[3]}}]
    (tmp_path / "case.yaml").write_text(dump({**SILENT, "through": chain}))
    (tmp_path / "temp").mkdir()
    timeout = "2s" if cuts == 2 else "30s"

    with running(conf(tmp_path, port, upstream, timeout), [port]):
        ended = run("run", "case.yaml", cwd=tmp_path)

    finding = ended.found("stays_open", "FAIL")
    assert (ended.code, finding.hop) == (1, cuts), ended.out + ended.err
    assert f"by hop {cuts}, after 2." in finding.observed

"""`sse-harness compare`: of two programs one is guilty, and is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.model.verdict import CaseVerdict
from harness.scenario.chain import parse_chain
from tests.real.programs import AtOnce, Finished, run
from tests.real.standing import standing
from tests.real.test_real_hops import is_there

pytestmark = pytest.mark.real

# What lets everything pass, for as long as anybody looks.
INNOCENT = {"haproxy": "{haproxy: {timeout server: 30s}}", "caddy": "caddy"}


class Chain(NamedTuple):
    """Two programs, the one beside the server first; the one that is not innocent does it."""

    near: str
    edge: str
    path: str
    what: str
    said: str

    @property
    def guilty(self) -> int:
        """The stretch behind which it shows, from 1."""
        return 2 if self.near in INNOCENT.values() else 1


HAPROXY, CADDY = INNOCENT["haproxy"], INNOCENT["caddy"]
FINITE, QUIET = "/finite?count=8", "/events"
HELD, SILENT = "8 events in 1 arrival", "of silence"
CHAINS = (
    Chain("nginx", HAPROXY, FINITE, "holds", HELD),
    Chain(HAPROXY, "nginx", FINITE, "holds", HELD),
    Chain("lighttpd", CADDY, FINITE, "holds", HELD),
    Chain(CADDY, "lighttpd", FINITE, "holds", HELD),
    Chain("{haproxy: {timeout server: 2s}}", CADDY, QUIET, "cuts", SILENT),
    Chain(HAPROXY, "{caddy: {read_timeout: 2s}}", QUIET, "cuts", SILENT),
    Chain("{apache: {ProxyTimeout: 2}}", HAPROXY, QUIET, "cuts", SILENT),
    Chain(CADDY, "{varnish: {between_bytes_timeout: 2s}}", QUIET, "cuts", SILENT),
    Chain("{squid: {read_timeout: 2 seconds}}", HAPROXY, QUIET, "cuts", SILENT),
    Chain(HAPROXY, "{envoy: {route_timeout: 3s}}", QUIET, "cuts", "cuts it at"),
)
AT_ONCE = 5


def programs(chain: Chain) -> list[str]:
    hops = parse_chain(f"[{{real: {chain.near}}}, {{real: {chain.edge}}}]")
    return [it.product.name for it in hops if it.product is not None]


@pytest.fixture(scope="module")
def runs(express: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("compare")

    def compare(chain: Chain, cwd: Path) -> Finished:
        (near,) = parse_chain(f"[{{real: {chain.near}}}]")
        (edge,) = parse_chain(f"[{{real: {chain.edge}}}]")
        with ExitStack() as stack:
            first = stack.enter_context(
                standing(near, int(express.rpartition(":")[2]), cwd / "near")
            )
            second = stack.enter_context(standing(edge, first, cwd / "edge"))
            urls = [f"{it}{chain.path}" for it in (express, *map(_origin, (first, second)))]
            return run("compare", *urls, "--max-time", "6s", cwd=cwd, patience_s=240.0)

    made = AtOnce(
        {
            str(chain): partial(compare, chain, folder / str(number))
            for number, chain in enumerate(CHAINS)
            if all(map(is_there, programs(chain)))
        },
        AT_ONCE,
    )
    yield made
    made.stop()


def _origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def stretch(ended: Finished, number: int) -> CaseVerdict:
    (found,) = [it for it in ended.verdict.cases if it.id == f"compare/{number}-{number + 1}"]
    return found


@pytest.mark.parametrize("chain", CHAINS, ids=lambda it: f"{it.near}-{it.edge}")
def test_the_guilty_stretch_and_what_it_does_are_named(chain: Chain, runs: AtOnce) -> None:
    missing = [it for it in programs(chain) if not is_there(it)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    ended = runs.of(str(chain))

    guilty, other = chain.guilty, 3 - chain.guilty
    assert ended.code == 1, ended.out + ended.err
    assert stretch(ended, other).outcome in {"PASS", "WARN"}, ended.out
    failed = [it for it in stretch(ended, guilty).findings if it.outcome == "FAIL"]
    assert [it.check for it in failed] == [chain.what], ended.out
    assert chain.said in failed[0].observed


@pytest.mark.parametrize("chain", CHAINS[:4], ids=lambda it: f"{it.near}-{it.edge}")
def test_a_program_that_signs_is_named_and_what_cures_it(chain: Chain, runs: AtOnce) -> None:
    missing = [it for it in programs(chain) if not is_there(it)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    guilty = programs(chain)[chain.guilty - 1]
    (held,) = [
        it for it in stretch(runs.of(str(chain)), chain.guilty).findings if it.outcome == "FAIL"
    ]

    assert held.confirm == f"looks like {guilty}"
    assert f"{guilty}: " in held.fix

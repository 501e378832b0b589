"""A client that leaves in the middle: a replay says of it what the wire and the programs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from harness.engine.asking import heard_before
from harness.model.verdict import Finding
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell
from harness.survey.expect import Terms
from harness.survey.judging import Judge
from harness.survey.kinds import guess
from harness.survey.resuming import resuming
from tests.real.programs import AtOnce, Finished, run
from tests.real.test_real_hops import found

pytestmark = pytest.mark.real

CHECK = "disconnect_noticed"
# One that notices at once, one that needs two writes to notice by, and one that never does.
CHAINS = {
    "caddy": ("caddy", "PASS"),
    "haproxy": ("{haproxy: {timeout server: 6s}}", "PASS"),
    "http-proxy": ("http-proxy", "WARN"),
}
AT_ONCE = 3
# On a machine with other work to do.
LONG_S = 300.0


@pytest.fixture(scope="module")
def seen(express: str, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """What was observed, to be replayed again and again."""
    cwd = tmp_path_factory.mktemp("seen")
    return run("check", f"{express}/events", cwd=cwd, patience_s=LONG_S)


@pytest.fixture(scope="module")
def runs(express: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("leaving")
    calls: dict[str, Callable[[], Finished]] = {}

    def check(name: str, chain: str) -> None:
        words = (f"{express}/events", "--exact", "--through", f"[{chain}]")
        calls[name] = partial(run, "check", *words, cwd=folder / name, patience_s=LONG_S)

    for product, (hop, _) in CHAINS.items():
        check(product, hop)
        check(f"{product}-itself", f"{{real: {hop}}}")
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def on_wire(ended: Finished, product: str) -> Finding:
    (finding,) = [
        it
        for case in ended.verdict.cases
        if case.id == f"check/{product}"
        for it in case.findings
        if it.check == CHECK
    ]
    return finding


def replayed(seen: Finished, product: str) -> Finding:
    target, observed = heard_before(seen.reports / "latest")
    terms = Terms(guess(observed.first), resuming(observed.first, None))
    chain = parse_chain(f"[{CHAINS[product][0]}]")
    case = Judge(observed, target, terms, 1).through(Cell(product, chain)).case
    (finding,) = [it for it in case.findings if it.check == CHECK]
    return finding


@pytest.mark.parametrize("product", CHAINS)
def test_who_tells_the_target_in_a_replay_does_so_on_the_wire(
    seen: Finished, runs: AtOnce, product: str
) -> None:
    here, there = replayed(seen, product), on_wire(runs.of(product), product)

    assert here.outcome == CHAINS[product][1], here
    assert (there.outcome, there.hop) == (here.outcome, here.hop), there


@pytest.mark.parametrize("product", CHAINS)
def test_and_so_does_the_program_itself(seen: Finished, runs: AtOnce, product: str) -> None:
    found(product)
    here, there = replayed(seen, product), on_wire(runs.of(f"{product}-itself"), product)

    assert (there.outcome, there.hop) == (here.outcome, here.hop), there


@pytest.mark.parametrize("name", ["replayed", "haproxy", "haproxy-itself"])
def test_who_notices_by_writing_takes_two_writes_of_the_target(
    seen: Finished, runs: AtOnce, name: str
) -> None:
    found("haproxy")
    is_replayed = name == "replayed"
    told = replayed(seen, "haproxy") if is_replayed else on_wire(runs.of(name), "haproxy")

    # Within a burst events are a fifth of a second apart, between bursts two seconds and a half.
    assert told.margin is not None
    assert told.margin < 60.0 - 0.15


def test_what_is_not_told_has_a_journal_of_its_own(runs: AtOnce, seen: Finished) -> None:
    for reports in (runs.of("http-proxy").reports, seen.reports):
        (unheard,) = (reports / "latest").glob("check~http-proxy~leaving")
        assert b"client.left" in (unheard / "journal.jsonl").read_bytes()


def test_a_client_that_leaves_is_one_more_request_and_within_what_is_allowed(
    runs: AtOnce, express: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "for a client that leaves" in runs.of("http-proxy").out
    words = ("--exact", "--through", "caddy", "--max-requests", "2")
    cwd = tmp_path_factory.mktemp("fewer")
    ended = run("check", f"{express}/events", *words, cwd=cwd, patience_s=LONG_S)

    finding = on_wire(ended, "caddy")
    assert (finding.outcome, finding.observed) == ("SKIP", "asked 2 times (--max-requests)")

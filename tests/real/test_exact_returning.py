"""A chain that ends every stream, and a client that comes back: replayed, and on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from harness.engine.asking import heard_before
from harness.model.verdict import CaseVerdict, Outcome
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell, name_of
from harness.survey.expect import Terms
from harness.survey.judging import Judge
from harness.survey.kinds import guess
from harness.survey.resuming import resuming
from tests.real.programs import AtOnce, Finished, run
from tests.real.test_real_hops import found

pytestmark = pytest.mark.real

# The id is passed on, or is kept from the target, or an event was held when the stream was ended.
CHAINS = {
    "envoy": "{envoy: {route_timeout: 6s}}",
    "varnish": "{varnish: {send_timeout: 6s}}",
    "stripped": (
        "{max_duration: {after: 6s}, rewrite_headers: {request: {remove: [Last-Event-ID]}}}"
    ),
    "held": "{buffer: {block: 200B}, max_duration: {after: 6s}}",
}
PROGRAMS = ("envoy", "varnish")
# What an end, and coming back after it, decide.
CHECKS = ("resumes", "no_event_lost", "no_event_duplicated", "stays_open")
AT_ONCE = 2
# On a machine with other work to do.
LONG_S = 240.0


@pytest.fixture(scope="module")
def seen(starlette: str, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """What was observed, to be replayed again and again."""
    cwd = tmp_path_factory.mktemp("seen")
    return run("check", f"{starlette}/events", cwd=cwd, patience_s=LONG_S)


@pytest.fixture(scope="module")
def runs(starlette: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("returning")
    calls: dict[str, Callable[[], Finished]] = {}

    def check(name: str, chain: str) -> None:
        words = (f"{starlette}/events", "--exact", "--through", f"[{chain}]")
        cwd = folder / str(len(calls))
        calls[name] = partial(run, "check", *words, cwd=cwd, patience_s=LONG_S)

    for name, chain in CHAINS.items():
        check(name, chain)
    for program in PROGRAMS:
        check(f"{program} itself", f"{{real: {CHAINS[program]}}}")
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def replayed(seen: Finished, name: str) -> CaseVerdict:
    target, observed = heard_before(seen.reports / "latest")
    terms = Terms(guess(observed.first), resuming(observed.first, observed.resumed))
    chain = parse_chain(f"[{CHAINS[name]}]")
    return Judge(observed, target, terms, 1).through(Cell(name_of(chain), chain)).case


def on_wire(ended: Finished) -> CaseVerdict:
    (case,) = [it for it in ended.verdict.cases if it.id != "check/direct"]
    return case


def told(case: CaseVerdict) -> dict[str, tuple[Outcome, int | None]]:
    return {it.check: (it.outcome, it.hop) for it in case.findings if it.check in CHECKS}


@pytest.mark.parametrize("name", [*PROGRAMS, "held"])
def test_a_replay_of_who_comes_back_is_what_happens_on_the_wire(
    seen: Finished, runs: AtOnce, name: str
) -> None:
    here, there = replayed(seen, name), on_wire(runs.of(name))

    assert told(here)["resumes"] == told(here)["no_event_lost"] == ("PASS", None), here
    assert told(there) == told(here), there


@pytest.mark.parametrize("program", PROGRAMS)
def test_and_what_the_program_itself_does(seen: Finished, runs: AtOnce, program: str) -> None:
    found(program)
    here, there = replayed(seen, program), on_wire(runs.of(f"{program} itself"))

    assert told(there) == told(here), there


def test_an_id_that_is_kept_from_the_target_is_a_fault_of_the_hop(
    seen: Finished, runs: AtOnce
) -> None:
    here, there = replayed(seen, "stripped"), on_wire(runs.of("stripped"))

    assert told(there)["resumes"] == told(here)["resumes"] == ("FAIL", 1)
    # What the target says then is seen on the wire alone.
    assert told(here)["no_event_lost"] == ("SKIP", None)

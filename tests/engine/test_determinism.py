"""One seed, one journal: whatever else runs, in whatever order, in however many processes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from harness.engine.run import default_workers
from tests.engine.performing import built_in, samples

ROOT = Path(__file__).resolve().parents[2]
# How often each case is performed: twenty times are six minutes of two cores.
TIMES = int(os.environ.get("SSE_HARNESS_TIMES", "5"))
BUDGET_S = 540.0

type Digests = dict[str, list[str]]

# Random draws, two hops that fight, TLS, an asyncio hook, a cut inside a character, a twin.
FEW = (
    "combined/mobile",
    "combined/cdn-and-proxy",
    "combined/http2",
    "combined/script-slow-auth",
    "resume/cut-anywhere[mid_char]",
    "idle/two-hops+no-heartbeat",
)

# What is hard to keep in order: many sends at one instant, events that fill every buffer, and a
# reader that holds all of the chain up.
HARD = {
    "hard/burst": """\
        traffic: {every: 5s, burst: 20, end_after: 21s}
        client: [eventsource, eventsource, {eventsource: {start: 7s, last_event_id: "5"}}]
        through:
          - latency: {delay: 20ms, jitter: 30ms}
          - buffer: {flush_after: 100ms}
        expect: {no_event_lost: true, order_kept: true}
    """,
    "hard/mebibyte": """\
        traffic: {every: 2s, size: 1MiB, text: multibyte, end_after: 9s}
        through:
          - compress: {coding: gzip, flush: true, honours_no_transform: false}
          - idle_timeout: {after: 5s}
        expect: {no_event_lost: true, events_parse: true}
    """,
    "hard/slow-reader": """\
        traffic: {every: 1s, size: 64KiB, end_after: 10s}
        client: {eventsource: {reads: {bytes_per_read: 4096, every: 250ms}}}
        watch: 60s
        through:
          - idle_timeout: {after: 5s}
          - idle_timeout: {after: 5s}
        expect: {no_event_lost: true, order_kept: true}
    """,
}


def environment(hash_seed: int) -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": str(hash_seed)}


def performed(case_ids: Sequence[str], times: int, hash_seed: int) -> Digests:
    """Perform cases several times in one process, in an order of its own."""
    options = ["--times", str(times), "--shuffle", str(hash_seed)]
    command = [sys.executable, "-m", "tests.engine.digests", *options, *case_ids]
    lines = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(hash_seed),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    digests: Digests = defaultdict(list)
    for line in lines:
        digest, _, case_id = line.partition(" ")
        digests[case_id].append(digest)
    return digests


def test_a_few_cases_always_give_the_same_journals() -> None:
    with ThreadPoolExecutor(2) as lanes:
        one, other = lanes.map(performed, [FEW, FEW], [3, 3], [1, 4242])
    assert set(one) == set(other) == set(FEW)
    for case_id in FEW:
        assert len(one[case_id] + other[case_id]) == 6
        assert len({*one[case_id], *other[case_id]}) == 1, case_id


# -- all that differ, many times -------------------------------------------------------------------

TESTED = samples()


def words_for(case_ids: Sequence[str]) -> list[str]:
    """What to select them by: a scenario as a whole where all of it is meant, twins with it.

    A word must not select what another one selects: it would be performed twice.
    """
    by_scenario: dict[str, list[str]] = defaultdict(list)
    for case_id, case in built_in().items():
        by_scenario[case.scenario.id].append(case_id)
    words: list[str] = []
    for scenario_id, its_ids in by_scenario.items():
        wanted = [case_id for case_id in its_ids if case_id in case_ids]
        words += [scenario_id] if wanted == its_ids else wanted
    return words


def test_every_word_selects_cases_of_its_own() -> None:
    words = words_for(TESTED)
    # With the twins of a whole scenario, and without those of a case.
    owners = Counter(
        case_id
        for word in words
        for case_id, case in built_in().items()
        if word in {case_id, case.scenario.id}
    )
    assert owners == Counter(TESTED)


@dataclass(frozen=True, slots=True)
class Plan:
    """One `run`: which scenarios in which order, in how many processes."""

    words: tuple[str, ...]
    workers: int
    hash_seed: int


def plans(words: Sequence[str]) -> Iterator[Plan]:
    """Some performances of each: some runs take everything, others a half of it."""
    chance = random.Random(20)
    hash_seeds = count(1)
    for number in range(TIMES):
        order = list(words)
        chance.shuffle(order)
        parts = [order] if number % 4 else [order[::2], order[1::2]]
        for part in parts:
            yield Plan(tuple(part), 1 + number % 2, next(hash_seeds))


def carried_out(plan: Plan, directory: Path) -> Digests:
    options = ["-n", str(plan.workers), "--report", "json", "--report-dir", str(directory)]
    process = subprocess.run(
        [sys.executable, "-m", "harness", "run", *options, *plan.words],
        cwd=ROOT,
        env=environment(plan.hash_seed),
        check=False,
        capture_output=True,
        text=True,
        timeout=BUDGET_S,
    )
    # Every case passes, too; what did not is what the output ends with.
    assert process.returncode == 0, (process.stdout + process.stderr)[-2000:]
    verdict = json.loads((directory / "latest" / "verdict.json").read_bytes())
    return {it["id"]: [it["journal_sha256"]] for it in verdict["cases"]}


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every second core busy with nothing but computing, which ends by itself."""
    spin = f"import time\nend = time.monotonic() + {BUDGET_S}\nwhile time.monotonic() < end: pass"
    burners = [
        subprocess.Popen([sys.executable, "-c", spin]) for _ in range((default_workers() + 1) // 2)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@pytest.fixture(scope="module")
def all_digests(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    files = tmp_path_factory.mktemp("hard")
    for scenario_id, text in HARD.items():
        file = files / f"{scenario_id.partition('/')[2]}.yaml"
        file.write_text(f"id: {scenario_id}\nwhy: it is hard to keep in order\n" + _dedented(text))
    words = [*words_for(TESTED), *(str(file) for file in files.iterdir())]
    digests: Digests = defaultdict(list)
    with busy_cores(), ThreadPoolExecutor(2 * default_workers()) as lanes:
        runs = lanes.map(
            lambda plan: carried_out(plan, tmp_path_factory.mktemp("run")), list(plans(words))
        )
        for run in runs:
            for case_id, found in run.items():
                digests[case_id] += found
    return digests


def _dedented(text: str) -> str:
    return "".join(f"{line.removeprefix(' ' * 8)}\n" for line in text.splitlines())


@pytest.mark.real
@pytest.mark.parametrize("case_id", [*TESTED, *HARD])
def test_every_case_always_gives_the_same_journal(all_digests: Digests, case_id: str) -> None:
    assert len(all_digests[case_id]) == TIMES
    assert len(set(all_digests[case_id])) == 1

"""Two servers nobody here wrote, through hops, on the real clock: one passes and one fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.model.verdict import Finding
from tests.real.programs import AtOnce, Finished, run

pytestmark = pytest.mark.real

BUFFER = '[{buffer: {block: 4KiB, unless_response_header: {X-Accel-Buffering: "no"}}}]'
IDLE = "[{idle_timeout: {after: 2s}}]"
COMPRESS = "[{compress: {coding: gzip, flush: false, honours_no_transform: true}}]"
DURATION = "[{max_duration: {after: 3s}}]"

RESUMING = """
id: resuming
why: a server has to go on where it was cut off
source: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
watch: 10s
through: [{max_duration: {after: 3s}}]
expect: {resumes: true, no_event_lost: true, no_event_duplicated: true, order_kept: true}
"""
# Each takes ten seconds in which it does next to nothing.
AT_ONCE = 5


@pytest.fixture(scope="module")
def runs(
    starlette: str, express: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtOnce]:
    """One run of each server through each chain, named `starlette …` and `express …`."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "resuming.yaml").write_text(RESUMING)
    asked = {it: ["--through", it] for it in (BUFFER, IDLE, COMPRESS, DURATION)}
    asked["resuming"] = [str(folder / "resuming.yaml")]
    calls: dict[str, Callable[[], Finished]] = {}
    for name, origin in (("starlette", starlette), ("express", express)):
        for number, (chain, args) in enumerate(asked.items()):
            cwd = folder / f"{name}{number}"
            calls[f"{name} {chain}"] = partial(
                run, "run", "--url", f"{origin}/events", *args, cwd=cwd
            )
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("chain", "fault", "reason"),
    [
        (BUFFER, "buffer", "X-Accel-Buffering: no in the response"),
        (IDLE, "idle_timeout", "longest silence"),
        (COMPRESS, "compress", "Cache-Control: no-transform in the response"),
    ],
)
def test_a_server_that_asks_intermediaries_and_sends_heartbeats_passes(
    runs: AtOnce, chain: str, fault: str, reason: str
) -> None:
    ended = runs.of(f"starlette {chain}")

    assert (ended.code, ended.case.outcome) == (0, "PASS"), ended.out
    (how,) = ended.case.faults
    assert (how.hop, how.fault, how.end) == (1, fault, "defeated")
    assert how.reason.startswith(reason)
    assert {it.outcome for it in ended.case.findings} == {"PASS", "SKIP"}


def test_a_server_with_ids_that_honours_them_survives_being_cut(runs: AtOnce) -> None:
    ended = runs.of("starlette resuming")

    assert (ended.code, ended.case.outcome) == (0, "PASS"), ended.out
    assert [it.end for it in ended.case.faults] == ["fired"]
    assert {it.check: it.outcome for it in ended.case.findings} == {
        "resumes": "PASS",
        "no_event_lost": "PASS",
        "no_event_duplicated": "PASS",
        "order_kept": "PASS",
    }


class Reason(NamedTuple):
    """Why a server has to fail."""

    chain: str
    check: str
    hop: int | None
    observed: str
    fix: str


REASONS = [
    Reason(
        BUFFER,
        "delivered_within",
        1,
        "never arrived; the worst was still held after",
        'send "X-Accel-Buffering: no": hop 1 holds what it reads',
    ),
    Reason(IDLE, "stays_open", 1, r"by hop 1, after 2\.\d s of silence", "send a comment"),
    Reason(COMPRESS, "delivered_within", 1, "never arrived", 'send "Cache-Control: no-transform"'),
    Reason(DURATION, "no_event_lost", None, "client 1 lost", "send an id with every event"),
    Reason("resuming", "no_event_lost", None, "client 1 lost", "send an id with every event"),
]


@pytest.mark.parametrize("why", REASONS, ids=[f"{it.chain}-{it.check}" for it in REASONS])
def test_a_server_that_does_nothing_for_its_clients_fails_with_hop_and_fix(
    runs: AtOnce, why: Reason
) -> None:
    ended = runs.of(f"express {why.chain}")

    assert (ended.code, ended.case.outcome) == (1, "FAIL"), ended.out
    found: Finding = ended.found(why.check, "FAIL")
    assert found.hop == why.hop
    assert re.search(why.observed, found.observed)
    assert found.fix.startswith(why.fix)
    assert found.evidence
    assert [it.end for it in ended.case.faults] == ["fired"]


def test_a_cut_that_the_chain_makes_anyway_is_held_against_no_server(runs: AtOnce) -> None:
    found = runs.of(f"express {DURATION}").found("stays_open", "PASS")

    assert re.fullmatch(r"open for 3\.\d s, until max_duration of hop 1 ended it", found.observed)


def test_the_report_for_people_names_hop_fix_and_the_command_to_run_it_again(runs: AtOnce) -> None:
    said = runs.of(f"express {IDLE}").out

    assert re.search(r"hop 1 idle_timeout: closed after 2\.\d s of silence \(limit 2 s\)", said)
    assert 'fix     send a comment (": hb\\n\\n") at least every 1.0 s' in said
    assert (
        'sse-harness run --through \'[{"idle_timeout": {"after": "2s"}}]\' --url http://127.0.0.1:'
        in said
    )


def test_a_server_that_compresses_without_flush_is_told_from_a_hop_that_does(
    express: str, tmp_path: Path
) -> None:
    (tmp_path / "first.yaml").write_text(
        "{id: first, why: a test, watch: 4s, expect: {first_byte_within: 2s}}"
    )

    ended = run("run", "--url", f"{express}/compressed", "first.yaml", cwd=tmp_path)

    assert ended.code == 1, ended.out
    found = ended.found("first_byte_within", "FAIL")
    assert found.hop is None

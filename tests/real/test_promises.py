"""What `sse-harness.yaml` promises of a server, held against some that keep it, and some not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.model.verdict import CaseVerdict, Finding
from tests.real.programs import FOREIGN, AtOnce, Finished, run

pytestmark = pytest.mark.real

FOLDER = FOREIGN / "targets"
LONG_S = 120.0


@dataclass(frozen=True, slots=True)
class Row:
    """A server and what is promised of it.

    Args:
        app: Its application, or its file.
        promise: What its file says.
        more: Further options.
        fails: What is found at the server itself, by check; what it begins with.
        says: What is printed.
    """

    app: str
    promise: str
    more: tuple[str, ...] = ()
    fails: tuple[tuple[str, str], ...] = ()
    says: tuple[str, ...] = ()


POST = ("-X", "POST", "-d", "{}")
ROWS = {
    "well": Row("well", "broadcast: true", says=("2 at once, each answered · told the same",)),
    "well, many": Row(
        "well", "broadcast: true", more=("--max-requests", "9"), says=("5 at once, each answered",)
    ),
    "forgetful": Row(
        "forgetful",
        "broadcast: true",
        fails=(("no_event_lost", "client 2 lost "),),
        says=("2 at once, each answered",),
    ),
    "forgetful, unpromised": Row("forgetful", "broadcast: false"),
    "one at a time": Row(
        "one_at_a_time.py",
        "broadcast: true",
        fails=(("at_once", "1 at a time: stream 2 was not answered in "),),
    ),
    "one at a time, unpromised": Row("one_at_a_time.py", "broadcast: false"),
    "not enough requests": Row(
        "well",
        "broadcast: true",
        more=("--max-requests", "2"),
        says=("not tried at once: asked 2 times (--max-requests)",),
    ),
    "finished": Row(
        "finished",
        'end_marker: "[DONE]"',
        more=POST,
        says=("31 events in 1.5 s, ends with [DONE], is left open",),
    ),
    "unfinished": Row(
        "unfinished",
        'end_marker: "[DONE]"',
        more=POST,
        fails=(("stays_open", "ended at 1.5 s by the target, without its end marker"),),
    ),
    "unfinished, unpromised": Row("unfinished", "kind: llm-tokens", more=POST),
    "numbered": Row("well", r"sequence: 'news (\d+)'"),
    "left out": Row(
        "gappy", r"sequence: 'news (\d+)'", fails=(("no_event_lost", "client 1 lost "),)
    ),
    "left out, unpromised": Row("gappy", "kind: notifications"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("promises")
    jobs = {}
    for name, row in ROWS.items():
        own = folder / name.replace(", ", "-").replace(" ", "-")
        own.mkdir()
        (own / "sse-harness.yaml").write_text(f"{row.promise}\n")
        if row.app.endswith(".py"):
            started = shlex.join((sys.executable, str(FOLDER / row.app)))
            target = ["--command", started, "--url", "http://127.0.0.1:{port}/events"]
        else:
            name_of = f"broadcast_app:{row.app}"
            target = ["--app", name_of, "--cwd", str(FOLDER), "--url", "/events"]
        words = ("check", *target, "--through", "haproxy", *row.more)
        jobs[name] = partial(run, *words, cwd=own, patience_s=LONG_S)
    made = AtOnce(jobs, 3)
    yield made
    made.stop()


def _direct(ended: Finished) -> CaseVerdict:
    (found,) = [it for it in ended.verdict.cases if it.id == "check/direct"]
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_promise_is_held_against_the_server(name: str, runs: AtOnce) -> None:
    row = ROWS[name]
    ended = runs.of(name)
    promised = {"no_event_lost", "at_once", "stays_open"}
    failed = [
        (it.check, it.observed)
        for it in _direct(ended).findings
        if it.outcome == "FAIL" and it.check in promised
    ]
    assert len(failed) == len(row.fails), (failed, ended.out)
    for (check, observed), (expected, begins) in zip(failed, row.fails, strict=True):
        assert (check, observed.startswith(begins)) == (expected, True), observed
    told = " ".join(ended.out.split())
    assert [it for it in row.says if it not in told] == []


def test_what_was_observed_at_once_is_told_again_without_asking(
    runs: AtOnce, tmp_path: Path
) -> None:
    ended = runs.of("forgetful")
    before = _at_once(ended)
    (ended.reports / "latest" / "verdict.json").unlink()
    run("check", "--from", str(ended.reports / "latest"), cwd=tmp_path, patience_s=LONG_S)
    assert [it.outcome for it in before] == ["PASS", "FAIL"]
    assert _at_once(ended) == before


def _at_once(ended: Finished) -> list[Finding]:
    """What several streams at once showed."""
    return [it for it in _direct(ended).findings if it.check in {"at_once", "no_event_lost"}]

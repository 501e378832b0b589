"""Every server that misbehaves, through a hop and without, as users run the tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bad_targets.targets import MIB, TARGETS, listening, refusing
from tests.real.programs import AtOnce, Finished, run

pytestmark = pytest.mark.real

CHAIN = "[{idle_timeout: {after: 2s}}]"
AT_ONCE = 6
# It watches for 10 s and for 2 s; the rest is for starting it, on a machine that does more.
RUN_S = 40.0
TRACE_S = 30.0
# Until more has come than is kept, also on a busy machine.
LONGER_S = {"lines of 10 MiB": "6s"}
# More than the tool has when nothing comes.
GROWTH_BYTES = 300 * MIB

# What `run` ends with, and the finding that says why: check, outcome, and a pattern of it.
RUNS: dict[str, tuple[int, str, str, str]] = {
    "refuses": (4, "target", "ERROR", "connection refused"),
    "never answers": (
        1,
        "stream",
        "FAIL",
        r"hop 1 answered 504 text/plain after 2\.\d s of silence",
    ),
    "answers 500": (1, "stream", "FAIL", "the target answered 500"),
    "answers HTML": (1, "headers_fit", "FAIL", "text/html"),
    "answers unasked": (1, "stream", "FAIL", "the target answered 503"),
    "a line without end": (1, "events_parse", "FAIL", "line of more than"),
    "a slow line without end": (1, "headers_fit", "FAIL", "no Cache-Control"),
    "events at full speed": (3, "events_parse", "INCONCLUSIVE", "clipped"),
    "lines of 10 MiB": (3, "events_parse", "INCONCLUSIVE", "clipped"),
    "a length too long": (1, "headers_fit", "FAIL", "Content-Length: 1000"),
    "a length too short": (1, "headers_fit", "FAIL", "Content-Length: 5"),
    "a bomb of zeros": (1, "events_parse", "FAIL", "line of more than"),
    "no UTF-8": (1, "events_parse", "FAIL", "not UTF-8"),
    "redirects to itself": (1, "resumes", "FAIL", "redirected more than 20 times"),
    "redirects elsewhere": (4, "hop", "ERROR", "led around the chain, to http://elsewhere.invalid"),
    "closes behind the head": (1, "stays_open", "FAIL", "by the target"),
    "103 before 200": (1, "stays_open", "FAIL", "by the target"),
    "trailers": (1, "makes_progress", "FAIL", "each ended by the target"),
    "another protocol": (1, "stays_open", "FAIL", "by the target"),
    "garbage": (1, "stays_open", "FAIL", "by the target"),
    "a head without end": (1, "stays_open", "FAIL", "by the target"),
    "a chunk without size": (1, "stays_open", "FAIL", "by the target"),
    "a chunk beyond all bounds": (1, "stays_open", "FAIL", "by the target"),
    "retry at once": (1, "makes_progress", "FAIL", "attempts in a row for nothing"),
    "an endless chunk": (3, "events_parse", "INCONCLUSIVE", "clipped"),
}
# What `trace` ends with, where a moment would not show it.
TRACES: dict[str, tuple[int, str]] = {
    "a line without end": (4, "line longer than"),
    "events at full speed": (0, "still open at 2."),
    "lines of 10 MiB": (0, "more came than is kept"),
    "a bomb of zeros": (4, "line longer than"),
    "an endless chunk": (0, "no events came"),
}


def against(name: str, folder: Path, *args: str) -> Finished:
    """Run the tool against one of the servers; `URL` stands for where it is."""
    with refusing() if name == "refuses" else listening(TARGETS[name]) as port:
        url = f"http://127.0.0.1:{port}/"
        return run(*(url if it == "URL" else it for it in args), cwd=folder)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    """Each server met in turn, by `run …` and by `trace …`."""
    calls: dict[str, Callable[[], Finished]] = {}
    for name in RUNS:
        folder = tmp_path_factory.mktemp("run")
        calls[f"run {name}"] = partial(
            against, name, folder, "run", "--url", "URL", "--through", CHAIN
        )
    for name in TRACES:
        folder = tmp_path_factory.mktemp("trace")
        words = ("trace", "URL", "--max-time", LONGER_S.get(name, "2s"))
        calls[f"trace {name}"] = partial(against, name, folder, *words)
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_ends_in_time_with_a_verdict(name: str, ended: AtOnce) -> None:
    code, check, outcome, words = RUNS[name]

    it = ended.of(f"run {name}")

    assert it.code == code, it.out
    found = [f for f in it.case.findings if (f.check, f.outcome) == (check, outcome)]
    assert any(re.search(words, f.observed) for f in found), it.case.findings
    assert it.took_s < RUN_S
    assert it.err == ""


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_ends_in_time(name: str, ended: AtOnce) -> None:
    code, words = TRACES[name]

    it = ended.of(f"trace {name}")

    assert it.code == code, it
    assert words in it.out + it.err
    assert it.took_s < TRACE_S
    assert len(it.err.splitlines()) <= 2


@pytest.mark.parametrize("name", [*(f"run {it}" for it in RUNS), *(f"trace {it}" for it in TRACES)])
def test_memory_stays_bounded(name: str, ended: AtOnce) -> None:
    usual_bytes = ended.of("run refuses").peak_bytes

    assert ended.of(name).peak_bytes - usual_bytes < GROWTH_BYTES


def test_every_server_is_met() -> None:
    assert set(RUNS) == {"refuses", *TARGETS} - {"a bomb of events"}

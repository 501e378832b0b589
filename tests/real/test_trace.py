"""`trace` beside servers nobody here wrote: what it tells is held against their own clocks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from harness.report.trace import Trace, TraceEnd, TraceEvent
from tests.real.programs import FOREIGN, AtOnce, Finished, run, started
from tests.real.tracing import UNHURT, at_once, decoded, traced

pytestmark = pytest.mark.real

# The servers' timestamps are of the same machine's clock. How late a process wakes up is the
# machine's affair, and it is never early: all of several times are late, and the best is right.
AGREES_S = 0.02
LATE_S = 1.0
# Times of two clocks, and times to the microsecond, may differ by that in either direction.
EARLY_S = 0.001
# A printed time has a tenth of a second, below one second a thousandth.
ROUNDED_S = 0.05
SLOW = "[{latency: {delay: 250ms}}]"


# Each of these is one trace, which several tests look at: server, path, options.
TIMED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "starlette direct": ("starlette", "/events", ("--max-time", "6500ms")),
    "express direct": ("express", "/events", ("--max-time", "6500ms")),
    "starlette chain": ("starlette", "/events", ("--max-time", "4s", "--through", UNHURT)),
    "express chain": ("express", "/events", ("--max-time", "4s", "--through", UNHURT)),
    "starlette slow": ("starlette", "/events", ("--max-time", "4s", "--through", SLOW)),
}


@pytest.fixture(scope="module")
def timed(origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    """One after the other: the start of a second one would make the first one late."""
    made = at_once(TIMED, origins, tmp_path_factory.mktemp("timed"), width=1)
    yield made
    made.stop()


def assert_right(lates_s: Iterable[float], rounded_s: float = 0.0) -> None:
    """Hold times against what they should have been: seconds too late, each."""
    found = sorted(lates_s)
    assert found[0] > -EARLY_S - rounded_s
    assert found[0] < AGREES_S + rounded_s
    assert found[-1] < LATE_S


def said_at(event: TraceEvent) -> float:
    """When the server made the event, in Unix seconds."""
    at: float = json.loads(event.data)["at"]
    return at


def entered_at(trace: Trace, event: TraceEvent) -> float:
    """When an event was read from the target, in Unix seconds."""
    assert event.entered_s is not None
    return trace.started_at + event.entered_s


def delay_s(event: TraceEvent) -> float:
    assert event.delay_s is not None
    return event.delay_s


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [it for it in TIMED if "slow" not in it])
def test_arrivals_and_delays_agree_with_the_servers_own_clock(name: str, timed: AtOnce) -> None:
    trace = decoded(timed.of(name))

    assert trace.status == 200
    assert len(trace.events) >= 4
    assert (trace.pattern, trace.reconnects) == ("immediate", 0)
    assert (trace.end.how, trace.end.by) == ("open", None)
    for event in trace.events:
        assert event.entered_s is not None
        assert event.delay_s == pytest.approx(event.t_s - event.entered_s, abs=2e-6)
    assert_right(trace.started_at + it.t_s - said_at(it) for it in trace.events)
    assert_right(entered_at(trace, it) - said_at(it) for it in trace.events)
    assert_right(delay_s(it) for it in trace.events)


def test_a_delay_of_a_hop_is_told_from_that_of_the_server(timed: AtOnce) -> None:
    trace = decoded(timed.of("starlette slow"))

    assert_right(entered_at(trace, it) - said_at(it) for it in trace.events)
    assert_right(delay_s(it) - 0.25 for it in trace.events)


def test_heartbeats_are_seen_and_fill_the_gaps(timed: AtOnce) -> None:
    trace = decoded(timed.of("starlette direct"))

    assert 6.5 - EARLY_S <= trace.end.at_s < 6.5 + LATE_S
    assert len(trace.heartbeats) in {4, 5, 6}
    assert all(b - a == pytest.approx(1.0, abs=LATE_S) for a, b in pairwise(trace.heartbeats))
    assert trace.longest_gap_s is not None
    quiet_s = max(b.t_s - a.t_s for a, b in pairwise(trace.events))
    assert trace.longest_gap_s < quiet_s
    assert [int(it.id or 0) for it in trace.events] == list(
        range(int(trace.events[0].id or 0), int(trace.events[-1].id or 0) + 1)
    )


def test_a_silence_without_heartbeats_is_the_longest_gap(timed: AtOnce) -> None:
    trace = decoded(timed.of("express direct"))

    assert trace.heartbeats == ()
    assert trace.longest_gap_s == pytest.approx(2.6, abs=LATE_S)
    assert {it.id for it in trace.events} == {None}


# -- ends ------------------------------------------------------------------------------------------


class End(NamedTuple):
    """How a response of one of the servers ends, and who does it."""

    server: str
    path: str
    chain: str | None
    how: str
    by: str | int


ENDS = [
    End("starlette", "/finite?count=3", None, "end", "target"),
    End("starlette", "/finite?count=3", UNHURT, "end", "target"),
    End("express", "/finite?count=3", None, "end", "target"),
    End("express", "/cut?count=3", None, "truncation", "target"),
    End("express", "/cut?count=3", UNHURT, "truncation", "target"),
    End("express", "/reset?count=3", None, "reset", "target"),
    End("express", "/reset?count=3", UNHURT, "reset", "target"),
    End("express", "/events", "[{idle_timeout: {after: 2s}}]", "truncation", 1),
    End("starlette", "/events", "[{max_duration: {after: 2s, mid_stream: reset}}]", "reset", 1),
]


@pytest.fixture(scope="module")
def ends(origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    commands = {
        str(end): (
            end.server,
            end.path,
            (
                *("--max-time", "8s", "--no-reconnect"),
                *(() if end.chain is None else ("--through", end.chain)),
            ),
        )
        for end in ENDS
    }
    made = at_once(commands, origins, tmp_path_factory.mktemp("ends"), width=4)
    yield made
    made.stop()


@pytest.mark.parametrize("end", ENDS, ids=lambda it: f"{it.server}{it.path} {it.chain}")
def test_an_end_has_a_manner_and_an_author(end: End, ends: AtOnce) -> None:
    trace = decoded(ends.of(str(end)))

    assert (trace.end.how, trace.end.by, trace.reconnects) == (end.how, end.by, 0)
    assert trace.end.at_s < 8.0
    if (end.server, end.path) != ("express", "/events"):
        # That one may be met at the start of a silence, and cut before it says a word.
        assert trace.last_byte_s is not None
    if trace.last_byte_s is not None:
        assert trace.last_byte_s <= trace.end.at_s
    if end.path == "/events":
        (fired,) = trace.fired
        assert fired.hop == 1
        assert fired.t_s == pytest.approx(trace.end.at_s, abs=LATE_S)


def test_a_server_that_goes_away_is_seen_to_refuse(tmp_path: Path) -> None:
    command = [sys.executable, str(FOREIGN / "starlette_app.py")]
    with started(command=command, cwd=tmp_path / "server") as server:
        server.wait_for("\n")
        url = f"http://127.0.0.1:{server.said().strip()}/events"
        with started("trace", url, "--max-time", "6s", cwd=tmp_path) as trace:
            trace.wait_for("message")
            server.kill()
            ended = trace.end()

    assert ended.code == 4
    assert re.search(r"\d reconnects?\nrefused by the target at", ended.out), ended.out
    assert ended.err == f"error: {url.removesuffix('/events')}: connection refused\n"


def test_events_held_to_the_end_come_at_the_end(express: str, tmp_path: Path) -> None:
    chain = "[{buffer: {until_end: true}}]"
    args = ("--max-time", "8s", "--no-reconnect", "--through", chain)

    trace = traced(f"{express}/finite?count=6", *args, cwd=tmp_path)

    assert trace.pattern == "at_end"
    assert (trace.end.how, trace.end.by) == ("end", "target")
    assert len(trace.events) == 6
    assert {it.t_s for it in trace.events} == {trace.first_byte_s}
    assert_right(entered_at(trace, it) - said_at(it) for it in trace.events)
    assert_right(trace.started_at + it.t_s - said_at(it) - delay_s(it) for it in trace.events)
    assert delay_s(trace.events[0]) > 1.0


def test_events_that_the_server_holds_itself_never_enter(express: str, tmp_path: Path) -> None:
    trace = traced(f"{express}/compressed", "--max-time", "4s", cwd=tmp_path)

    assert trace.content_encoding in {"br", "gzip"}
    assert (trace.pattern, trace.events, trace.end.how) == ("nothing", (), "open")


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_stream_that_ends_is_asked_for_again_unless_that_is_not_wanted(
    is_alone: bool, starlette: str, tmp_path: Path
) -> None:
    args = ["--no-reconnect"] if is_alone else []

    trace = traced(f"{starlette}/finite?count=2", "--max-time", "5s", *args, cwd=tmp_path)

    assert trace.reconnects == (0 if is_alone else 1)
    assert trace.end == TraceEnd(how="end", by="target", at_s=trace.end.at_s)
    assert (trace.end.at_s < 2.5) == is_alone


# -- as it comes -----------------------------------------------------------------------------------

_LINE = re.compile(
    r"^ *(?P<t>[\d.]+) s +\+(?P<delay>[\d.]+) s  id (?P<id>\d+)  message  (?P<data>.*)$"
)


def _shown(ended: Finished) -> list[re.Match[str]]:
    return [found for line in ended.out.splitlines() if (found := _LINE.match(line))]


@pytest.mark.parametrize("chain", [(), ("--through", UNHURT)], ids=["direct", "chain"])
def test_each_event_is_shown_as_it_comes(
    chain: tuple[str, ...], starlette: str, tmp_path: Path
) -> None:
    with started("trace", f"{starlette}/events", "--max-time", "5s", *chain, cwd=tmp_path) as trace:
        trace.wait_for("message")
        assert "still open" not in trace.said()
        ended = trace.end()

    assert (ended.code, ended.err) == (0, "")
    shown = _shown(ended)
    assert len(shown) >= 4
    zero_s = json.loads(shown[0]["data"])["at"] - float(shown[0]["t"])
    said = [json.loads(line["data"]) for line in shown]
    assert [int(line["id"]) for line in shown] == [it["n"] for it in said]
    assert_right(float(line["delay"]) for line in shown)
    for line, it in zip(shown, said, strict=True):
        assert zero_s + float(line["t"]) == pytest.approx(it["at"], abs=LATE_S + 2 * ROUNDED_S)
    assert len(re.findall(r"^ *[\d.]+ s +:ping - ", ended.out, re.MULTILINE)) in {3, 4, 5}
    assert f"events came as they were said: {len(shown)} events, " in ended.out
    assert re.fullmatch(r"still open at 5\.\d s", ended.out.splitlines()[-1])


def test_whoever_ended_it_is_shown_last(express: str, tmp_path: Path) -> None:
    chain = "[{idle_timeout: {after: 2s}}]"
    args = ("--max-time", "8s", "--no-reconnect", "--through", chain)

    ended = run("trace", f"{express}/events", *args, cwd=tmp_path)

    assert ended.code == 0
    last = ended.out.splitlines()[-2:]
    assert re.fullmatch(
        r"hop 1 idle_timeout fired at [\d.]+ s: closed after 2\.\d s of silence \(limit 2 s\)",
        last[0],
    )
    assert re.fullmatch(r"cut off by hop 1 at [\d.]+ s", last[1])


def test_a_head_that_a_hop_holds_is_not_held_against_the_target(
    starlette: str, tmp_path: Path
) -> None:
    chain = "[{buffer: {until_end: true, hold_head: true}}]"

    ended = run(
        "trace", f"{starlette}/events", "--max-time", "2s", "--through", chain, cwd=tmp_path
    )

    assert (ended.code, ended.err) == (0, "")
    way, first, *_ = ended.out.splitlines()
    assert way == f"client → buffer until_end=true hold_head=true → {starlette}/events"
    assert first.startswith("no response came through; the target answered at ")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["live", "json"])
def test_ctrl_c_ends_a_trace_with_what_there_is(
    form: tuple[str, ...], starlette: str, tmp_path: Path
) -> None:
    command = ["trace", f"{starlette}/events", "--max-time", "60s", *form]
    with started(*command, cwd=tmp_path) as trace:
        if form:
            trace.wait_until_connected(int(starlette.rpartition(":")[2]))
            with pytest.raises(TimeoutError):
                trace.end(patience_s=2.0)  # the head of the response has come by then
        else:
            trace.wait_for("message")
        trace.interrupt()
        ended = trace.end()

    assert (ended.code, ended.err) == (130, "")
    if form:
        assert msgspec.json.decode(ended.out, type=Trace).end.how == "open"
    else:
        assert "still open at" in ended.out


def test_whoever_stops_reading_stops_the_trace(starlette: str, tmp_path: Path) -> None:
    trace = subprocess.Popen(
        [sys.executable, "-m", "harness", "trace", f"{starlette}/events", "--max-time", "60s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with trace:
        assert trace.stdout is not None
        assert trace.stderr is not None
        assert any(b"message" in line for line in trace.stdout)
        trace.stdout.close()
        assert trace.stderr.read() == b""
    assert trace.returncode == 0

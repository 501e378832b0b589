"""The programs themselves as hops: what passes them, what they cut, and that they are gone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.errors import LocalEnvironmentError
from harness.hops import real
from harness.model.verdict import CaseVerdict, Finding
from harness.products.real import names
from harness.yamlio import dump
from tests.real.programs import PATIENCE_S, AtOnce, Finished, Program, SideBySide, run, started

pytestmark = pytest.mark.real

# What each of them is given: two seconds of silence at most, and that it passes a stream on. Those
# that stand nowhere pass a stream on by themselves, and have no limit to its silences.
LIMITS: dict[str, dict[str, str]] = {
    "nginx": {"proxy_read_timeout": "2s"},
    "haproxy": {"timeout server": "2s"},
    "caddy": {"read_timeout": "2s"},
    "varnish": {"between_bytes_timeout": "2s"},
    "apache": {"ProxyTimeout": "2"},
    "lighttpd": {"read-timeout": "2s", "server_stream-response-body": "1"},
    "squid": {"read_timeout": "2 seconds"},
    "envoy": {"stream_idle_timeout": "2s", "route_timeout": "0s"},
    "http-proxy": {"timeout": "2000"},
    "http-proxy-middleware": {"timeout": "2000"},
    "express-compression": {"server timeout": "2000", "flush": "res.flush()"},
}
LIMIT_S = 2.0
# On a machine that has other work to do a program may act that much later than it is told, and what
# it was sent before may be noted that much later.
BUSY_S = 0.5
# Of programs whose clocks tick once a second.
LATE_S = {"lighttpd": 2.5, "squid": 1.5}
NEAR = {"latency": {"delay": "1ms"}}
LIVELY = {
    "id": "real/lively",
    "why": "what a program passes on at once has to arrive at once",
    "traffic": {"every": "200ms", "end_after": "3s"},
    "expect": {
        "stays_open": "2s",
        "no_event_lost": True,
        "order_kept": True,
        "delivered_within": "1s",
    },
}
SILENT = {
    "id": "real/silent",
    "why": "a program cuts what is silent for longer than it is told to wait",
    "traffic": {"every": "1s", "silence": [{"from": "2s", "to": "7s"}], "end_after": "8s"},
    "server": {"heartbeat": None},
    "expect": {"stays_open": "7s"},
}
# What stands before the foreign servers, whose silences last 2.6 s; with heartbeats in them, or
# without. What ends by its age, whatever the server does, is looked at for no longer than that.
SAME: dict[str, dict[str, str]] = {
    "nginx": LIMITS["nginx"],
    "haproxy": LIMITS["haproxy"],
    "caddy": LIMITS["caddy"],
    "envoy": LIMITS["envoy"],
    "varnish": {**LIMITS["varnish"], "send_timeout": "6s"},
    "traefik": {"writeTimeout": "3s"},
}
# Each waits most of the time.
AT_ONCE = 5
_POLL_S = 0.05


def found(product: str) -> str:
    """Where a program is; without it the test is skipped, and fails in CI."""
    try:
        return real.find(product)
    except LocalEnvironmentError as error:
        kind = pytest.fail.Exception if os.environ.get("CI") else pytest.skip.Exception
        raise kind(str(error)) from None


def chain(product: str) -> list[dict[str, Any]]:
    """A real hop between two simulated ones."""
    return [NEAR, {"real": {product: LIMITS.get(product, {})}}, NEAR]


def is_there(product: str) -> bool:
    try:
        real.find(product)
    except LocalEnvironmentError:
        return False
    return True


# -- passing and cutting ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    """Each program with a lively stream, and with a silent one; `nginx lively`."""
    folder = tmp_path_factory.mktemp("hops")
    calls: dict[str, Callable[[], Finished]] = {}
    for product in filter(is_there, names()):
        scenarios = {"lively": LIVELY, **({"silent": SILENT} if product in LIMITS else {})}
        for name, scenario in scenarios.items():
            cwd = folder / f"{product}-{name}"
            cwd.mkdir()
            (cwd / "case.yaml").write_text(dump({**scenario, "through": chain(product)}))
            calls[f"{product} {name}"] = partial(run, "run", "case.yaml", cwd=cwd)
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


@pytest.mark.parametrize("product", names())
def test_a_lively_stream_passes(product: str, runs: AtOnce) -> None:
    found(product)
    ended = runs.of(f"{product} lively")

    assert (ended.code, ended.case.outcome) == (0, "PASS"), ended.out + ended.err
    assert ended.case.clock == "real"
    assert ended.case.through[1].startswith(f"{product}@")
    assert " (real)" in ended.case.through[1]


@pytest.mark.parametrize("product", LIMITS)
def test_a_silent_stream_is_cut_at_the_limit_by_the_hop_that_has_it(
    product: str, runs: AtOnce
) -> None:
    found(product)
    ended = runs.of(f"{product} silent")

    finding = ended.found("stays_open", "FAIL")
    assert (ended.code, finding.hop) == (1, 2), ended.out + ended.err
    said = re.search(r"by hop 2, after ([0-9.]+) s of silence", finding.observed)
    assert said is not None, finding.observed
    assert LIMIT_S - BUSY_S <= float(said[1]) <= LIMIT_S + LATE_S.get(product, BUSY_S)
    folder = next((ended.reports / "latest").glob("*/hop-2"))
    (config,) = (it for it in folder.iterdir() if it.name != "log.txt")
    assert "127.0.0.1" in config.read_text()


# -- the same without the program ------------------------------------------------------------------


class Asked(NamedTuple):
    server: str
    product: str
    is_real: bool


ASKED = [
    Asked(server, product, is_real)
    for server in ("starlette", "express")
    for product in SAME
    for is_real in (True, False)
]


@pytest.fixture(scope="module")
def verdicts(
    starlette: str, express: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtOnce]:
    """Each server through each program and through its simulation."""
    origins = {"starlette": starlette, "express": express}
    folder = tmp_path_factory.mktemp("verdicts")
    calls: dict[str, Callable[[], Finished]] = {}
    for it in ASKED:
        use: dict[str, Any] = {it.product: SAME[it.product]}
        through = dump([{"real": use} if it.is_real else use])
        url = f"{origins[it.server]}/events"
        cwd = folder / f"{it.server}-{it.product}-{it.is_real}"
        if is_there(it.product):
            calls[str(it)] = partial(run, "run", "--url", url, "--through", through, cwd=cwd)
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def reasons(case: CaseVerdict) -> set[tuple[str, int | None, str]]:
    """What failed, by whom, and how it is cured.

    Whether an event falls into the time before a reconnect depends on the moment of the run, and
    how often a comment is to be sent on how late this machine was.
    """
    return {
        (it.check, it.hop, re.sub(r"[0-9.]+ s$", "… s", it.fix))
        for it in case.findings
        if it.outcome == "FAIL" and it.check != "no_event_lost"
    }


def silent_s(finding: Finding) -> float:
    """After how long a silence hop 1 cut a stream."""
    said = re.search(r"by hop 1, after ([0-9.]+) s of silence", finding.observed)
    assert said is not None, finding.observed
    return float(said[1])


@pytest.mark.parametrize("product", SAME)
@pytest.mark.parametrize(("server", "outcome"), [("starlette", "PASS"), ("express", "FAIL")])
def test_the_program_and_its_simulation_end_in_the_same_verdict(
    server: str, outcome: str, product: str, verdicts: AtOnce
) -> None:
    found(product)
    program = verdicts.of(str(Asked(server, product, is_real=True)))
    simulated = verdicts.of(str(Asked(server, product, is_real=False)))

    assert program.case.outcome == outcome, program.out
    assert simulated.case.outcome == outcome, simulated.out
    assert reasons(program.case) == reasons(simulated.case)
    if outcome == "FAIL" and product in LIMITS:
        for ended in (program, simulated):
            found_s = silent_s(ended.found("stays_open", "FAIL"))
            assert abs(found_s - LIMIT_S) <= BUSY_S


# -- nothing is left -------------------------------------------------------------------------------


def below(program: Program) -> dict[int, str]:
    """The processes below a program, with their command lines."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    news = {program.group}
    out: dict[int, str] = {}
    while news:
        news = {pid for pid, parent in parents.items() if parent in news} - set(out)
        for pid in news:
            with suppress(OSError):
                out[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return out


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(_POLL_S)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


LONG = {
    "id": "real/long",
    "why": "a run that is interrupted",
    "traffic": {"every": "100ms", "end_after": "100s"},
    "expect": {"stays_open": "90s"},
}


class Left(NamedTuple):
    """What there was of a run with a real hop while it ran, by process; and its reports."""

    there: dict[int, str]
    reports: Path


HOW = {"ctrl-c": signal.SIGINT, "sigkill": signal.SIGKILL}


def ended_by(how: str, product: str, folder: Path) -> Left:
    """Run a program as a hop, end the run under way, and wait until its processes are gone."""
    folder.mkdir()
    (folder / "case.yaml").write_text(dump({**LONG, "through": chain(product)}))
    with started("run", "case.yaml", cwd=folder) as program:
        journal = partial((folder / "reports").glob, "*/*/journal.jsonl")
        until(lambda: any("client.read" in it.read_text() for it in journal()))
        there = below(program)
        program.send(HOW[how], to_group=how == "ctrl-c")
        program.end()
        until(lambda: not any(map(is_alive, there)))
        until(lambda: not any(it.exists() for it in scratches(there)))
    return Left(there, folder / "reports")


def scratches(there: dict[int, str]) -> list[Path]:
    """The directories that go with the programs on a leash."""
    words = [it for line in there.values() if "leash.py" in line for it in line.split()]
    return [Path(it) for it in words if "sse-harness-scratch-" in it and Path(it).suffix == ""]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SideBySide[Left]]:
    """Each program in a run that is ended under way; `ctrl-c nginx`."""
    folder = tmp_path_factory.mktemp("left")
    calls = {
        f"{how} {product}": partial(ended_by, how, product, folder / f"{how}-{product}")
        for product in filter(is_there, names())
        for how in HOW
    }
    made = SideBySide(calls, AT_ONCE)
    yield made
    made.stop()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("product", names())
def test_nothing_of_it_is_left(product: str, how: str, left: SideBySide[Left]) -> None:
    found(product)
    there, reports = left.of(f"{how} {product}")

    assert scratches(there)
    assert Path(real.find(product)).name in " ".join(there.values())
    assert next(reports.glob("*/*/hop-2/log.txt")).is_file()


def test_a_program_that_dies_ends_the_case_with_what_it_said_last(tmp_path: Path) -> None:
    found("nginx")
    (tmp_path / "case.yaml").write_text(dump({**LONG, "through": chain("nginx")}))
    with started("run", "case.yaml", cwd=tmp_path) as program:
        journal = partial((tmp_path / "reports").glob, "*/*/journal.jsonl")
        until(lambda: any("client.read" in it.read_text() for it in journal()))
        masters = [pid for pid, line in below(program).items() if line.startswith("nginx: master")]
        for pid in masters:
            os.kill(pid, signal.SIGKILL)
        ended = program.end()

    assert (ended.code, ended.case.outcome) == (4, "ERROR"), ended.out
    assert "nginx@" in ended.found("hop", "ERROR").observed
    assert "ended with 137" in ended.found("hop", "ERROR").observed


def test_a_program_that_cannot_start_says_why(tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "nginx"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'nginx: [emerg] it cannot be'\nexit 3\n")
    fake.chmod(0o755)
    (tmp_path / "case.yaml").write_text(dump({**LONG, "through": chain("nginx")}))
    path = f"{fake.parent}{os.pathsep}{os.environ['PATH']}"

    ended = run("run", "case.yaml", cwd=tmp_path, env={"PATH": path})

    assert shutil.which("nginx", path=path) == str(fake)
    assert (ended.code, ended.case.outcome) == (4, "ERROR"), ended.out
    assert ended.found("hop", "ERROR").observed == (
        "nginx (real) ended with 3 before it listened: nginx: [emerg] it cannot be"
    )

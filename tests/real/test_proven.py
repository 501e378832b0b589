"""What a check proves works at the programs themselves, and what it says is of no use is of none.

A server with something against its streams is observed once, on the virtual clock, and replayed
through products. A plain client then reads the same streams through the programs: as they are, and
with every remedy that the check prints as PROVEN.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from harness import products
from harness.engine.asking import Interview, Limits
from harness.model.target import App, Target
from harness.survey.cells import Cell
from harness.survey.expect import Terms
from harness.survey.judging import Judge, Judged
from harness.survey.kinds import guess
from harness.survey.proofs import Prover, is_curable
from harness.survey.resuming import resuming
from harness.survey.rows import main_finding
from harness.survey.server_fixes import SERVER_FIXES
from tests.real.programs import FOREIGN, SideBySide, server_on_a_port
from tests.real.reading import Heard, hear
from tests.real.standing import standing
from tests.real.test_real_hops import found, is_there

pytestmark = pytest.mark.real

FOLDER = FOREIGN / "targets"
APP = "curable_app:app"
# Events are two seconds apart: what is later than this was held, also on a busy machine.
LATE_S = 1.7
# What a client sees, and the check that finds it.
SHOWS = {"late": "delivered_within", "cut": "stays_open", "no stream": "stream"}
# What a server does, by what a check calls it; the application knows its name.
SERVERS = {it.text: it.name for it in SERVER_FIXES}
# No program of another version is installed here.
NEWER = "version "
AT_ONCE = 20
UNFIT = re.compile(r"[^a-z0-9]+")  # for the id of a case
OK = 200
SIX = ("nginx", "envoy", "haproxy", "caddy", "traefik", "varnish")
LEAST, LEAST_IN_VAIN = 20, 8


@dataclass(frozen=True, slots=True)
class Row:
    """A stream that does not survive a product.

    Args:
        product: Which.
        settings: Its own.
        stream: Of the application.
        proven: Every remedy that is printed as PROVEN: the name of what a server does, or a
            directive as the product writes it.
        vain: Names of what a server may do and what is of no use here.
    """

    product: str
    settings: Mapping[str, str]
    stream: str
    proven: tuple[str, ...]
    vain: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        words = [self.product, *(f"{name} {it}" for name, it in self.settings.items()), self.stream]
        return UNFIT.sub("-", " ".join(words).lower())


IDLE_NGINX = {"proxy_read_timeout": "3s", "proxy_buffering": "off"}
GZIP_NGINX = {"proxy_http_version": "1.1", "gzip": "on", "gzip_types": "text/event-stream"}
IDLE_ENVOY = {"route_timeout": "0s", "stream_idle_timeout": "3s"}
AGED_ENVOY = {"route_timeout": "0s", "max_stream_duration": "3s"}
DEAF_NGINX = {"proxy_ignore_headers": "X-Accel-Buffering"}
HTTP11_NGINX = {"proxy_http_version": "1.1"}
NGINX_1_29 = "version 1.29.7 or later"
ROWS = (
    Row("nginx", {}, "steady", ("unbuffered", "proxy_buffering off", NGINX_1_29)),
    Row("nginx", DEAF_NGINX, "steady", ("proxy_buffering off", NGINX_1_29), ("unbuffered",)),
    # Not by a version that asks in HTTP/1.1: what is behind the last full buffer waits there too.
    Row("nginx", {}, "long", ("unbuffered", "proxy_buffering off")),
    Row("nginx", HTTP11_NGINX, "long", ("unbuffered", "proxy_buffering off"), ("untransformed",)),
    Row("nginx", GZIP_NGINX, "steady", ("unbuffered", "gzip off"), ("untransformed",)),
    Row("nginx", IDLE_NGINX, "quiet", ("often", "proxy_read_timeout 1h")),
    Row("nginx", IDLE_NGINX, "late", ("often", "proxy_read_timeout 1h"), ("at once",)),
    Row("envoy", {"route_timeout": "3s"}, "quiet", ("route_timeout 0s",), ("often",)),
    Row("envoy", AGED_ENVOY, "quiet", ("max_stream_duration 0s",), ("often",)),
    Row("envoy", IDLE_ENVOY, "quiet", ("often", "stream_idle_timeout 0s")),
    Row("envoy", IDLE_ENVOY, "late", ("often", "stream_idle_timeout 0s"), ("at once",)),
    Row("haproxy", {"timeout server": "3s"}, "quiet", ("often", "timeout server 0s")),
    Row("haproxy", {"timeout server": "3s"}, "late", ("often", "timeout server 0s")),
    *(
        Row(
            "haproxy",
            {"compression algo": algo},
            "steady",
            ("untransformed", "compression algo identity"),
            ("unbuffered",),
        )
        for algo in ("gzip", "deflate")
    ),
    Row("caddy", {"read_timeout": "3s"}, "quiet", ("often", "read_timeout 0s")),
    Row(
        "caddy",
        {"response_header_timeout": "3s"},
        "late",
        ("at once", "often", "response_header_timeout 0s"),
    ),
    Row("caddy", {"write_timeout": "3s"}, "quiet", ("write_timeout 0s",), ("often",)),
    Row("caddy", {"buffer_responses": "on"}, "steady", ("buffer_responses off",), ("unbuffered",)),
    Row("caddy", {"encode": "gzip"}, "large", ("at once",), ("untransformed", "unbuffered")),
    Row(
        "traefik",
        {"responseHeaderTimeout": "3s"},
        "late",
        ("at once", "often", "responseHeaderTimeout 0s"),
    ),
    Row("traefik", {"writeTimeout": "3s"}, "quiet", ("writeTimeout 0s",), ("often",)),
    Row("traefik", {"buffering": "on"}, "steady", ("buffering off",), ("unbuffered",)),
    Row(
        "varnish",
        {"first_byte_timeout": "3s"},
        "late",
        ("at once", "often", "first_byte_timeout 1h"),
    ),
    Row("varnish", {"between_bytes_timeout": "3s"}, "quiet", ("often", "between_bytes_timeout 1h")),
    Row("varnish", {"send_timeout": "3s"}, "quiet", ("send_timeout 1h",), ("often",)),
    Row("varnish", {"do_stream": "off"}, "steady", ("do_stream on",), ("unbuffered",)),
    Row("varnish", {"do_gzip": "on"}, "quiet", ("do_gzip off",), ("often", "untransformed")),
    Row("apache", {"ProxyTimeout": "3"}, "quiet", ("often", "ProxyTimeout 3600")),
)
BY_NAME = {it.name: it for it in ROWS}


# -- what a check says -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says of a row.

    Args:
        judged: Of the stream as it is.
        proven: The remedies that it prints as PROVEN.
    """

    judged: Judged
    proven: frozenset[str]


def checked(stream: str, folder: Path) -> dict[str, Checked]:
    """What a check says of the rows with this stream, which is asked for as often as they need."""
    rows = [it for it in ROWS if it.stream == stream]
    cells = [
        Cell(it.name, (products.hop(products.product(it.product), "", it.settings),)) for it in rows
    ]
    app = App(name=APP, cwd=str(FOLDER))
    target = Target(url=f"http://127.0.0.1/{stream}", app=app)
    observed = Interview(target, Limits(5), 1, folder, lambda _line: None).hold(cells)
    first = observed.first
    terms = Terms(guess(first), resuming(first, observed.resumed, is_needed=False))
    judge = Judge(observed, target, terms, 1)
    prover = Prover(judge)
    judged = [judge.through(it) for it in cells]
    return {it.cell.name: Checked(it, frozenset(printed(prover, it))) for it in judged}


def printed(prover: Prover, judged: Judged) -> Iterator[str]:
    """What is printed as PROVEN, whichever of the cures is to be done anyway."""
    if is_curable(judged):
        proven = prover.prove(judged)
        for cure in proven.cures or ((),):
            yield from (it.text for it in proven.remedies(cure) if it.is_proven)


@dataclass(frozen=True, slots=True)
class Tried:
    """A stream through a program, with something done about it.

    Args:
        settings: Of the program.
        also: What the server does besides.
    """

    settings: Mapping[str, str]
    also: tuple[str, ...] = ()


def done(row: Row, remedy: str) -> Tried:
    """A remedy as it is printed, done."""
    settings, also = dict(row.settings), []
    names = sorted(products.product(row.product).settings, key=len, reverse=True)
    for text in remedy.split("; and "):
        if text in SERVERS:
            also.append(SERVERS[text])
            continue
        line = text.removeprefix(f"{row.product}: ")
        name = next(it for it in names if line.startswith(f"{it} "))
        settings[name] = line.removeprefix(f"{name} ")
    return Tried(settings, tuple(also))


def called(row: Row, remedy: str) -> str:
    """A remedy in a word, as the table has it."""
    parts = [SERVERS.get(it, it.removeprefix(f"{row.product}: ")) for it in remedy.split("; and ")]
    return " and ".join(parts)


# -- what a client sees ----------------------------------------------------------------------------


class Readings(SideBySide[dict[str, Heard]]):
    """Programs side by side, each read through in several ways at a time; by path."""


def of_program(row: Row, tried: Tried) -> str:
    """The name of a program's configuration."""
    return " ".join([row.product, *(f"{name}={it}" for name, it in tried.settings.items())])


def path_of(row: Row, tried: Tried) -> str:
    return f"/{row.stream}?{urlencode([('also', it) for it in tried.also])}"


def trials(row: Row, check: Checked) -> Iterator[Tried]:
    """The stream as it is, with what is proven for it, and with what is not."""
    yield Tried(row.settings)
    yield from (done(row, it) for it in check.proven if NEWER not in it)
    yield from (Tried(row.settings, (it,)) for it in row.vain)


def read(row: Row, tried: Tried, paths: list[str], port: int, folder: Path) -> dict[str, Heard]:
    hop = products.real_hop(products.product(row.product), "", tried.settings)
    with standing(hop, port, folder) as at, ThreadPoolExecutor(len(paths)) as clients:
        heard = clients.map(hear, [f"http://127.0.0.1:{at}{it}" for it in paths])
        return dict(zip(paths, heard, strict=True))


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checked]:
    folder = tmp_path_factory.mktemp("observed")
    out: dict[str, Checked] = {}
    for stream in dict.fromkeys(it.stream for it in ROWS):
        out.update(checked(stream, folder / stream))
    return out


@pytest.fixture(scope="module")
def readings(
    checks: dict[str, Checked], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Readings]:
    folder = tmp_path_factory.mktemp("proven")
    asked: dict[str, tuple[Row, Tried, list[str]]] = {}
    for row in ROWS:
        for tried in trials(row, checks[row.name]):
            _, _, paths = asked.setdefault(of_program(row, tried), (row, tried, []))
            paths.append(path_of(row, tried))
    words = [sys.executable, "-m", "uvicorn", APP, "--port", "{port}", "--log-level", "warning"]
    with server_on_a_port(words, folder / "log.txt", FOLDER) as origin:
        port = int(origin.rpartition(":")[2])
        made = Readings(
            {
                name: partial(read, row, tried, paths, port, folder / str(number))
                for number, (name, (row, tried, paths)) in enumerate(asked.items())
                if is_there(row.product)
            },
            AT_ONCE,
        )
        yield made
        made.stop()


def seen(readings: Readings, row: Row, tried: Tried) -> str:
    """What a client sees that is amiss, as in SHOWS; "": nothing."""
    found(row.product)
    it = readings.of(of_program(row, tried))[path_of(row, tried)]
    if it.status != OK:
        return "no stream"
    told = [json.loads(came.data) for came in it.events]
    numbers = [each["n"] for each in told]
    if not it.is_whole or not told or numbers != list(range(1, told[0]["of"] + 1)):
        return "cut"
    delays_s = [came.at_s - each["at"] for came, each in zip(it.events, told, strict=True)]
    return "late" if max(delays_s) > LATE_S else ""


# -- the tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_printed_as_proven_is_what_is_tried_below(
    name: str, checks: dict[str, Checked]
) -> None:
    row = BY_NAME[name]

    assert checks[name].judged.case.outcome == "FAIL"
    assert sorted(called(row, it) for it in checks[name].proven) == sorted(row.proven)


@pytest.mark.parametrize("name", BY_NAME)
def test_as_it_is_a_client_sees_what_the_check_says(
    name: str, checks: dict[str, Checked], readings: Readings
) -> None:
    row = BY_NAME[name]
    finding = main_finding(checks[name].judged)
    assert finding is not None

    assert SHOWS[seen(readings, row, Tried(row.settings))] == finding.check


@pytest.mark.parametrize(
    ("name", "remedy"),
    [(row.name, it) for row in ROWS for it in row.proven if not it.startswith(NEWER)],
)
def test_what_is_proven_works_at_the_program(
    name: str, remedy: str, checks: dict[str, Checked], readings: Readings
) -> None:
    row = BY_NAME[name]
    (text,) = [it for it in checks[name].proven if called(row, it) == remedy]

    assert seen(readings, row, done(row, text)) == ""


@pytest.mark.parametrize(("name", "fix"), [(row.name, it) for row in ROWS for it in row.vain])
def test_what_does_not_help_is_not_proven_and_does_not_help_at_the_program(
    name: str, fix: str, checks: dict[str, Checked], readings: Readings
) -> None:
    row = BY_NAME[name]

    assert fix not in {called(row, it) for it in checks[name].proven}
    assert seen(readings, row, Tried(row.settings, (fix,))) != ""


def test_all_of_the_six_are_there_and_both_sides_can_do_something() -> None:
    proven = [(row.product, it) for row in ROWS for it in row.proven if not it.startswith(NEWER)]
    by_servers = {it for _, it in proven} & set(SERVERS.values())

    assert {name for name, _ in proven} >= set(SIX)
    assert by_servers >= {"unbuffered", "untransformed", "at once", "often"}
    assert len(proven) >= LEAST
    assert sum(len(row.vain) for row in ROWS) >= LEAST_IN_VAIN

"""What a check says of six programs is what a plain client sees behind them, for six servers.

Each server is started by its command and checked once. What it said is replayed through the six
products as they come, and read through the six programs as they come.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness import products
from harness.checks.evidence import Evidence
from harness.engine.asking import heard_before
from harness.survey.cells import Cell
from harness.survey.expect import Terms
from harness.survey.judging import Judge, Judged
from harness.survey.kinds import guess
from harness.survey.resuming import resuming
from harness.wire.headers import value
from tests.real.conftest import missing
from tests.real.programs import FOREIGN, SideBySide, run, server_on_a_port
from tests.real.reading import Came, Heard, hear
from tests.real.standing import standing
from tests.real.test_foreign_targets import FOLDER, NEEDED, ROWS, Row
from tests.real.test_real_hops import found, is_there

pytestmark = pytest.mark.real

SIX = ("nginx", "envoy", "haproxy", "caddy", "traefik", "varnish")
SERVERS = ("starlette", "sse-starlette", "fastapi-sync", "aiohttp", "express", "better-sse")
CHAT = "fastapi-chat"
# Go's proxies may cut the answer to a POST: https://github.com/golang/go/issues/40747
CELLS = [
    *((server, program) for server in SERVERS for program in SIX),
    *((CHAT, program) for program in SIX if program not in {"caddy", "traefik"}),
]
PACKAGES = FOREIGN / "node_modules" / "better-sse"
# Held streams last two seconds: what comes within this of another was not, also on a busy machine.
SLACK_S = 0.7
AT_ONCE = 4


# -- what a check says -----------------------------------------------------------------------------


def cell_of(product: str) -> Cell:
    return Cell(product, (products.hop(products.product(product)),))


def judged(reports: Path) -> dict[str, Judged]:
    """What is to be said of the six, from what a check has observed."""
    target, observed = heard_before(reports)
    first = observed.first
    terms = Terms(guess(first), resuming(first, observed.resumed, is_needed=False))
    judge = Judge(observed, target, terms, 1)
    return {name: judge.through(cell_of(name)) for name in SIX}


def replayed(it: Judged) -> Heard:
    """What the client of a replay got."""
    assert it.entries is not None
    (attempt,) = Evidence.of(it.entries).attempts
    assert attempt.head is not None
    return Heard(
        status=attempt.head.status,
        events=tuple(Came(it.t_s, 0.0, it.item.data) for it in attempt.stream.events),
        is_whole=attempt.end is not None and attempt.end.how == "end",
        coding=value(attempt.head.headers, "content-encoding") or "",
    )


# -- the servers and the programs ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, asked directly and through programs.

    Args:
        judged: What a check says of each product.
        heard: What a client got through each program that is installed.
    """

    judged: dict[str, Judged]
    heard: dict[str, Heard]


def request(row: Row) -> tuple[str, dict[str, str], str | None]:
    """The method, the fields and the body of what is asked, from the words that curl takes."""
    words = list(row.more)
    fields = [words[n + 1].partition(": ") for n, it in enumerate(words) if it == "-H"]
    body = words[words.index("-d") + 1] if "-d" in words else None
    return "GET" if body is None else "POST", {name: it for name, _, it in fields}, body


def asked(row: Row, folder: Path) -> Asked:
    """Check a server, and read its stream through all programs at once."""
    folder.mkdir()
    with server_on_a_port(row.words, folder / "log.txt", FOLDER) as origin, ExitStack() as stack:
        ended = run("check", origin + row.path, *row.more, "--through", "nginx", cwd=folder)
        port = int(origin.rpartition(":")[2])
        there = [it for it in SIX if is_there(it)]
        ports = [
            stack.enter_context(
                standing(products.real_hop(products.product(it)), port, folder / it)
            )
            for it in there
        ]
        method, fields, body = request(row)
        with ThreadPoolExecutor(len(SIX)) as clients:
            heard = clients.map(
                lambda at: hear(f"http://127.0.0.1:{at}{row.path}", method, fields, body), ports
            )
            return Asked(judged(ended.reports / "latest"), dict(zip(there, heard, strict=True)))


class Servers(SideBySide[Asked]):
    """Servers side by side."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("behind")
    made = Servers({it: partial(asked, ROWS[it], folder / it) for it in (*SERVERS, CHAT)}, AT_ONCE)
    yield made
    made.stop()


def pair(servers: Servers, server: str, program: str) -> tuple[Judged, Heard]:
    """What a check says of a product, and what a client gets through the program."""
    words = ROWS[server].words
    if words[0] in NEEDED and (shutil.which(words[0]) is None or not PACKAGES.is_dir()):
        raise missing(f"{words[0]} or its packages are missing: {NEEDED[words[0]]}")
    found(program)
    both = servers.of(server)
    return both.judged[program], both.heard[program]


# -- the tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("server", "program"), CELLS)
def test_a_client_gets_what_the_replay_says(servers: Servers, server: str, program: str) -> None:
    it, heard = pair(servers, server, program)
    said = replayed(it)

    assert (heard.status, heard.is_whole, heard.coding) == (200, said.is_whole, said.coding)
    assert [came.data for came in heard.events] == [came.data for came in said.events]
    assert len(heard.events) == ROWS[server].events
    apart_s = [b.after_s - a.after_s for a, b in zip(said.events, heard.events, strict=True)]
    # A machine that is busy begins all of it later.
    assert max(apart_s) - min(apart_s) < SLACK_S


@pytest.mark.parametrize(("server", "program"), CELLS)
def test_what_fails_is_what_a_client_sees_to_be_late(
    servers: Servers, server: str, program: str
) -> None:
    it, heard = pair(servers, server, program)
    is_held = heard.events[-1].after_s - heard.events[0].after_s < SLACK_S

    assert it.case.outcome == ("FAIL" if is_held else "PASS")
    assert is_held is (program == "nginx" and ROWS[server].is_held)

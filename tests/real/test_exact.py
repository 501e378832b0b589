"""A replay says what the wire says and what the programs do; proven fixes work there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from harness.model.verdict import CaseVerdict
from tests.real.programs import AtOnce, Finished, run
from tests.real.test_real_hops import found

pytestmark = pytest.mark.real

PROGRAMS = (
    *("nginx", "haproxy", "caddy", "varnish", "apache"),
    *("lighttpd", "squid", "envoy", "traefik"),
)
# A server that says nothing to intermediaries, and one that asks all that can be asked of them.
SERVERS = ("express", "starlette")
# What a check proves for one of these servers, and what is set at the program for it.
PROVEN = {
    "nginx: proxy_buffering off": ("express", "{nginx: {proxy_buffering: 'off'}}"),
    "lighttpd: server_stream-response-body 1": (
        "express",
        "{lighttpd: {server_stream-response-body: '1'}}",
    ),
    "lighttpd: server_stream-response-body 1 too": (
        "starlette",
        "{lighttpd: {server_stream-response-body: '1'}}",
    ),
}
AT_ONCE = 4
# On a machine with other work to do.
LONG_S = 240.0
REQUEST = "/finite?count=5"


@pytest.fixture(scope="module")
def runs(
    starlette: str, express: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("exact")
    urls = {"express": express + REQUEST, "starlette": starlette + REQUEST}
    calls: dict[str, Callable[[], Finished]] = {}

    def check(name: str, server: str, *words: str) -> None:
        cwd = folder / str(len(calls))
        calls[name] = partial(run, "check", urls[server], *words, cwd=cwd, patience_s=LONG_S)

    for server in SERVERS:
        check(server, server)
        check(f"{server} on the wire", server, "--exact", "--through", "nginx")
        for program in PROGRAMS:
            chain = f"[{{real: {program}}}]"
            check(f"{server} {program}", server, "--exact", "--through", chain)
    for text, (server, hop) in PROVEN.items():
        check(text, server, "--exact", "--through", f"[{{real: {hop}}}]")
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def cell(ended: Finished, name: str) -> CaseVerdict:
    (case,) = [it for it in ended.verdict.cases if it.id == f"check/{name}"]
    return case


def only(ended: Finished) -> CaseVerdict:
    (case,) = [it for it in ended.verdict.cases if it.id != "check/direct"]
    return case


def reasons(case: CaseVerdict) -> tuple[str, set[tuple[str, int | None]]]:
    return case.outcome, {(it.check, it.hop) for it in case.findings if it.outcome == "FAIL"}


@pytest.mark.parametrize("server", SERVERS)
def test_a_replay_is_what_the_chain_does_on_the_wire(runs: AtOnce, server: str) -> None:
    on_wire = only(runs.of(f"{server} on the wire"))

    assert reasons(on_wire) == reasons(cell(runs.of(server), "nginx"))
    assert on_wire.clock == "real"
    assert on_wire.journal


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("server", SERVERS)
def test_a_replay_is_what_the_program_itself_does(runs: AtOnce, server: str, program: str) -> None:
    found(program)
    in_reality = only(runs.of(f"{server} {program}"))

    assert reasons(in_reality) == reasons(cell(runs.of(server), program))


@pytest.mark.parametrize("text", PROVEN)
def test_what_is_proven_for_a_program_works_there(runs: AtOnce, text: str) -> None:
    server, _ = PROVEN[text]
    program, setting = text.removesuffix(" too").split(": ")
    found(program)

    (late,) = [
        it for it in cell(runs.of(server), program).findings if it.check == "delivered_within"
    ]
    assert f"{program}: {setting}" in late.fix
    assert late.fix.endswith("(PROVEN: replayed)")
    assert only(runs.of(text)).outcome == "PASS"


def test_a_header_that_is_proven_works_at_a_server_that_sends_it(runs: AtOnce) -> None:
    found("nginx")
    late = [it for it in cell(runs.of("express"), "nginx").findings if it.outcome == "FAIL"]

    assert late[0].fix.startswith("response header  X-Accel-Buffering: no; or ")
    assert only(runs.of("starlette nginx")).outcome == "PASS"


def test_what_is_waited_for_is_told_first_and_can_be_run_again(runs: AtOnce) -> None:
    said = runs.of("express on the wire").out

    assert "nginx@1.22: up to " in said
    (line,) = [it for it in said.splitlines() if it.startswith("again")]
    assert "--exact --through nginx" in line
    assert "--url 'http://127.0.0.1:" in line


def test_no_more_is_asked_than_is_allowed(runs: AtOnce, tmp_path: Path, express: str) -> None:
    ended = run(
        "check",
        express + REQUEST,
        "--exact",
        "--max-requests",
        "2",
        "--max-time",
        "3s",
        cwd=tmp_path,
    )

    on_wire = [it for it in ended.verdict.cases if it.clock == "real"]
    assert len(on_wire) == 1
    assert "asked 2 times (--max-requests)" in ended.out

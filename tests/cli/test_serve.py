"""`sse-harness serve`: a server on a port of the system's, for clients nobody here wrote."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from tests.cli.command import Command
from tests.real.programs import PATIENCE_S, Program, run, started


@contextmanager
def serving(cwd: Path, *words: str) -> Iterator[tuple[Program, str]]:
    """A server under way, and the URL it says to be at."""
    with started("serve", "--port", "0", *words, cwd=cwd / "server") as program:
        program.wait_for("(Ctrl-C ends it)\n")
        found = re.match(r"(http://127\.0\.0\.1:\d+/events)  \(Ctrl-C ends it\)\n", program.said())
        assert found is not None, program.said()
        yield program, found[1]


def port_of(url: str) -> int:
    port = httpx.URL(url).port
    assert port is not None
    return port


def events(url: str, count: int, last_id: str | None = None) -> list[ServerSentEvent]:
    """So many events of a stream, asked for as a browser does; then the client leaves."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with (
        httpx.Client(timeout=PATIENCE_S) as client,
        connect_sse(client, "GET", url, headers=headers) as source,
    ):
        assert source.response.status_code == 200
        # This client also tells of a block that holds nothing but a field `retry`.
        coming = (it for it in source.iter_sse() if it.data)
        return [next(coming) for _ in range(count)]


@pytest.mark.real
def test_a_client_that_comes_back_goes_on_where_it_left(tmp_path: Path) -> None:
    with serving(tmp_path, "--every", "20ms") as (server, url):
        first = events(url, 5)
        then = events(url, 5, last_id=first[-1].id)
        server.wait_for(f"request 2: 200, after id {first[-1].id}\n")

    ids = [int(it.id) for it in (*first, *then)]
    assert ids == list(range(ids[0], ids[0] + 10))
    assert {it.event for it in first} == {"message"}


@pytest.mark.real
def test_a_flaw_is_served_as_asked(tmp_path: Path) -> None:
    with serving(tmp_path, "--every", "20ms", "--flaw", "no-ids") as (_, url):
        assert {it.id for it in events(url, 5)} == {""}


@pytest.mark.real
def test_comments_fill_the_silence(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--every", "60s", "--heartbeat", "50ms") as (_, url),
        httpx.stream("GET", url, timeout=PATIENCE_S) as response,
    ):
        lines = response.iter_lines()
        while not next(lines).startswith(":"):
            pass


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("has_client", [False, True], ids=["alone", "beside a client"])
def test_it_ends_when_told_to_and_leaves_nothing_behind(
    has_client: bool, number: signal.Signals, tmp_path: Path
) -> None:
    with serving(tmp_path, "--every", "20ms") as (server, url), httpx.Client() as client:
        if has_client:
            with connect_sse(client, "GET", url, timeout=PATIENCE_S) as source:
                next(source.iter_sse())
                server.send(number, to_group=False)
                ended = server.end()
        else:
            server.send(number, to_group=False)
            ended = server.end()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port_of(url)))
            again.listen()

    assert (ended.code, ended.err) == (0, "")
    said = ended.out.splitlines()
    assert said[-1] == "stopped"
    assert ("request 1: 200" in said) == has_client


@pytest.mark.real
def test_nobody_else_is_served_beyond_loopback(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, url), socket.socket(socket.AF_INET6) as other:
        other.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionRefusedError):
            other.connect(("::1", port_of(url)))


@pytest.mark.real
def test_a_second_one_on_its_port_says_so_and_does_the_first_no_harm(tmp_path: Path) -> None:
    with serving(tmp_path, "--every", "20ms") as (_, url):
        second = run("serve", "--port", str(port_of(url)), cwd=tmp_path)
        assert len(events(url, 2)) == 2

    assert (second.code, second.out) == (4, "")
    assert second.err == f"error: port {port_of(url)}: address already in use\n"


def test_a_port_that_is_taken_is_one_clear_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = command("serve", "--port", str(port))

    assert (said.code, said.out) == (4, "")
    assert said.err == f"error: port {port}: address already in use\n"

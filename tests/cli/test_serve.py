"""`sse-harness serve`: a process of its own, on a port of the system's, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from harness.wire.http1 import Body, ResponseReader, StatusLine
from tests.cli.command import Command

ENDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Server:
    """A running `serve`."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ENDS_WITHIN_S)

    def stop(self) -> tuple[int, str, str]:
        """Press Ctrl-C; the exit code, and what it still said on stdout and stderr."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=ENDS_WITHIN_S)
        return self.process.returncode, out, err


@contextmanager
def serving(*words: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "harness", "serve", "--port", "0", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.endswith("/events  (Ctrl-C ends it)\n")
            yield Server(process, line.split()[0])
        finally:
            process.kill()  # does nothing to one that has ended


def listen_for(connection: socket.socket, size: int) -> tuple[StatusLine, bytes]:
    """The head and the first body bytes of the answer to a request on this connection."""
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
    reader = ResponseReader()
    head: StatusLine | None = None
    body = b""
    while len(body) < size:
        for item in reader.feed(connection.recv(65536)):
            match item:
                case StatusLine():
                    head = item
                case Body(data):
                    body += data
                case _:
                    raise AssertionError(item)
    assert head is not None
    return head, body


def test_it_serves_until_ctrl_c_and_leaves_nothing_behind() -> None:
    with serving("--every", "10ms") as server:
        with server.connect() as connection:
            head, body = listen_for(connection, 100)
            assert head.status == 200
            assert ("content-type", "text/event-stream") in head.headers
            assert body.startswith(b"retry: 1000\n\nid: ")
            # While a client listens: it must not keep the server from ending.
            code, out, err = server.stop()
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "request 1: 200"
        assert lines[-1] == "stopped"
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", server.port))
            free.listen()


def test_it_has_the_flaw_and_is_traced(command: Command) -> None:
    with serving("--flaw", "no-ids", "--every", "50ms") as server:
        said = command("trace", server.url, "--max-time", "300ms", "--json")
        assert (said.code, said.err) == (0, "")
        traced = json.loads(said.out)
        assert traced["url"] == server.url
        assert len(traced["events"]) >= 1
        assert {it["id"] for it in traced["events"]} <= {None, ""}


def test_a_port_that_is_taken_is_exit_code_4(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = command("serve", "--port", str(port))
    assert (said.code, said.out) == (4, "")
    assert said.err == f"error: port {port}: address already in use\n"


def test_nothing_is_heard_beyond_loopback() -> None:
    with serving() as server:
        with socket.socket(socket.AF_INET6) as other:
            other.settimeout(ENDS_WITHIN_S)
            with pytest.raises(ConnectionRefusedError):
                other.connect(("::1", server.port))
        assert server.stop()[0] == 0

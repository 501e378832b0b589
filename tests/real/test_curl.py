"""curl itself, and what is read from its command line: they ask the same."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.conftest import missing
from tests.real.programs import PATIENCE_S, run

pytestmark = pytest.mark.real

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: x\n\n"
)
# What differs between two programs that ask the same.
OWN = {"host", "user-agent", "accept", "accept-encoding", "cache-control", "connection"}


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """Answer every request, and keep it."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                link.settimeout(PATIENCE_S)
                data = b""
                while not _is_whole(data):
                    read = link.recv(65536)
                    if not read:
                        break
                    data += read
                if data:
                    heard.append(data)
                    link.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_S)


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def asked(data: bytes, own: set[str]) -> tuple[str, set[tuple[str, str]], bytes]:
    """The request line, the fields but for those that each program has of its own, the body."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = {
        (name.lower(), value.strip()) for name, _, value in (it.partition(":") for it in lines)
    }
    # RFC 9110 §8.6 would have it of a PATCH without content; curl leaves it out.
    fields.discard(("content-length", "0"))
    return first, {it for it in fields if it[0] not in own}, body


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        ("", set()),
        ("-X PATCH", set()),
        ("-d a=1 -d b=2", set()),
        ("--data-raw @home", set()),
        ("-d @body.txt", set()),
        ("--data-binary @body.txt", set()),
        ("-X GET -d x -H Content-Type:text/plain", set()),
        ("--json '{\"a\": 1}'", {"accept"}),
        ("-u 'me:p:w' -A agent/1 -e http://r.test/", {"user-agent"}),
        ("-b 'a=1; b=2' -H 'X-Empty;' -H 'X-A: b' -HX-C:d", set()),
        ("-sSN -H 'Accept: text/event-stream' --compressed", {"accept"}),
    ],
)
def test_curl_asks_the_same(options: str, shared: set[str], tmp_path: Path) -> None:
    program = shutil.which("curl")
    if program is None:
        raise missing("curl is missing: apt-get install curl")
    (tmp_path / "body.txt").write_bytes(b"one\r\ntwo\n")
    words = shlex.split(options)
    with listening() as (port, heard):
        url = f"http://127.0.0.1:{port}/chat?x=1"
        subprocess.run(
            [program, "-q", "--noproxy", "*", *words, url],
            cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        ended = run("trace", "--no-reconnect", "--", "curl", *words, url, cwd=tmp_path)

    assert ended.code == 0, ended
    theirs, ours = (asked(it, OWN - shared) for it in heard)
    assert ours == theirs

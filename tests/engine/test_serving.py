"""The reference server by hand ends with Ctrl-C, at once and without a word too many."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest

from harness.engine.serving import serve_reference
from harness.errors import LocalEnvironmentError

# A client that is waited for would be waited for longer.
MOST_S = 20.0
# Events so long that one alone fills the buffers of a client that does not read.
SERVES = """
from functools import partial
from harness.engine import serving
serving.Traffic = partial(serving.Traffic, size_bytes=16_000_000)
serving.serve_reference(
    port=0, every_s=0.01, heartbeat_s=0.01, flaws=(), said=partial(print, flush=True)
)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
@pytest.mark.parametrize("stalls", [False, True], ids=["alone", "beside a stalled client"])
def test_ctrl_c_ends_it_and_frees_its_port(*, stalls: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVES],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        found = re.match(r"http://127\.0\.0\.1:(\d+)/events", server.stdout.readline())
        assert found is not None
        port = int(found[1])
        with socket.socket() as client:
            if stalls:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", port))
                client.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
                assert server.stdout.readline() == "request 1: 200\n"
                seen = b""
                while b"data: " not in seen:  # the first event is under way
                    seen += client.recv(1024)
            server.send_signal(signal.SIGINT)
            try:
                out, err = server.communicate(timeout=MOST_S)
            finally:
                server.kill()
    assert (server.returncode, err) == (0, "")
    assert out.endswith("stopped\n")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalEnvironmentError, match=rf"^port {port}: address already in use$"):
            serve_reference(port=port, every_s=1.0, heartbeat_s=1.0, flaws=(), said=print)

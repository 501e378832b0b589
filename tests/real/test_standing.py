"""What it takes until the program of a real hop stands."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from harness import products
from harness.engine import real_hop

pytestmark = pytest.mark.real

# As Traefik does: it listens, and knows only later what to answer.
SLOW = f"""#!{sys.executable} -S
import re, socket, sys
config = open(sys.argv[1].removeprefix("--configFile=")).read()
port = int(re.search(r"address: 127.0.0.1:([0-9]+)", config)[1])
with socket.create_server(("127.0.0.1", port)) as server:
    for said in ("404 Not Found", "404 Not Found", "200 OK"):
        client, _ = server.accept()
        with client:
            print(client.recv(4096).split(b"\\r")[0].decode(), "->", said, flush=True)
            client.sendall(f"HTTP/1.1 {{said}}\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    server.accept()
"""


def test_a_program_stands_when_it_says_so_not_when_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "traefik"
    program.parent.mkdir()
    program.write_text(SLOW)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    hop = products.real_hop(products.product("traefik"))

    async def start() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                partial(real_hop.stand, hop, 1, ("127.0.0.1", 9), tmp_path), pytest.fail
            )
            nursery.cancel_scope.cancel()

    trio.run(start)

    asked = "GET /.sse-harness/ready HTTP/1.1 -> "
    said = (tmp_path / real_hop.LOG).read_text().splitlines()
    assert said == [f"{asked}404 Not Found", f"{asked}404 Not Found", f"{asked}200 OK"]

"""What it takes until the program of a real hop stands."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from harness import products
from harness.engine import real_hop
from harness.errors import HopError

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


# As lighttpd does with a module that is packaged apart.
LACKS = f"""#!{sys.executable} -S
import re, socket, sys
port = int(re.search(r"server.port = ([0-9]+)", open(sys.argv[3]).read())[1])
print("(plugin.c.214) dlopen() failed for: mod_x.so: no such file", flush=True)
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        server.accept()
"""


def install(name: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program where the real one is looked for first."""
    program = folder / "bin" / name
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


def stand(product: str, folder: Path) -> Callable[..., Awaitable[None]]:
    def broke(error: HopError) -> None:
        raise error

    hop = products.real_hop(products.product(product))
    return partial(real_hop.stand, hop, 1, ("127.0.0.1", 9), folder, broke)


def test_a_program_stands_when_it_says_so_not_when_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("traefik", SLOW, tmp_path, monkeypatch)

    async def start() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(stand("traefik", tmp_path))
            nursery.cancel_scope.cancel()

    trio.run(start)

    asked = "GET /.sse-harness/ready HTTP/1.1 -> "
    said = (tmp_path / real_hop.LOG).read_text().splitlines()
    assert said == [f"{asked}404 Not Found", f"{asked}404 Not Found", f"{asked}200 OK"]


def test_a_program_that_leaves_out_what_it_was_told_does_not_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("lighttpd", LACKS, tmp_path, monkeypatch)

    with pytest.raises(HopError) as caught:
        trio.run(stand("lighttpd", tmp_path))

    assert str(caught.value) == (
        "hop 1: lighttpd (real) leaves something out: dlopen() failed for: mod_x.so: no such file: "
        "apt-get install lighttpd lighttpd-mod-deflate"
    )

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import trio

from harness.clock import open_loop, run, watch_outside
from harness.net import Memory


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connect() -> None:
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", unused_port()))


def connect_to_a_path() -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="No such file"):
        sock.connect("/nowhere/postgres.sock")


def send_a_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", unused_port()))


def look_up() -> None:
    socket.getaddrinfo("localhost", 80)


def run_a_process() -> None:
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)


def spawn_a_process() -> None:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        (connect, "connect to 127.0.0.1:"),
        (connect_to_a_path, "connect to /nowhere/postgres.sock"),
        (send_a_datagram, "datagram to 127.0.0.1:"),
        (look_up, "look-up of localhost"),
        (run_a_process, f"process {sys.executable}"),
        (spawn_a_process, "process /bin/true"),
    ],
)
def test_what_lies_outside_is_noticed(touch: Callable[[], None], told: str) -> None:
    with watch_outside() as outside:
        touch()
    assert outside.touched is not None
    assert outside.touched.startswith(told)


def test_a_command_for_the_shell_is_noticed() -> None:
    with watch_outside() as outside:
        os.system("exit 0")
    assert outside.touched == "process exit 0"


def test_the_first_thing_is_what_is_told() -> None:
    with watch_outside() as outside:
        look_up()
        connect()
    assert outside.touched == "look-up of localhost"


def test_it_is_noticed_on_any_thread() -> None:
    with watch_outside() as outside:
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert outside.touched is not None


def test_nothing_is_noticed_before_and_after() -> None:
    connect()
    with watch_outside() as outside:
        pass
    connect()
    assert outside.touched is None


def test_each_watch_notices_for_itself() -> None:
    with watch_outside() as outer:
        connect()
        with watch_outside() as inner:
            pass
    assert outer.touched is not None
    assert inner.touched is None


def test_a_literal_address_is_no_look_up() -> None:
    with watch_outside() as outside:
        socket.getaddrinfo("127.0.0.1", 80)
        socket.getaddrinfo(b"::1", 80)
        socket.getaddrinfo(None, 80)
    assert outside.touched is None


@pytest.mark.skipif(
    not hasattr(socket, "_fallback_socketpair"), reason="this Python has it only where it uses it"
)
def test_the_emulation_of_a_socket_pair_stays_inside() -> None:
    with watch_outside() as outside:
        for end in socket._fallback_socketpair():  # type: ignore[attr-defined]  # CPython's own
            end.close()
    assert outside.touched is None


def test_a_virtual_case_touches_nothing_by_itself() -> None:
    async def main() -> None:
        network = Memory()
        async with open_loop(network) as aio:
            server = await aio.run(asyncio.start_server, handle, "127.0.0.1", 0)
            async with await network.connect(*server.sockets[0].getsockname()) as client:
                await client.send_eof()
                await client.receive_some()
            await trio.to_thread.run_sync(int)
            server.close()

    with watch_outside() as outside:
        run(main, clock="virtual", seed=0, budget_s=10, wall_limit_s=20)
    assert outside.touched is None


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_a_virtual_case_that_asks_a_database_is_noticed() -> None:
    async def main() -> None:
        async with open_loop(Memory()) as aio:
            with pytest.raises(ConnectionRefusedError):
                await aio.run(asyncio.open_connection, "127.0.0.1", 1)

    with watch_outside() as outside:
        run(main, clock="virtual", seed=0, budget_s=10, wall_limit_s=20)
    assert outside.touched == "connect to 127.0.0.1:1"

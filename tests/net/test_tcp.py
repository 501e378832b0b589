from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.net.base import LINGER_ABORT
from harness.net.tcp import HIGH_WATER_BYTES, Endpoint, MemorySocket, connected_pair, refused

CLIENT = ("127.0.0.1", 50_001)
SERVER = ("127.0.0.1", 40_001)


@pytest.fixture
def ends() -> tuple[Endpoint, Endpoint]:
    return connected_pair(CLIENT, SERVER)


def test_there_is_nothing_to_read_at_first(ends: tuple[Endpoint, Endpoint]) -> None:
    client, _ = ends
    assert client.read(10) is None
    assert not client.is_readable()


def test_writes_are_never_merged(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    for data in (b"one", b"", b"two", b"three"):
        client.write(data)
    assert [server.read(100) for _ in range(4)] == [b"one", b"two", b"three", None]


def test_a_write_longer_than_the_read_is_read_in_parts(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    client.write(b"abcdefg")
    client.write(b"h")
    assert [server.read(3) for _ in range(5)] == [b"abc", b"def", b"g", b"h", None]


@given(
    writes=st.lists(st.binary(max_size=20), max_size=10),
    limit=st.integers(1, 25),
)
def test_bytes_arrive_whole_and_in_order(writes: list[bytes], limit: int) -> None:
    client, server = connected_pair(CLIENT, SERVER)
    for data in writes:
        client.write(data)
    client.close()
    reads = list(iter(lambda: server.read(limit), b""))
    assert all(data is not None and len(data) <= limit for data in reads)
    assert b"".join(filter(None, reads)) == b"".join(writes)


def test_there_is_no_room_while_too_much_lies_unread(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    woken = []
    client.on_writable = lambda: woken.append(client.has_room)
    client.write(b"x" * HIGH_WATER_BYTES)
    assert client.has_room
    client.write(b"y")
    assert not client.has_room
    server.read(1)
    assert client.has_room
    assert woken == [True]
    server.read(1)
    assert woken == [True]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_peer_that_is_gone_lets_a_waiting_writer_go_on_and_fail(
    ends: tuple[Endpoint, Endpoint], end: str
) -> None:
    client, server = ends
    woken = []
    client.on_writable = lambda: woken.append(client.has_room)
    client.write(b"x" * (HIGH_WATER_BYTES + 1))
    getattr(server, end)()
    assert woken[-1] is True
    with pytest.raises(ConnectionResetError):
        client.write(b"y")


def test_no_write_after_a_fin_of_ones_own(ends: tuple[Endpoint, Endpoint]) -> None:
    client, _ = ends
    client.write_eof()
    client.write_eof()
    with pytest.raises(BrokenPipeError):
        client.write(b"x")


def test_no_fin_after_a_reset_from_the_peer(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    server.reset()
    with pytest.raises(OSError, match="not connected"):
        client.write_eof()


def test_data_for_a_reset_connection_is_not_kept(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    client.write(b"unread")
    client.reset()
    assert server.read(10) == b"unread"
    assert server.is_readable()
    server.close()
    assert server.is_closed
    assert client.is_closed


@pytest.mark.parametrize("act", ["write", "write_eof", "reset"])
def test_readers_are_woken_by_data_by_fin_and_by_rst(act: str) -> None:
    woken = []
    client, server = connected_pair(CLIENT, SERVER)
    server.on_readable = lambda: woken.append(act)
    getattr(client, act)(*([b"x"] if act == "write" else []))
    assert woken == [act]


class TestTheSocket:
    """What stands in for a socket object."""

    def test_it_knows_the_addresses(self, ends: tuple[Endpoint, Endpoint]) -> None:
        sock = MemorySocket(ends[0].local, ends[0])
        assert (sock.getsockname(), sock.getpeername()) == (CLIENT, SERVER)
        assert (sock.family, sock.type, sock.fileno()) == (
            socket.AF_INET,
            socket.SOCK_STREAM,
            -1,
        )

    def test_a_listening_one_has_no_peer(self) -> None:
        with pytest.raises(OSError, match="not connected"):
            MemorySocket(SERVER).getpeername()

    def test_options_are_accepted(self, ends: tuple[Endpoint, Endpoint]) -> None:
        sock = MemorySocket(ends[0].local, ends[0])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        ends[0].close()
        assert ends[1].read(1) == b""

    def test_lingering_for_0_seconds_can_be_taken_back(
        self, ends: tuple[Endpoint, Endpoint]
    ) -> None:
        sock = MemorySocket(ends[0].local, ends[0])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ABORT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(len(LINGER_ABORT)))
        ends[0].close()
        assert ends[1].read(1) == b""


def test_a_refusal_names_the_address() -> None:
    assert "127.0.0.1:40001" in str(refused(SERVER))

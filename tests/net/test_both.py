"""What both networks must do alike: trio's own kit for streams, and the ends of TCP."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from harness.net import ByteStream, Memory, Sockets, is_reset
from harness.net.base import LINGER_ABORT
from tests.net.stages import Stage

TOO_MUCH = b"x" * (64 * 1024 + 1)


async def clogged(stage: Stage) -> tuple[ByteStream, ByteStream]:
    """A pair on which neither end can send another byte."""
    client, server = await stage.pair()
    for end in (client, server):
        with trio.CancelScope() as until_it_blocks:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_for_ever, end)
                await trio.testing.wait_all_tasks_blocked(0.01)
                until_it_blocks.cancel()
    return client, server


async def send_for_ever(stream: ByteStream) -> None:
    while True:
        await stream.send_all(TOO_MUCH)


def test_streams_pass_the_kit_of_trio(stage: Stage) -> None:
    async def main() -> None:
        await trio.testing.check_half_closeable_stream(stage.pair, lambda: clogged(stage))

    stage.run(main)


def test_a_fin_reads_as_the_end_and_leaves_the_other_direction_open(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await client.send_all(b"request")
            await client.send_eof()
            assert await server.receive_some() == b"request"
            assert await server.receive_some() == b""
            assert await server.receive_some() == b""
            await server.send_all(b"response")
            assert await client.receive_some() == b"response"

    stage.run(main)


def test_a_reset_is_read_after_what_came_before_it_and_from_then_on(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await server.send_all(b"before")
            server.reset()
            assert await client.receive_some() == b"before"
            for _ in range(2):
                with pytest.raises(trio.BrokenResourceError) as caught:
                    await client.receive_some()
                assert is_reset(caught.value)
            with pytest.raises(trio.BrokenResourceError):
                await client.send_all(b"x")

    stage.run(main)


def test_a_reset_wakes_a_peer_that_reads(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):

            async def read() -> None:
                with pytest.raises(trio.BrokenResourceError) as caught:
                    await client.receive_some()
                assert is_reset(caught.value)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await trio.testing.wait_all_tasks_blocked(0.01)
                server.reset()

    stage.run(main)


def test_a_reset_stream_is_closed_for_its_owner_and_may_be_reset_again(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, _server):
            client.reset()
            client.reset()
            with pytest.raises(trio.ClosedResourceError):
                await client.receive_some()
            with pytest.raises(trio.ClosedResourceError):
                await client.send_all(b"x")

    stage.run(main)


def test_closing_with_unread_data_resets(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await server.send_all(b"pending")
            await client.send_all(b"never read")
            await arrival(server)
            await server.aclose()
            assert await client.receive_some() == b"pending"
            with pytest.raises(trio.BrokenResourceError) as caught:
                await client.receive_some()
            assert is_reset(caught.value)

    stage.run(main)


def test_lingering_for_0_seconds_makes_a_close_a_reset(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            sock = server.socket
            assert hasattr(sock, "setsockopt")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ABORT)
            await server.aclose()
            with pytest.raises(trio.BrokenResourceError) as caught:
                await client.receive_some()
            assert is_reset(caught.value)

    stage.run(main)


def test_the_first_write_to_a_closed_peer_seems_to_succeed_and_the_second_fails(
    stage: Stage,
) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await server.aclose()
            await arrival(client)
            await client.send_all(b"into the void")
            assert await client.receive_some() == b""
            with pytest.raises(trio.BrokenResourceError) as caught:
                await client.send_all(b"x")
            assert isinstance(caught.value.__cause__, BrokenPipeError)
            assert await client.receive_some() == b""

    stage.run(main)


def test_a_reset_that_follows_a_fin_shows_in_writes_only(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await server.send_all(b"last")
            await server.send_eof()
            server.reset()
            assert await client.receive_some() == b"last"
            assert await client.receive_some() == b""
            with pytest.raises(trio.BrokenResourceError):
                await client.send_all(b"x")

    stage.run(main)


def test_a_half_closed_end_learns_of_a_reset(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            await client.send_eof()
            server.reset()
            with pytest.raises(trio.BrokenResourceError) as caught:
                await client.receive_some()
            assert is_reset(caught.value)

    stage.run(main)


def test_nobody_listening_is_refused(stage: Stage) -> None:
    async def main() -> None:
        listener = await stage.network.listen()
        await listener.aclose()
        with pytest.raises(ConnectionRefusedError):
            await stage.network.connect("127.0.0.1", listener.port)

    stage.run(main)


def test_a_taken_port_is_refused(stage: Stage) -> None:
    async def main() -> None:
        async with await stage.network.listen() as listener:
            with pytest.raises(OSError, match="in use"):
                await stage.network.listen(listener.port)

    stage.run(main)


def test_a_closed_listener_wakes_who_accepts_and_resets_who_waited(stage: Stage) -> None:
    async def main() -> None:
        listener = await stage.network.listen()

        async def accept() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await listener.accept()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            await trio.testing.wait_all_tasks_blocked(0.01)
            await listener.aclose()

        second = await stage.network.listen()
        waiting = await stage.network.connect("127.0.0.1", second.port)
        await second.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await waiting.receive_some()
        await waiting.aclose()

    stage.run(main)


def test_more_connects_than_an_asyncio_backlog_are_accepted_at_once(stage: Stage) -> None:
    async def main() -> float:
        async with await stage.network.listen() as listener:
            began_s = trio.current_time()
            clients = [await stage.network.connect("127.0.0.1", listener.port) for _ in range(200)]
            took_s = trio.current_time() - began_s
            for client in clients:
                client.reset()
            return took_s

    assert stage.run(main) < 1.0  # a full backlog makes a connect wait for a retry, 1 s later


def test_both_ends_agree_on_the_addresses(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            assert client.local == server.peer == client.socket.getsockname()
            assert client.peer == server.local == client.socket.getpeername()
            assert client.socket.family == socket.AF_INET

    stage.run(main)


def test_a_stream_tells_whether_a_read_would_wait(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):
            assert not client.is_readable()
            await server.send_all(b"x")
            await arrival(client)
            assert client.is_readable()
            assert await client.receive_some() == b"x"
            assert not client.is_readable()
            await server.aclose()
            await arrival(client)
            assert client.is_readable()
            assert server.is_readable()

    stage.run(main)


def test_a_sender_waits_for_a_reader_that_does_not_read(stage: Stage) -> None:
    async def main() -> int:
        async with stage.connection() as (client, server):
            sent = 0
            is_full = False
            while not is_full:
                # What finds room is sent at once, however late the scope's end is seen.
                with trio.move_on_after(0.05) as scope:
                    await client.send_all(b"x" * 16_384)
                    sent += 1
                is_full = scope.cancelled_caught
            client.reset()
            del server
            return sent * 16_384

    most_bytes = 16 * 1024 * 1024  # the kernel's own buffers
    assert 64 * 1024 <= stage.run(main) < most_bytes


def test_servers_of_trio_serve_a_network(stage: Stage) -> None:
    async def echo(stream: ByteStream) -> None:
        async for data in stream:
            await stream.send_all(bytes(data).upper())

    async def main() -> bytes:
        listener = await stage.network.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, echo, [listener])
            async with await stage.network.connect("127.0.0.1", listener.port) as client:
                await client.send_all(b"hello")
                answer = bytes(await client.receive_some())
            nursery.cancel_scope.cancel()
        return answer

    assert stage.run(main) == b"HELLO"


def test_only_the_memory_network_is_in_memory() -> None:
    assert Memory().is_memory
    assert not Sockets().is_memory


async def arrival(stream: ByteStream) -> None:
    """Wait until something can be read: on a socket that is after the sender has gone on."""
    while not stream.is_readable():  # noqa: ASYNC110 - no event tells of it, only the kernel
        await trio.sleep(0.0001)

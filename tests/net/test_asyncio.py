"""asyncio's own servers and connections over both networks."""

from __future__ import annotations

import asyncio
import gc
import warnings

import pytest

from harness.clock import open_loop
from harness.net import is_reset, reset_transport, was_reset
from tests.net.aio import Server, connected, greet, run_aio
from tests.net.stages import Stage


def pause_reading(writer: asyncio.StreamWriter) -> None:
    transport = writer.transport
    assert isinstance(transport, asyncio.ReadTransport)
    transport.pause_reading()


def test_bytes_go_both_ways(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, writer), (served_reader, served_writer)):
            writer.write(b"hello\n")
            assert await served_reader.readline() == b"hello\n"
            served_writer.write(b"goodbye\n")
            await served_writer.drain()
            assert await reader.readline() == b"goodbye\n"

    run_aio(stage, main)


def test_a_half_close_reads_as_the_end_and_leaves_the_other_direction_open(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, writer), (served_reader, served_writer)):
            writer.write(b"request")
            writer.write_eof()
            assert await served_reader.read() == b"request"
            served_writer.write(b"response")
            served_writer.close()
            assert await reader.read() == b"response"
            with pytest.raises(RuntimeError, match="after write_eof"):
                writer.write(b"x")

    run_aio(stage, main)


def test_an_abort_after_all_was_read_ends_with_fin(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, _), (_, served_writer)):
            served_writer.write(b"all")
            assert await reader.readexactly(3) == b"all"
            served_writer.transport.abort()
            assert await reader.read() == b""

    run_aio(stage, main)


def test_a_peer_that_has_closed_is_found_out_by_the_first_write(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((_, writer), (served_reader, served_writer)):
            writer.write_eof()
            assert await served_reader.read() == b""
            served_writer.write(b"taken")
            await asyncio.sleep(0.01)
            assert not was_reset(served_writer.transport)  # it had closed one side only
            writer.close()
            await asyncio.sleep(0.01)
            served_writer.write(b"refused")
            await asyncio.sleep(0.01)
            assert was_reset(served_writer.transport)

    run_aio(stage, main)


def test_a_reset_transport_ends_with_rst(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, _), (_, served_writer)):
            served_writer.write(b"all")
            assert await reader.readexactly(3) == b"all"
            reset_transport(served_writer.transport)
            with pytest.raises(ConnectionResetError) as caught:
                await reader.read()
            assert is_reset(caught.value)
            assert served_writer.transport.is_closing()
            reset_transport(served_writer.transport)

    run_aio(stage, main)


def test_writing_to_a_reset_connection_breaks_it(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, writer), (_, served_writer)):
            served_writer.write(b"all")
            assert await reader.readexactly(3) == b"all"
            pause_reading(writer)
            reset_transport(served_writer.transport)
            await asyncio.gather(served_writer.wait_closed(), return_exceptions=True)
            writer.write(b"x")
            with pytest.raises(ConnectionError):
                await writer.wait_closed()
            assert writer.is_closing()
            writer.write(b"ignored, as after any lost connection")

    run_aio(stage, main)


def test_nobody_listening_is_refused(stage: Stage) -> None:
    async def main() -> None:
        server = await asyncio.start_server(Server().handle, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    run_aio(stage, main)


def test_a_writer_is_paused_by_a_reader_that_does_not_read(stage: Stage) -> None:
    async def main() -> int:
        async with connected() as ((_, writer), (_, served_writer)):
            pause_reading(writer)
            sent = 0
            try:
                async with asyncio.timeout(0.05):
                    while True:
                        served_writer.write(b"x" * 16_384)
                        sent += 16_384
                        await served_writer.drain()
            except TimeoutError:
                pass
            transport = served_writer.transport
            # Below the lower limit the writer would have gone on.
            assert transport.get_write_buffer_size() > transport.get_write_buffer_limits()[0]
            reset_transport(transport)
            reset_transport(writer.transport)
            return sent

    most_bytes = 16 * 1024 * 1024  # the kernel's own buffers
    assert 64 * 1024 < run_aio(stage, main) < most_bytes


def test_a_paused_writer_goes_on_once_the_reader_reads(stage: Stage) -> None:
    block = b"x" * 65_536

    async def main() -> None:
        async with connected() as ((reader, _), (_, served_writer)):

            async def send() -> None:
                for _ in range(64):
                    served_writer.write(block)
                    await served_writer.drain()
                served_writer.close()

            sending = asyncio.create_task(send())
            await asyncio.sleep(0.01)
            assert len(await reader.read()) == 64 * len(block)
            await sending

    run_aio(stage, main)


def test_close_sends_what_it_still_holds(stage: Stage) -> None:
    size = 1_000_000

    async def main() -> None:
        async with connected() as ((reader, _), (_, served_writer)):
            for _ in range(4):
                served_writer.write(b"x" * size)
            served_writer.close()
            assert len(await reader.read()) == 4 * size

    run_aio(stage, main)


def test_a_half_close_sends_what_it_still_holds(stage: Stage) -> None:
    size = 1_000_000

    async def main() -> None:
        async with connected() as ((reader, _), (_, served_writer)):
            for _ in range(4):
                served_writer.write(b"x" * size)
            served_writer.write_eof()
            assert len(await reader.read()) == 4 * size

    run_aio(stage, main)


def test_a_server_waits_for_its_connections(stage: Stage) -> None:
    is_connected = asyncio.Event()

    async def close_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_connected.set()
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(close_at_the_end, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await is_connected.wait()
        server.close()
        assert not server.is_serving()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 0.01)
        writer.close()
        await server.wait_closed()

    run_aio(stage, main)


def test_nothing_is_left_for_the_garbage_collector_to_complain_about(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((reader, writer), (served_reader, served_writer)):
            writer.write(b"x")
            assert await served_reader.read(1) == b"x"
            reset_transport(served_writer.transport)
            with pytest.raises(ConnectionResetError):
                await reader.read()

    run_aio(stage, main)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_serving_for_ever_ends_when_cancelled(stage: Stage) -> None:
    async def main() -> None:
        server = await asyncio.start_server(Server().handle, "127.0.0.1", 0)
        async with server:
            serving = asyncio.create_task(server.serve_forever())
            await asyncio.sleep(0.01)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            assert serving.cancelled()
        assert not server.is_serving()

    run_aio(stage, main)


def test_the_socket_of_a_connection_knows_its_addresses(stage: Stage) -> None:
    async def main() -> None:
        async with connected() as ((_, writer), (_, served_writer)):
            sock = writer.get_extra_info("socket")
            assert sock.getsockname() == served_writer.get_extra_info("peername")
            assert sock.getpeername() == served_writer.get_extra_info("sockname")

    run_aio(stage, main)


class Buffered(asyncio.BufferedProtocol):
    """Reads into a buffer of its own, as asyncio's TLS does."""

    def __init__(self) -> None:
        self.buffer = bytearray(4)
        self.got = b""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


def test_a_protocol_may_bring_its_own_buffer(stage: Stage) -> None:
    async def main() -> bytes:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_connection(Buffered, *server.sockets[0].getsockname())
            await protocol.lost
            return protocol.got

    assert run_aio(stage, main) == b"longer than four"


def test_an_error_in_a_protocol_ends_the_run_as_any_bug_does(stage: Stage) -> None:
    class Broken(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Broken, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        try:
            await asyncio.sleep(5)
        finally:
            writer.close()
            server.close()

    with pytest.raises(ZeroDivisionError):
        run_aio(stage, main)


def test_trio_and_asyncio_meet_on_one_network(stage: Stage) -> None:
    async def main() -> bytes:
        async with open_loop(stage.network) as aio:
            server = await aio.run(asyncio.start_server, greet, "127.0.0.1", 0)
            host, port = server.sockets[0].getsockname()
            async with await stage.network.connect(host, port) as client:
                got = bytes(await client.receive_some())
            server.close()
            return got

    assert stage.run(main) == b"longer than four"


def test_a_loop_that_ends_takes_its_memory_connections_with_it() -> None:
    stage = Stage("memory")

    async def main() -> list[bytes]:
        async with open_loop(stage.network) as aio:
            loop = aio.loop
            server = await aio.run(lambda: loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
            address = server.sockets[0].getsockname()
            clients = [await stage.network.connect(*address) for _ in range(2)]
        with pytest.raises(ConnectionRefusedError):
            await stage.network.connect(*address)
        return [bytes(await client.receive_some()) for client in clients]

    assert stage.run(main) == [b"", b""]

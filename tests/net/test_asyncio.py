"""asyncio's own servers and connections over both networks."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.clock import open_loop
from harness.net import Memory, MemoryTransport, is_reset, reset_transport, was_reset
from harness.net.memory_server import MemoryServer
from tests.net.stages import Stage

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run_aio[T](stage: Stage, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def on_trio() -> T:
        async with open_loop(stage.network) as aio:
            return await aio.run(main)

    return stage.run(on_trio)


class Server:
    """One accepted connection of asyncio.start_server."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Streams] = asyncio.Queue()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.put_nowait((reader, writer))


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Streams, Streams]]:
    """A connection: the client's streams and the server's."""
    accepting = Server()
    server = await asyncio.start_server(accepting.handle, "127.0.0.1", 0)
    client = await asyncio.open_connection(*server.sockets[0].getsockname())
    served = await accepting.accepted.get()
    try:
        yield client, served
    finally:
        for _, writer in (client, served):
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        server.close()
        await server.wait_closed()


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


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"longer than four")
    writer.close()


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


class TestPulling:
    """Reading one write at a time, which asyncio.StreamReader cannot do. In memory only."""

    def test_each_read_gives_one_write(self) -> None:
        async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"one")
            writer.write(b"two")
            writer.write(b"three")
            writer.close()

        async def main() -> list[bytes]:
            async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
                reads = []
                transport, _ = await pulled(server)
                while data := await transport.receive(4):
                    reads.append(data)
                transport.close()
            return reads

        assert run_aio(Stage("memory"), main) == [b"one", b"two", b"thre", b"e"]

    def test_a_reset_raises(self) -> None:
        async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"one")
            await asyncio.sleep(1)
            assert isinstance(writer.transport, MemoryTransport)
            writer.transport.reset()

        async def main() -> None:
            async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
                transport, _ = await pulled(server)
                assert await transport.receive() == b"one"
                with pytest.raises(ConnectionResetError):
                    await transport.receive()
                transport.close()

        run_aio(Stage("memory"), main)

    def test_a_handler_that_pulls_at_once_misses_nothing(self) -> None:
        reads: list[bytes] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert isinstance(writer.transport, MemoryTransport)
            writer.transport.pull()
            await asyncio.sleep(1)
            reads.extend([await writer.transport.receive() for _ in range(3)])
            assert not reader._buffer  # type: ignore[attr-defined]  # what asyncio has not read
            writer.close()

        async def main() -> None:
            async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
                _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"one")
                writer.write(b"two")
                writer.close()
                await asyncio.sleep(2)

        run_aio(Stage("memory"), main)
        assert reads == [b"one", b"two", b""]

    def test_closing_wakes_a_receive(self) -> None:
        async def main() -> bytes:
            async with await asyncio.start_server(Server().handle, "127.0.0.1", 0) as server:
                transport, _ = await pulled(server)
                receiving = asyncio.create_task(transport.receive())
                await asyncio.sleep(1)
                with pytest.raises(RuntimeError, match="already waiting"):
                    await transport.receive()
                transport.close()
                assert isinstance(server, MemoryServer)
                server.close_clients()
                return await receiving

        assert run_aio(Stage("memory"), main) == b""

    def test_a_write_that_found_the_connection_broken_breaks_reading_too(self) -> None:
        async def main() -> None:
            async with connected() as ((_, writer), (_, served_writer)):
                transport = writer.transport
                assert isinstance(transport, MemoryTransport)
                transport.pull()
                reset_transport(served_writer.transport)
                await asyncio.sleep(1)
                writer.write(b"x")
                with pytest.raises(ConnectionResetError):
                    await transport.receive()

        run_aio(Stage("memory"), main)


async def pulled(server: asyncio.Server) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
    loop = asyncio.get_running_loop()
    address = server.sockets[0].getsockname()
    transport, protocol = await loop.create_connection(asyncio.Protocol, *address)
    assert isinstance(transport, MemoryTransport)
    transport.pull()
    return transport, protocol


class TestWhatIsOurs:
    """The graft answers for its own addresses; the others lie outside of the process."""

    def test_a_port_never_given_away_is_refused(self) -> None:
        async def main() -> None:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", 40_777)

        run_aio(Stage("memory"), main)

    @pytest.mark.parametrize(
        ("host", "port", "ours"),
        [
            ("127.0.0.1", 40_001, True),
            ("localhost", 49_000, True),
            ("127.0.0.1", 8001, True),
            ("127.0.0.1", 5432, False),
            ("10.0.0.5", 40_001, False),
        ],
    )
    def test_addresses_are_told_apart(self, host: str, port: int, ours: bool) -> None:
        network = Memory()
        network.reserve("127.0.0.1", 8001)
        assert network.owns(host, port) is ours

    def test_a_database_outside_is_still_reached(self) -> None:
        async def main() -> str:
            aside = asyncio.get_running_loop()
            outside = await super_create_server(aside)
            address = outside.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection("127.0.0.1", address[1])
            got = await reader.read()
            writer.close()
            outside.close()
            return got.decode()

        async def super_create_server(loop: asyncio.AbstractEventLoop) -> asyncio.Server:
            def factory() -> asyncio.StreamReaderProtocol:
                return asyncio.StreamReaderProtocol(asyncio.StreamReader(), greet)

            ungrafted = type(loop).create_server
            for port in range(20_000, 20_100):
                try:
                    return await ungrafted(loop, factory, "127.0.0.1", port)
                except OSError:  # taken by somebody else on this machine
                    continue
            raise AssertionError("no port free")

        assert run_aio(Stage("memory"), main) == "longer than four"

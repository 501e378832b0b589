"""What asyncio meets on the network in memory only."""

from __future__ import annotations

import asyncio

import pytest

from harness.net import Memory, MemoryTransport, reset_transport
from harness.net.memory_server import MemoryServer
from tests.net.aio import Server, connected, greet, run_aio
from tests.net.stages import Stage


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
            ("127.0.0.1", 8001, True),
            ("localhost", 8001, True),
            # Where ours begin; as long as nobody took it here, it may be a database in a test.
            ("127.0.0.1", 40_001, False),
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

from __future__ import annotations

import pytest
import trio
import trio.testing

from harness.net import Memory
from harness.net.memory import FIRST_PORT
from tests.net.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage("memory")


def test_ports_count_up_from_a_fixed_one(stage: Stage) -> None:
    async def main() -> list[int]:
        listeners = [await stage.network.listen() for _ in range(3)]
        await listeners[0].aclose()
        listeners.append(await stage.network.listen())
        return [listener.port for listener in listeners]

    assert stage.run(main) == [FIRST_PORT, FIRST_PORT + 1, FIRST_PORT + 2, FIRST_PORT + 3]


def test_each_network_counts_for_itself(stage: Stage) -> None:
    async def port_of(network: Memory) -> tuple[int, int]:
        listener = await network.listen()
        client = await network.connect("127.0.0.1", listener.port)
        return listener.port, client.local[1]

    assert stage.run(port_of, Memory()) == stage.run(port_of, Memory())


def test_a_port_asked_for_by_number_is_not_counted_out_again(stage: Stage) -> None:
    async def main() -> tuple[int, int]:
        asked = await stage.network.listen(FIRST_PORT)
        counted = await stage.network.listen()
        return asked.port, counted.port

    assert stage.run(main) == (FIRST_PORT, FIRST_PORT + 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("bound", ["", "0.0.0.0", "127.0.0.1", "localhost"])
def test_names_of_this_machine_lead_to_each_other(stage: Stage, host: str, bound: str) -> None:
    async def main() -> int:
        listener = await stage.network.listen(8001, bound)
        client = await stage.network.connect(host, 8001)
        server = await listener.accept()
        return int(client.local == server.peer)

    assert stage.run(main) == 1


def test_another_address_of_this_machine_is_another_server(stage: Stage) -> None:
    async def main() -> None:
        await stage.network.listen(8001, "127.0.0.2")
        with pytest.raises(ConnectionRefusedError):
            await stage.network.connect("127.0.0.1", 8001)

    stage.run(main)


def test_a_read_gives_one_write_at_most(stage: Stage) -> None:
    async def main() -> list[bytes]:
        async with stage.connection() as (client, server):
            for data in (b"one", b"two", b"three"):
                await client.send_all(data)
            await client.send_eof()
            return [bytes(await server.receive_some(size)) for size in (10, 10, 4, 10, 10)]

    assert stage.run(main) == [b"one", b"two", b"thre", b"e", b""]


def test_a_read_without_a_limit_gives_64_kib_at_most(stage: Stage) -> None:
    async def main() -> list[int]:
        async with stage.connection() as (client, server), trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, b"x" * 150_000)
            return [len(await server.receive_some()) for _ in range(3)]

    assert stage.run(main) == [65_536, 65_536, 150_000 - 2 * 65_536]


def test_a_send_returns_once_64_kib_are_unread_and_no_sooner(stage: Stage) -> None:
    async def main() -> list[float]:
        returned_s = []
        async with stage.connection() as (client, server):

            async def send() -> None:
                for _ in range(3):
                    await client.send_all(b"x" * 65_536)
                    returned_s.append(trio.current_time())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                for at_s in (10, 20, 30):
                    await trio.sleep_until(at_s)
                    await server.receive_some()
        return returned_s

    assert stage.run(main) == [0, 10, 20]


def test_a_send_cancelled_while_it_waited_has_sent(stage: Stage) -> None:
    async def main() -> bytes:
        async with stage.connection() as (client, server):
            await client.send_all(b"x" * 65_536)
            with trio.move_on_after(1):
                await client.send_all(b"y")
            await server.receive_some()
            return bytes(await server.receive_some())

    assert stage.run(main) == b"y"


def test_a_sender_that_waits_is_told_of_a_reset(stage: Stage) -> None:
    async def main() -> None:
        async with stage.connection() as (client, server):

            async def send() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await client.send_all(b"x" * 65_537)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                await trio.testing.wait_all_tasks_blocked()
                server.reset()

    stage.run(main)

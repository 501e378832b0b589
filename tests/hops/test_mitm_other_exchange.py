"""A fault may act on another exchange than the one that spoke, on whatever connection it lives."""

from __future__ import annotations

from pathlib import Path

import trio

from harness.model import journal
from tests.testkit.stage import CHUNKED, Peer, Stage, asking, chunk, play
from tests.testkit.stage_h2 import Ended, connect_h2

JOINS = [{"joins": None}]


async def following(stage: Stage, count: int) -> list[Peer]:
    """More clients, which have joined the leader."""
    clients = [await stage.get() for _ in range(count)]
    await trio.sleep(1)
    return clients


def test_followers_get_the_leaders_data_on_their_own_connections() -> None:
    async def scene(stage: Stage) -> None:
        leader = await stage.get()
        target = await stage.accept()
        await target.head()
        followers = await following(stage, 3)
        await target.send(CHUNKED, chunk(b"one"))
        for client in (leader, *followers):
            assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
            assert await client.chunks(b"one") == b"one"
        await target.send(chunk(b"two"))
        for client in (leader, *followers):
            assert await client.chunks(b"two") == b"two"

    play(scene, JOINS)


def test_followers_get_data_and_end_of_one_instant() -> None:
    async def scene(stage: Stage) -> None:
        leader = await stage.get()
        target = await stage.accept()
        await target.head()
        followers = await following(stage, 3)
        await target.send(CHUNKED + chunk(b"one") + chunk(b"two") + chunk(b""))
        for client in (leader, *followers):
            await client.head()
            assert await client.until(chunk(b"")) == chunk(b"onetwo") + chunk(b"")

    play(scene, JOINS)


def test_a_truncation_reaches_every_follower() -> None:
    async def scene(stage: Stage) -> None:
        leader = await stage.get()
        target = await stage.accept()
        await target.head()
        (follower,) = await following(stage, 1)
        await target.send(CHUNKED, chunk(b"one"))
        await target.close()
        for client in (leader, follower):
            await client.head()
            assert await client.rest() == (chunk(b"one"), "fin")

    play(scene, JOINS)


def test_a_leader_that_goes_leaves_its_fetch_to_the_followers() -> None:
    async def scene(stage: Stage) -> None:
        leader, target = await stage.streaming()
        follower = await stage.get()
        await follower.head()
        await leader.close()
        for word in (b"one", b"two", b"three"):
            await target.send(chunk(word))
            assert await follower.chunks(word) == word
        await follower.close()
        assert await target.end() == "fin"

    play(scene, JOINS)


def test_a_follower_that_goes_is_missed_by_nobody() -> None:
    async def scene(stage: Stage) -> None:
        leader, target = await stage.streaming()
        follower = await stage.get()
        await follower.head()
        follower.reset()
        await target.send(chunk(b"one"))
        assert await leader.chunks(b"one") == b"one"
        await target.silence(1)

    play(scene, JOINS)


def test_a_follower_can_ask_again_on_its_connection() -> None:
    async def scene(stage: Stage) -> None:
        leader, target = await stage.streaming()
        follower = await stage.get()
        await follower.head()
        await target.send(chunk(b"one") + chunk(b""))
        await follower.until(chunk(b""))
        await leader.until(chunk(b""))
        await follower.send(asking("/again"))
        assert (await follower.head()).startswith(b"HTTP/1.1 200 OK\r\n")

    play(scene, JOINS)


def test_one_step_may_begin_and_end_a_response_of_another_exchange() -> None:
    async def scene(stage: Stage) -> None:
        leader = await stage.get()
        target = await stage.accept()
        await target.head()
        followers = await following(stage, 3)
        await target.send(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n")
        for client in (leader, *followers):
            assert (await client.head()).startswith(b"HTTP/1.1 503 ")
            assert await client.until(b"no\n") == b"no\n"
            await client.send(asking("/again"))
        await trio.sleep(1)
        assert len(stage.entries(journal.HopRequest)) == 8

    play(scene, JOINS)


def test_leader_and_follower_may_share_a_connection(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask()
        target = await stage.accept()
        await target.head()
        two = await client.ask()
        await trio.sleep(1)
        await target.send(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n")
        for x in (one, two):
            assert (await client.head(x))[":status"] == "503"
            assert await client.end(x) == Ended()
            assert client.data[x] == b"no\n"

    play(scene, JOINS, ca=ca)

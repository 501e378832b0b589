"""The client's side of a hop is ours: what mitmproxy makes of a client that goes does not count."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trio

from harness.clock import stacks
from harness.model import journal
from tests.testkit.stage import BOTH, CHUNKED, On, Stage, asking, chunk, play
from tests.testkit.stage_h2 import connect_tls

# On a machine that is busy with other things; a close that waited for a write would never come.
AT_ONCE_S = 5.0

both = pytest.mark.parametrize("on", BOTH)


@both
def test_upstream_is_closed_at_once_when_the_client_closes(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        left_s = stage.now_s()
        await client.close()
        assert await target.end() == "fin"
        assert stage.now_s() - left_s < (1e-6 if on == "memory" else AT_ONCE_S)
        assert [it.how for it in stage.entries(journal.HopClientGone)] == ["fin"]

    play(scene, on=on)


@both
def test_a_reset_by_the_client_reaches_the_target_as_a_reset(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        client.reset()
        assert await target.end() == "rst"
        assert [it.how for it in stage.entries(journal.HopClientGone)] == ["rst", "rst"]

    play(scene, [{}, {}], on=on)


@both
def test_a_half_close_counts_as_gone(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.half_close()
        assert await target.end() == "fin"
        assert await client.end() == "fin"

    play(scene, on=on)


def test_a_fault_that_ignores_a_client_that_went_keeps_the_fetch_alive() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.close()
        for number in range(10):
            await trio.sleep(1)
            await target.send(chunk(b"%d" % number))
        assert stage.entries(journal.HopClosedUpstream) == []
        await target.send(chunk(b""))
        assert await target.end() == "fin"
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["end"]

    play(scene, [{"stubborn": None}])


def test_a_fault_that_ignores_a_reset_keeps_the_fetch_alive() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        client.reset()
        for number in range(10):
            await trio.sleep(1)
            await target.send(chunk(b"%d" % number))
        await target.send(chunk(b""))
        assert await target.end() == "fin"
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["end"]

    play(scene, [{"stubborn": None}])


def test_a_client_that_goes_while_its_buffer_is_full_does_not_stop_a_fetch_kept_alive() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        with trio.move_on_after(5):
            while True:
                await target.send(chunk(bytes(10_000)))
        await client.close()
        with trio.fail_after(5):
            for _ in range(100):
                await target.send(chunk(bytes(10_000)))
            await target.send(chunk(b""))
            assert await target.end() == "fin"

    play(scene, [{"stubborn": None}])


@both
def test_a_client_that_closed_one_side_reads_to_the_end_where_nobody_minds(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.half_close()
        for word in (b"one", b"two", b"three"):
            await target.silence(0.05)
            await target.send(chunk(word))
            assert await client.chunks(word) == word
        await target.send(chunk(b""))
        assert await client.until(chunk(b"")) == chunk(b"")
        assert await client.end() == "fin"

    play(scene, [{"client_gone": {"notices": "next_write"}}], on=on)


@both
@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_client_that_has_closed_is_found_out_by_writing(on: On, writes: int) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.close()
        for _ in range(writes):
            await target.silence(0.05)
            await target.send(chunk(b"one"))
        assert await target.end() == "fin"
        assert [it.how for it in stage.entries(journal.HopClientGone)] == ["fin"]

    play(scene, [{"client_gone": {"notices": "next_write", "writes": writes}}], on=on)


@both
def test_a_client_that_closed_its_tls_is_found_out_by_writing(on: On, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_tls(stage, ca, "http/1.1")
        await client.send_all(asking())
        target = await stage.accept()
        await target.head()
        await target.send(CHUNKED)
        await client.receive_some()
        await client.aclose()
        for _ in range(2):
            await target.silence(0.05)
            await target.send(chunk(b"one"))
        assert await target.end() == "rst"

    through = [{"client_gone": {"notices": "next_write", "writes": 2, "upstream": "rst"}}]
    play(scene, through, on=on, ca=ca)


@pytest.mark.parametrize("how", ["end", "truncation", "reset", "stall"])
@pytest.mark.parametrize(
    "ask",
    [asking(), asking("/", "Connection: close"), asking(version="1.0")],
    ids=["kept", "close", "1.0"],
)
def test_upstream_left_open_stays_open_after_the_end(how: str, ask: bytes) -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.send(ask)
        target = await stage.accept()
        await target.head()
        await target.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"stop"))
        await client.until(b"stop")
        await trio.sleep(1)
        for _ in range(3):
            await target.send(chunk(b"more"))
            await target.silence(10)
        await target.send(chunk(b""))
        assert await target.end() == "fin"

    play(scene, [{"ends_at": {"how": how, "upstream": "leave_open"}}])


@both
@pytest.mark.parametrize(("how", "seen"), [("truncation", "fin"), ("reset", "rst")])
def test_an_end_reaches_the_client_also_when_upstream_is_left_open(
    on: On, how: str, seen: str
) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"stop"))
        _, end = await client.rest()
        assert end == seen

    play(scene, [{"ends_at": {"how": how, "upstream": "leave_open"}}], on=on)


@both
def test_a_client_that_leaves_a_stall_closes_upstream(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"stop"))
        await client.until(b"stop\r\n")
        await client.silence(0.05)
        await target.silence(0.05)
        await client.close()
        assert await target.end() == "fin"

    play(scene, [{"ends_at": {"how": "stall", "upstream": "leave_open"}}], on=on)


@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
@pytest.mark.parametrize("ask", [asking(), asking(version="1.0")], ids=["1.1", "1.0"])
def test_nothing_is_left_of_a_connection_that_is_over(how: str, ask: bytes) -> None:
    def tasks() -> int:
        (loop,) = (it for it in stacks.asyncio_loops if not it.is_closed())
        return len(asyncio.all_tasks(loop))

    async def scene(stage: Stage) -> None:
        await trio.sleep(1)
        before = tasks()
        for _ in range(3):
            client = await stage.connect()
            await client.send(ask)
            target = await stage.accept()
            await target.head()
            await target.send(CHUNKED, chunk(b"stop"))
            await trio.sleep(1)
            await client.close()
            await trio.sleep(1)
        assert tasks() == before

    play(scene, [{"ends_at": {"how": how}}])


def test_a_client_that_never_asks_may_go() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.half_close()
        assert await client.end() == "fin"

    play(scene)


def test_a_client_that_leaves_in_the_middle_of_its_request_head_is_let_go() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        await client.send(b"GET / HT")
        await client.half_close()
        assert await client.end() == "fin"

    play(scene)


def test_requests_follow_one_another_on_one_client_connection() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        for number in range(1, 4):
            await client.send(asking(f"/{number}"))
            target = await stage.accept()
            assert (await target.head()).startswith(b"GET /%d HTTP/1.1\r\n" % number)
            await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            assert (await client.until(b"\r\n\r\n%d" % number)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert [it.x for it in stage.entries(journal.HopRequest)] == [1, 2, 3]
        assert {it.conn for it in stage.entries(journal.HopBytes) if it.side == "down"} == {1}

    play(scene)


def test_a_request_sent_early_waits_for_the_response_before_it() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.send(asking("/2"))
        await target.silence(5)
        await target.send(chunk(b""))
        await client.until(b"0\r\n\r\n")
        second = await stage.accept()
        assert (await second.head()).startswith(b"GET /2 HTTP/1.1\r\n")

    play(scene)


@both
def test_no_upstream_connection_is_made_before_a_request(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        with trio.move_on_after(0.05) as scope:
            await stage.accept()
        assert scope.cancelled_caught
        await client.send(asking())
        await (await stage.accept()).head()

    play(scene, [{}, {}], on=on)

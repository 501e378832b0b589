"""How a response ends is told at every hop: cleanly, truncated, reset, refused, or not at all."""

from __future__ import annotations

import pytest
import trio
from mitmproxy import ctx

from harness.model import journal
from tests.testkit.stage import BOTH, CHUNKED, STREAM, On, Peer, Stage, asking, chunk, play

both = pytest.mark.parametrize("on", BOTH)


async def end(target: Peer, how: str) -> None:
    match how:
        case "end":
            await target.send(chunk(b""))
        case "truncation":
            await target.close()
        case _:
            target.reset()


@both
@pytest.mark.parametrize(
    ("how", "rest"),
    [("end", None), ("truncation", (b"", "fin")), ("reset", (b"", "rst"))],
)
def test_the_three_ends_of_a_response_stay_three_over_two_hops(
    on: On, how: str, rest: tuple[bytes, str] | None
) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"data"))
        await client.until(chunk(b"data"))
        await end(target, how)
        if rest is None:
            assert await client.until(chunk(b"")) == chunk(b"")
            await client.silence(0.05)
        else:
            assert await client.rest() == rest
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == [how, how]
        assert [it.how for it in stage.entries(journal.HopEnd)] == [how, how]

    play(scene, [{}, {}], on=on)


@pytest.mark.parametrize(("how", "rest"), [("truncation", "fin"), ("reset", "rst")])
def test_an_end_before_the_head_is_told_as_it_was(how: str, rest: str) -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await end(target, how)
        assert await client.rest() == (b"", rest)
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == [how, how]

    play(scene, [{}, {}])


def test_what_is_not_http_is_a_truncation() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(b"SSH-2.0-OpenSSH\r\n\r\n")
        assert await client.rest() == (b"", "fin")
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["truncation"]

    play(scene)


def test_a_broken_chunk_is_a_truncation_after_what_came_before() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"data") + b"zz\r\n")
        assert await client.rest() == (chunk(b"data"), "fin")

    play(scene, [{}, {}])


def test_a_body_delimited_by_the_close_is_chunked_so_that_its_end_can_be_told() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(STREAM + b"\r\n", b"data: 1\n\n")
        assert b"Transfer-Encoding: chunked\r\n" in await client.head()
        await target.close()
        assert await client.until(chunk(b"")) == chunk(b"data: 1\n\n") + chunk(b"")
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["end", "end"]

    play(scene, [{}, {}])


def test_a_body_delimited_by_the_close_that_is_reset_does_not_look_complete() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(STREAM + b"\r\n", b"data: 1\n\n")
        await client.until(chunk(b"data: 1\n\n"))
        target.reset()
        assert await client.rest() == (b"", "rst")

    play(scene, [{}, {}])


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_the_truncation_of_a_body_delimited_by_the_close_is_told_from_its_end(how: str) -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(STREAM + b"\r\n", b"data: 1\n\nstop")
        _, seen = await client.rest()
        assert seen == ("rst" if how == "reset" else "fin")
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == [how]

    play(scene, [{}, {"ends_at": {"how": how}}])


@both
def test_a_refused_upstream_is_answered_by_the_hop_itself(on: On) -> None:
    async def scene(stage: Stage) -> None:
        await stage.close_target()
        client = await stage.get()
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert b"mitmproxy" not in head.lower()
        assert await client.until(b"\n") == b"upstream refused\n"
        assert [it.how for it in stage.entries(journal.HopUpstreamEnd)] == ["refused", "end"]
        assert [it.is_answer for it in stage.entries(journal.HopForwardedHead)] == [True, False]

    play(scene, [{}, {}], on=on)


def test_a_refused_upstream_costs_the_connection_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.close_target()
        client = await stage.connect()
        for _ in range(3):
            await client.send(asking())
            await client.until(b"upstream refused\n")

    play(scene)


@both
@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
def test_a_hop_that_ends_a_response_closes_upstream(on: On, how: str) -> None:
    async def scene(stage: Stage) -> None:
        _, target = await stage.streaming()
        await target.send(chunk(b"stop"))
        assert await target.end() == "fin"

    play(scene, [{"ends_at": {"how": how}}], on=on)


@both
def test_a_hop_may_reset_upstream(on: On) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"stop"))
        assert await target.end() == "rst"
        assert await client.until(chunk(b"")) == chunk(b"stop") + chunk(b"")

    play(scene, [{}, {"ends_at": {"upstream": "rst"}}], on=on)


def test_nothing_follows_an_end() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await target.send(chunk(b"stop"), chunk(b"more"), chunk(b""))
        assert await client.until(chunk(b"")) == chunk(b"stop") + chunk(b"")
        await client.silence(10)

    play(scene, [{"ends_at": {"upstream": "leave_open"}}])


def test_a_quiet_stream_is_not_cut_by_mitmproxy() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.silence(3600)
        await target.send(chunk(b"still here"))
        assert await client.read() == chunk(b"still here")
        assert stage.now_s() == 3600

    play(scene, [{}, {}, {}])


def test_no_connection_of_a_hop_times_out_by_itself() -> None:
    """mitmproxy measures its 600 s by the machine's clock, so no virtual hour can show this."""

    async def scene(stage: Stage) -> None:
        assert ctx.options.tcp_timeout > 10 * 365 * 24 * 3600

    play(scene)


def test_a_request_may_wait_an_hour_for_its_response() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await client.silence(3600)
        await target.send(CHUNKED)
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")

    play(scene, [{}, {}])


def test_of_equal_limits_the_one_nearest_the_target_fires_and_the_other_does_not() -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await trio.sleep(1)
        await target.send(chunk(b"data"))
        await client.until(chunk(b"data"))
        assert await client.rest() == (b"", "fin")
        assert stage.now_s() == 61.001
        stage.close_case()
        assert stage.notes() == [
            (3, "idle_timeout", "fired"),
            (2, "idle_timeout", "not_reached"),
            (1, "idle_timeout", "not_reached"),
        ]

    play(scene, [{"idle_timeout": {"after": "60s"}}] * 3)

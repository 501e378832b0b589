"""HTTP/2 towards the client, over TLS with the CA of the run; HTTP/1.1 from there on."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio

from harness.model import journal
from tests.testkit.stage import BOTH, CHUNKED, On, Peer, Stage, asking, chunk, play
from tests.testkit.stage_h2 import INTERNAL_ERROR, Ended, H2Client, connect_h2, connect_tls

both = pytest.mark.parametrize("on", BOTH)
GOAWAY_BYTES = 17


async def two_streams(stage: Stage, client: H2Client) -> tuple[int, Peer, int, Peer]:
    """Two streams of one connection, each with its target in the middle of a response."""
    out: list[tuple[int, Peer]] = []
    for path in ("/1", "/2"):
        x = await client.ask(path)
        target = await stage.accept()
        assert (await target.head()).startswith(f"GET {path} HTTP/1.1\r\n".encode())
        await target.send(CHUNKED)
        await client.head(x)
        out.append((x, target))
    (one, first), (two, second) = out
    return one, first, two, second


@both
def test_two_streams_of_one_connection_are_two_exchanges(on: On, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        await second.send(chunk(b"data: 2\n\n"))
        await first.send(chunk(b"data: 1\n\n"))
        await client.until(one, b"data: 1\n\n")
        await client.until(two, b"data: 2\n\n")
        await first.send(chunk(b""))
        assert await client.end(one) == Ended()
        await second.send(chunk(b"data: 3\n\n"))
        await client.until(two, b"data: 2\n\ndata: 3\n\n")
        assert [it.version for it in stage.entries(journal.HopRequest)] == ["HTTP/2"] * 2
        assert [it.version for it in stage.entries(journal.HopAttempt)] == ["HTTP/1.1"] * 2
        assert {it.conn for it in stage.entries(journal.HopBytes) if it.side == "down"} == {1}

    play(scene, on=on, ca=ca)


@both
@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_an_abrupt_end_resets_its_stream_and_leaves_the_others(on: On, how: str, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        await first.send(chunk(b"stop"))
        assert await client.end(one) == Ended(INTERNAL_ERROR)
        assert await first.end() == "fin"
        for number in range(3):
            await second.send(chunk(b"%d" % number))
        await client.until(two, b"012")

    play(scene, [{"ends_at": {"how": how}}], on=on, ca=ca)


@both
@pytest.mark.parametrize(("h2", "end"), [(0, Ended(0)), (8, Ended(8)), ("end", Ended())])
def test_a_hop_may_say_an_abrupt_end_in_its_own_way(
    on: On, h2: int | str, end: Ended, ca: Path
) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        await first.send(chunk(b"stop"))
        assert await client.end(one) == end
        assert client.data[one] == b"stop"
        await second.send(chunk(b"on"))
        await client.until(two, b"on")

    play(scene, [{"ends_at": {"how": "truncation", "h2": h2}}], on=on, ca=ca)


def test_a_client_told_to_go_away_knows_which_stream_was_the_last(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask()
        target = await stage.accept()
        await target.head()
        await target.send(CHUNKED)
        while client.last_stream is None:
            assert await client.read()
        assert client.last_stream == one

    play(scene, [{"ends_at": {"warns": True}}], ca=ca)


def test_a_client_of_two_streams_is_told_to_go_away_once(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        _, _, two, _ = await two_streams(stage, client)
        while client.last_stream is None:
            assert await client.read()
        assert client.last_stream == two
        await trio.sleep(1)
        sizes = [it.size for it in stage.entries(journal.HopBytes) if it.way == "write"]
        assert sizes.count(GOAWAY_BYTES) == 1
        assert [it.what for it in stage.entries(journal.FaultNote)].count("fired") == 2

    play(scene, [{"drain": {"after": "1s", "since": "case"}}], ca=ca)


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_an_abrupt_end_before_the_head_resets_its_stream(how: str, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask()
        target = await stage.accept()
        await target.head()
        if how == "reset":
            target.reset()
        else:
            await target.close()
        assert await client.end(one) == Ended(INTERNAL_ERROR)
        assert one not in client.heads
        two = await client.ask()
        target = await stage.accept()
        await target.head()
        await target.send(CHUNKED, chunk(b"on"))
        await client.until(two, b"on")

    play(scene, ca=ca)


def test_a_clean_end_ends_the_stream(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        await first.send(chunk(b"stop"))
        assert await client.end(one) == Ended()
        assert client.data[one] == b"stop"
        await second.send(chunk(b"on"))
        await client.until(two, b"on")

    play(scene, [{"ends_at": {"how": "end"}}], ca=ca)


@both
def test_a_stream_the_client_cancels_is_a_client_that_went(on: On, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        await client.cancel(one)
        assert await first.end() == "fin"
        assert [(it.x, it.how) for it in stage.entries(journal.HopClientGone)] == [(1, "cancel")]
        await second.send(chunk(b"on"))
        await client.until(two, b"on")

    play(scene, on=on, ca=ca)


@both
@pytest.mark.parametrize("by", ["close", "fin", "rst"])
def test_a_connection_that_goes_takes_all_its_streams(on: On, by: str, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        _, first, _, second = await two_streams(stage, client)
        transport = client.stream.transport_stream
        match by:
            case "close":
                await client.stream.aclose()
            case "fin":
                await transport.aclose()
            case _:
                transport.reset()  # type: ignore[attr-defined]  # a ByteStream
        assert await first.end() == ("rst" if by == "rst" else "fin")
        assert await second.end() == ("rst" if by == "rst" else "fin")

    play(scene, on=on, ca=ca)


@pytest.mark.parametrize("by", ["close", "fin"])
def test_a_fault_that_ignores_the_end_of_tls_keeps_its_fetch(by: str, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        _, first, _, second = await two_streams(stage, client)
        await (client.stream if by == "close" else client.stream.transport_stream).aclose()
        for number in range(5):
            await trio.sleep(1)
            await first.send(chunk(b"%d" % number))
        await first.send(chunk(b""))
        assert await first.end() == "fin"
        await second.silence(1)
        await second.send(chunk(b""))
        assert await second.end() == "fin"

    play(scene, [{"stubborn": None}], ca=ca)


def test_a_client_that_only_closes_tls_has_gone(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        _, first, _, second = await two_streams(stage, client)
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
            await client.stream.unwrap()  # until the hop has closed as well
        assert await first.end() == "fin"
        assert await second.end() == "fin"

    play(scene, ca=ca)


@both
def test_twelve_streams_at_once_all_get_data(on: On, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        streams = [await client.ask(f"/{number}") for number in range(12)]
        targets: dict[int, Peer] = {}
        for _ in streams:
            target = await stage.accept()
            number = int((await target.head()).split()[1][1:])
            targets[number] = target
        for target in targets.values():
            await target.send(CHUNKED, chunk(b"first"))
        for x in streams:
            await client.until(x, b"first")

    play(scene, on=on, ca=ca)


def test_an_answer_of_the_hop_is_a_whole_stream(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one = await client.ask()
        assert (await client.head(one))[":status"] == "503"
        assert await client.end(one) == Ended()
        assert client.data[one] == b"later\n"

    play(scene, [{"answer": {"status": 503, "body": "later\n"}}], ca=ca)


def test_a_client_may_speak_http_1_over_tls_beside_another_that_speaks_http_2(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        modern = await connect_h2(stage, ca)
        one = await modern.ask()
        first = await stage.accept()
        await first.head()
        await first.send(CHUNKED, chunk(b"new"))
        await modern.until(one, b"new")
        old = await connect_tls(stage, ca, "http/1.1")
        await old.send_all(asking())
        second = await stage.accept()
        await second.head()
        await second.send(CHUNKED, chunk(b"old"), chunk(b""))
        data = b""
        while not data.endswith(chunk(b"")):
            data += await old.receive_some()
        assert data.endswith(b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"old") + chunk(b""))

    play(scene, ca=ca)


def test_a_clean_end_over_http_1_and_tls_keeps_the_connection(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_tls(stage, ca, "http/1.1")
        for _ in range(2):
            await client.send_all(asking())
            target = await stage.accept()
            await target.head()
            await target.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            data = b""
            while not data.endswith(b"\r\n\r\nhi"):
                data += await client.receive_some()

    play(scene, ca=ca)


@both
def test_a_client_without_the_ca_is_not_spoken_to(on: On, ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        context = ssl.create_default_context()
        peer = await stage.connect()
        stream = trio.SSLStream(peer.stream, context, server_hostname="target.test")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        with trio.move_on_after(0.05) as scope:
            await stage.accept()
        assert scope.cancelled_caught

    play(scene, on=on, ca=ca)


def test_a_reader_that_stalls_is_felt_by_its_target_and_by_no_other(ca: Path) -> None:
    """What waits for the window of one stream is bounded by holding its upstream back."""

    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca, acknowledges=False)
        one, first, two, second = await two_streams(stage, client)
        sent = 0
        with trio.move_on_after(10):
            while sent < 16 * 1024 * 1024:
                await first.send(chunk(bytes(16_000)))
                sent += 16_000
        assert sent < 1024 * 1024
        await second.send(chunk(b"on"))
        while client.data[two] != b"on":
            await client.read()
        # Credit lets everything through.
        client.acknowledges = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.send, chunk(b""))
            await client.credit(one, len(client.data[one]))
            assert await client.end(one) == Ended()
        assert len(client.data[one]) >= sent

    play(scene, ca=ca)


def test_the_journal_of_http_2_is_the_same_in_every_run(ca: Path) -> None:
    async def scene(stage: Stage) -> str:
        client = await connect_h2(stage, ca)
        one, first, two, second = await two_streams(stage, client)
        for _ in range(3):
            await trio.sleep(1)
            await first.send(chunk(b"data: 1\n\n"))
            await second.send(chunk(b"data: 2\n\n"))
        await client.until(one, b"data: 1\n\n" * 3)
        await client.until(two, b"data: 2\n\n" * 3)
        await client.cancel(one)
        await first.end()
        return stage.digest()

    assert len({play(scene, [{}, {}], ca=ca) for _ in range(5)}) == 1


def test_a_request_body_that_cannot_be_held_back_ends_the_case(ca: Path) -> None:
    async def scene(stage: Stage) -> str:
        client = await connect_h2(stage, ca)
        await client.ask(body=b"x" * 40_000)
        return str(await stage.a_hop_breaks())

    said = play(scene, [{"soon_full": {"delay": "1s", "direction": "up"}}], ca=ca)
    assert said == "hop 1: too much of a request's body waits here, and HTTP/2 cannot be held back"

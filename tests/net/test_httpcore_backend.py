from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import httpx
import pytest
import trio

from harness.clock import now_s
from harness.net import ByteStream, Listener, Network, is_reset
from harness.net.httpcore_backend import NetworkBackend, NetworkStream, transport
from tests.net import certificates, origin
from tests.net.stages import Stage

NO_TIMEOUT = httpx.Timeout(None)


@asynccontextmanager
async def listening(network: Network, serve: Any, *args: Any) -> AsyncIterator[Listener]:
    listener = await network.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, *args, listener)
        yield listener
        nursery.cancel_scope.cancel()


async def each(handler: Any, listener: Listener) -> None:
    await trio.serve_listeners(handler, [listener])


def client_of(network: Network, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport(network, **options), timeout=NO_TIMEOUT)


def test_httpx_reads_what_hypercorn_sends(stage: Stage) -> None:
    async def main() -> httpx.Response:
        async with (
            listening(stage.network, origin.serve, hello) as listener,
            client_of(stage.network) as client,
        ):
            return await client.get(f"http://127.0.0.1:{listener.port}/")

    response = stage.run(main)
    assert (response.status_code, response.text, response.http_version) == (
        200,
        "hello",
        "HTTP/1.1",
    )


async def hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})


def test_the_host_of_a_url_can_be_mapped_to_an_address(stage: Stage) -> None:
    seen = []

    async def tell_host(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"])[b"host"])
        await hello(scope, receive, send)

    async def main() -> None:
        async with listening(stage.network, origin.serve, tell_host) as listener:

            def connect_to(host: str, port: int) -> tuple[str, int]:
                assert (host, port) == ("shop.example", 80)
                return "127.0.0.1", listener.port

            async with client_of(stage.network, connect_to=connect_to) as client:
                await client.get("http://shop.example/")

    stage.run(main)
    assert seen == [b"shop.example"]


def test_an_idle_connection_is_used_again_however_late(stage: Stage) -> None:
    async def main() -> tuple[Any, Any]:
        async with (
            listening(stage.network, origin.serve, hello) as listener,
            client_of(stage.network) as client,
        ):
            url = f"http://127.0.0.1:{listener.port}/"
            first = (await client.get(url)).extensions["network_stream"]
            await trio.sleep(4 if stage.network.is_memory else 0.01)  # Hypercorn closes after 5
            return first, (await client.get(url)).extensions["network_stream"]

    first, second = stage.run(main)
    assert first is second


def test_a_connection_the_server_has_closed_is_not_used_again(stage: Stage) -> None:
    closed: list[trio.Event] = []

    async def once(stream: ByteStream) -> None:
        closed.append(trio.Event())
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await stream.aclose()
        closed[-1].set()

    async def main() -> list[int]:
        async with (
            listening(stage.network, each, once) as listener,
            client_of(stage.network) as client,
        ):
            statuses = []
            for _ in range(3):
                response = await client.get(f"http://127.0.0.1:{listener.port}/")
                statuses.append(response.status_code)
                await closed[-1].wait()
            return statuses

    assert stage.run(main) == [200, 200, 200]


def test_a_client_may_reset_its_connection(stage: Stage) -> None:
    ends: list[Exception] = []
    over = trio.Event()

    async def serve(stream: ByteStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
        try:
            await stream.receive_some()
        except trio.BrokenResourceError as exc:
            ends.append(exc)
        over.set()

    async def main() -> None:
        async with (
            listening(stage.network, each, serve) as listener,
            client_of(stage.network) as client,
            client.stream("GET", f"http://127.0.0.1:{listener.port}/") as response,
        ):
            network_stream = response.extensions["network_stream"]
            assert isinstance(network_stream, NetworkStream)
            network_stream.stream.reset()
            await over.wait()

    stage.run(main)
    assert [is_reset(end) for end in ends] == [True]


@pytest.mark.parametrize(
    ("end", "raised", "by_reset"),
    [
        pytest.param("aclose", httpx.RemoteProtocolError, False, id="truncation"),
        pytest.param("reset", httpx.ReadError, True, id="reset"),
    ],
)
def test_ends_of_a_stream_can_be_told_apart(
    stage: Stage, end: str, raised: type[Exception], by_reset: bool
) -> None:
    async def serve(stream: ByteStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
        if end == "aclose":
            await stream.aclose()
        else:
            stream.reset()

    async def main() -> tuple[bytes, Exception]:
        got = b""
        async with (
            listening(stage.network, each, serve) as listener,
            client_of(stage.network) as client,
            client.stream("GET", f"http://127.0.0.1:{listener.port}/") as response,
        ):
            try:
                async for data in response.aiter_raw():
                    got += data
            except httpx.TransportError as exc:
                return got, exc
        raise AssertionError("the stream ended as if it were whole")

    got, error = stage.run(main)
    assert got == b"first"
    assert isinstance(error, raised)
    assert is_reset(error) is by_reset


def test_nobody_listening_is_a_connect_error(stage: Stage) -> None:
    async def main() -> None:
        listener = await stage.network.listen()
        await listener.aclose()
        async with client_of(stage.network) as client:
            with pytest.raises(httpx.ConnectError, match="refused"):
                await client.get(f"http://127.0.0.1:{listener.port}/")

    stage.run(main)


def test_a_silent_server_is_a_read_timeout(stage: Stage) -> None:
    limit_s = 60.0 if stage.network.is_memory else 0.02

    async def main() -> float:
        async with (
            listening(stage.network, origin.serve, origin.silence) as listener,
            client_of(stage.network) as client,
            client.stream("GET", f"http://127.0.0.1:{listener.port}/") as response,
        ):
            assert response.status_code == 200
            # From here on: a busy machine may be that late with the head.
            response.request.extensions["timeout"]["read"] = limit_s
            began_s = now_s()
            with pytest.raises(httpx.ReadTimeout):
                await response.aread()
            return now_s() - began_s

    took_s = stage.run(main)
    assert took_s == limit_s if stage.network.is_memory else took_s >= limit_s


def test_a_server_that_does_not_read_is_a_write_timeout(stage: Stage) -> None:
    limit_s = 60.0 if stage.network.is_memory else 0.02

    async def serve(_stream: ByteStream) -> None:
        await trio.sleep_forever()

    async def main() -> None:
        async with (
            listening(stage.network, each, serve) as listener,
            client_of(stage.network) as client,
        ):
            with pytest.raises(httpx.WriteTimeout):
                await client.post(
                    f"http://127.0.0.1:{listener.port}/",
                    content=b"x" * 50_000_000,
                    timeout=httpx.Timeout(None, write=limit_s),
                )

    stage.run(main)


def test_each_write_of_the_server_is_read_by_itself() -> None:
    async def serve(stream: ByteStream) -> None:
        await stream.receive_some()
        for data in (b"HTTP/1.1 200 OK\r\n\r\n", b"one", b"two", b"three"):
            await stream.send_all(data)

    async def main() -> list[bytes]:
        stage = Stage("memory")
        async with (
            listening(stage.network, each, serve) as listener,
            client_of(stage.network) as client,
            client.stream("GET", f"http://127.0.0.1:{listener.port}/") as response,
        ):
            return [data async for data in response.aiter_raw()]

    assert Stage("memory").run(main) == [b"one", b"two", b"three"]


class TestTls:
    """https, over both networks and so under the virtual clock too."""

    @pytest.mark.parametrize(
        ("http2", "version"),
        [pytest.param(False, "HTTP/1.1", id="http1"), pytest.param(True, "HTTP/2", id="http2")],
    )
    def test_the_protocol_is_agreed_on(self, stage: Stage, http2: bool, version: str) -> None:
        async def main() -> tuple[str, str, float]:
            listener = await stage.network.listen()
            tls = trio.SSLListener(listener, certificates.server_context(), https_compatible=True)
            trusted = certificates.client_context()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(origin.serve, origin.ticks, tls)
                async with client_of(stage.network, ssl_context=trusted, http2=http2) as client:
                    count = 100 if stage.network.is_memory else 0
                    response = await client.get(f"https://127.0.0.1:{listener.port}/?{count}")
                    lines = str(response.text.count("data: tick"))
                nursery.cancel_scope.cancel()
            return response.http_version, lines, now_s()

        got_version, count, took_s = stage.run(main)
        assert got_version == version
        if stage.network.is_memory:
            assert (count, took_s) == ("100", 100.0)

    def test_an_untrusted_certificate_is_a_connect_error(self, stage: Stage) -> None:
        async def main() -> None:
            listener = await stage.network.listen()
            tls = trio.SSLListener(listener, certificates.server_context(), https_compatible=True)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(origin.serve, hello, tls)
                strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                async with client_of(stage.network, ssl_context=strict) as client:
                    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                        await client.get(f"https://127.0.0.1:{listener.port}/")
                nursery.cancel_scope.cancel()

        stage.run(main)


def test_certificates_are_not_loaded_for_plain_http(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> ssl.SSLContext:
        raise AssertionError("loaded for nothing")

    monkeypatch.setattr("harness.net.httpcore_backend._default_ssl_context", load)

    async def main() -> int:
        async with (
            listening(stage.network, origin.serve, hello) as listener,
            client_of(stage.network) as client,
        ):
            return (await client.get(f"http://127.0.0.1:{listener.port}/")).status_code

    assert stage.run(main) == 200


def test_a_pool_of_httpcore_takes_the_backend_as_it_is(stage: Stage) -> None:
    async def main() -> bytes:
        async with (
            listening(stage.network, origin.serve, hello) as listener,
            httpcore.AsyncConnectionPool(network_backend=NetworkBackend(stage.network)) as pool,
        ):
            response = await pool.request("GET", f"http://127.0.0.1:{listener.port}/")
            return response.content

    assert stage.run(main) == b"hello"

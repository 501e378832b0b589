"""Whatever breaks in a hop ends the case as a HopError; nothing just hangs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from harness.errors import HopError
from tests.testkit.stage import BOTH, CHUNKED, On, Stage, chunk, play


@pytest.mark.parametrize("on", BOTH)
@pytest.mark.parametrize(
    "at", ["RequestHead", "RequestEnd", "ResponseHead", "Data", "UpstreamEnd", "Wake", "ClientGone"]
)
def test_an_exception_in_a_fault_ends_the_case_wherever_it_is_raised(on: On, at: str) -> None:
    async def scene(stage: Stage) -> HopError:
        client = await stage.get()
        if at not in {"RequestHead", "RequestEnd"}:
            target = await stage.accept()
            await target.head()
            await target.send(CHUNKED, chunk(b"data"))
            match at:
                case "UpstreamEnd":
                    await target.close()
                case "ClientGone":
                    await client.until(b"data")
                    await client.close()
                case _:
                    pass
        return await stage.a_hop_breaks()

    error = play(scene, [{}, {"raises": {"at": at}}, {}], on=on)
    assert error.hop == 2
    assert re.fullmatch(rf"ZeroDivisionError: at {at} \(stage_faults.py:\d+\)", error.message)


def test_an_exception_in_an_attempt_under_way_ends_the_case() -> None:
    async def scene(stage: Stage) -> HopError:
        await stage.close_target()
        await stage.get()
        return await stage.a_hop_breaks()

    assert play(scene, [{"raises": {"at": "UpstreamEnd"}}]).hop == 1


def test_an_exception_in_mitmproxy_itself_is_named() -> None:
    async def scene(stage: Stage) -> HopError:
        client = await stage.connect()
        # mitmproxy's own HTTP layer, which a script runs in, knows no trailers.
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"
        )
        return await stage.a_hop_breaks()

    error = play(scene)
    assert error.hop == 1
    assert re.fullmatch(r"NotImplementedError: HTTP trailers .* \(_http1.py:\d+\)", error.message)


def test_an_error_mitmproxy_only_logs_ends_the_case() -> None:
    async def scene(stage: Stage) -> HopError:
        logging.getLogger("mitmproxy.addonmanager").error("Addon error: boom")
        return await stage.a_hop_breaks()

    assert "boom" in str(play(scene))


def test_what_mitmproxy_logs_goes_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(stage: Stage) -> None:
        logging.getLogger("mitmproxy.addonmanager").error("boom")
        await stage.a_hop_breaks()

    play(scene)
    assert caplog.records == []
    logging.getLogger("mitmproxy.addonmanager").error("after the case")
    assert [it.getMessage() for it in caplog.records] == ["after the case"]


def test_a_fault_that_breaks_does_not_take_the_run_down(tmp_path: Path) -> None:
    async def broken(stage: Stage) -> HopError:
        await stage.get()
        return await stage.a_hop_breaks()

    async def whole(stage: Stage) -> bytes:
        client, target = await stage.streaming()
        await target.send(chunk(b"data"))
        return await client.chunks(b"data")

    assert play(broken, [{"raises": {"at": "RequestHead"}}]).hop == 1
    assert play(whole) == b"data"

"""How the client leaves, and how it is cancelled, whatever it is doing."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from harness.clock import run
from harness.ends.client import EventSourceClient
from harness.model import journal
from harness.model.scenario import EventSource
from harness.net import ByteStream, Sockets
from harness.wire.sse import Event
from tests.ends.client_server import (
    CHUNKED,
    GOODBYE,
    STREAM,
    URL,
    Heard,
    Script,
    Show,
    Step,
    head,
    play,
    talk,
)

EVENT = b"data: 1\n\n"


def leave(by: str, at_s: float = 3.0) -> dict[str, Any]:
    return {"leave": {"at_s": at_s, "by": by}}


# -- leaving ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_the_server_sees_how_the_client_leaves(by: str) -> None:
    show = play((STREAM, EVENT, "hold"), **leave(by))
    assert show.tail == ["0 read 1: 0+9", f"3 left 1: {by}", "3 left 1", "3 done: left"]
    assert (show.heard[0].gone, show.heard[0].gone_s) == (by, 3.0)


@pytest.mark.parametrize("by", ["fin", "rst"])
@pytest.mark.parametrize("seed", range(8))
def test_bytes_that_come_in_that_instant_do_not_change_how(by: str, seed: int) -> None:
    beats: list[Step] = [1.0, EVENT]
    show = play((STREAM, *beats * 3, "hold"), seed=seed, **leave(by))
    assert show.heard[0].gone == by


def test_leaving_with_bytes_unread_is_a_fin_all_the_same() -> None:
    show = play(
        (STREAM, EVENT * 100, "hold"), reads={"bytes_per_read": 100, "every_s": 1.0}, **leave("fin")
    )
    assert (show.heard[0].gone, show.heard[0].gone_s) == ("fin", 3.0)


def test_half_closed_it_reads_on_to_the_end() -> None:
    show = play((STREAM, EVENT, 5.0, EVENT, 5.0, EVENT, "fin"), **leave("half-close"))
    assert show.tail == [
        "0 read 1: 0+9",
        "3 left 1: half-close",
        "5 read 1: 9+9",
        "10 read 1: 18+9",
        "10 end 1",
        "10 done: left",
    ]


def test_the_server_sees_a_half_close_as_a_fin() -> None:
    show = play((STREAM, EVENT, "hold"), **leave("half-close"))
    assert (show.heard[0].gone, show.heard[0].gone_s) == ("fin", 3.0)
    assert show.tail[-2:] == ["3 end 1", "3 done: left"]


@pytest.mark.parametrize(("end", "how"), [("fin", "truncation"), ("rst", "reset")])
def test_half_closed_it_takes_any_end(end: Any, how: str) -> None:
    show = play((CHUNKED, b"9\r\n" + EVENT, 5.0, end), **leave("half-close"))
    assert show.tail[-3:] == ["3 left 1: half-close", f"5 {how} 1", "5 done: left"]


def test_half_closed_it_follows_no_redirect() -> None:
    show = play((5.0, head(302, "Location: /there"), "hold"), GOODBYE, **leave("half-close"))
    assert show.lines[-2:] == ["5 left 1", "5 done: left"]
    assert len(show.heard) == 1


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
def test_between_two_connections_it_is_just_done(by: str) -> None:
    show = play((STREAM, b"retry: 5000\n\n", "fin"), GOODBYE, **leave(by))
    assert show.lines[-2:] == ["0 wait 5", "3 done: left"]
    assert len(show.heard) == 1


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
def test_before_it_starts_it_is_just_done(by: str) -> None:
    assert play(GOODBYE, start_s=5.0, **leave(by)).lines == ["3 done: left"]


@pytest.mark.parametrize(("by", "is_told"), [("fin", "fin"), ("rst", "rst"), ("half-close", "fin")])
def test_it_leaves_while_it_connects(by: str, is_told: str) -> None:
    show = play("never accept", **leave(by))
    assert show.lines == ["0 request 1", f"3 left 1: {is_told}", "3 left 1", "3 done: left"]


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_it_leaves_before_the_head(by: str) -> None:
    show = play(("hold",), **leave(by))
    assert show.lines == ["0 request 1", f"3 left 1: {by}", "3 left 1", "3 done: left"]
    assert (show.heard[0].gone, show.heard[0].gone_s) == (by, 3.0)


@pytest.mark.parametrize(("by", "is_told"), [("fin", "fin"), ("rst", "rst"), ("half-close", "fin")])
def test_it_leaves_while_it_sends(by: str, is_told: str) -> None:
    show = play("never read", method="POST", body="x" * 200_000, **leave(by))
    assert show.lines == ["0 request 1", f"3 left 1: {is_told}", "3 left 1", "3 done: left"]


def test_what_is_over_before_stays_over() -> None:
    assert play(GOODBYE, **leave("fin")).lines[-1] == "0 done: told to stop"


def test_a_case_that_has_gone_on_for_long_is_left_at_once() -> None:
    show = play((STREAM, "hold"), start_s=5.0, **leave("rst", at_s=0.0))
    assert show.lines == ["0 done: left"]


# -- cancelled by the stage ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "spec"),
    [
        ("never accept", {}),
        ("never read", {"method": "POST", "body": "x" * 200_000}),
        (("hold",), {}),
        ((STREAM, "hold"), {}),
        ((STREAM, EVENT, "hold"), {}),
        ((STREAM, EVENT * 99, "hold"), {"reads": {"bytes_per_read": 80, "every_s": 100.0}}),
        ((STREAM, EVENT, "hold"), {"leave": {"at_s": 50.0}}),
    ],
)
def test_cancelled_it_leaves_the_journal_with_an_open_response(
    script: Script, spec: dict[str, Any]
) -> None:
    show = play(script, until_s=2.0, **spec)
    assert show.lines[-1] == "2 open 1"
    if isinstance(script, tuple):
        assert show.heard[0].gone_s == 2.0


def test_cancelled_while_it_waits_it_adds_nothing() -> None:
    assert play("refuse", until_s=2.0).lines == ["0 request 1", "0 refused 1", "0 wait 3"]


def test_cancelled_when_half_closed_the_response_is_open() -> None:
    show = play((STREAM, 10.0, "fin"), until_s=5.0, **leave("half-close"))
    assert show.tail == ["3 left 1: half-close", "5 open 1"]


def test_the_end_is_journalled_before_the_connection_closes() -> None:
    seen: list[list[str]] = []

    async def handler(stream: ByteStream, script: Script, heard: Heard, show: Show) -> None:
        await talk(stream, script, heard, show)
        seen.append(show.lines[-1:])

    play((STREAM, "hold"), until_s=2.0, handler=handler)
    assert seen == [["2 open 1"]]


# -- on sockets ------------------------------------------------------------------------------------

# Far more than it takes to connect and to read one event.
CONNECTED_S = 0.5


@pytest.mark.parametrize("by", ["fin", "rst", "half-close"])
def test_sockets_show_the_same(by: str) -> None:
    show = Show()
    heard = Heard(0.0)
    gone = trio.Event()

    async def serve(stream: ByteStream) -> None:
        try:
            await talk(stream, (STREAM, EVENT, "hold"), heard, show)
        except trio.BrokenResourceError:
            heard.gone = "rst"
        await stream.aclose()
        gone.set()

    async def main() -> None:
        network = Sockets()
        async with await network.listen() as listener, trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            client = EventSourceClient(
                EventSource.model_validate(leave(by, at_s=CONNECTED_S)),
                1,
                URL,
                network=network,
                entry=listener.address,
                record=show.record,
                now_s=trio.current_time,
                went_around=show.around.append,
            )
            await client.run()
            await gone.wait()
            nursery.cancel_scope.cancel()

    run(main, clock="real", seed=0, budget_s=30, wall_limit_s=30)
    assert heard.gone == ("rst" if by == "rst" else "fin")
    assert [it.by for it in show.of(journal.ClientLeft)] == [by]
    assert [it.reason for it in show.of(journal.ClientDone)] == ["left"]


# -- the end marker --------------------------------------------------------------------------------


def _is_done(event: Event) -> bool:
    return event.data == "[DONE]"


def test_who_is_told_that_there_is_nothing_more_does_not_come_back() -> None:
    show = play((STREAM, b"id: a\ndata: 1\n\n", 2.0, b"data: [DONE]\n\n", "fin"), is_last=_is_done)
    assert show.lines[-2:] == ["2 end 1", "2 done: told that there is nothing more"]


def test_who_is_told_that_there_is_nothing_more_leaves_a_server_that_goes_on() -> None:
    show = play(
        (STREAM, b"data: 1\n\n", 2.0, b"data: [DONE]\n\n", 60.0, b"data: 2\n\n"), is_last=_is_done
    )
    assert show.lines[-3:] == [
        "3 left 1: fin",
        "3 left 1",
        "3 done: told that there is nothing more",
    ]


def test_who_is_not_told_so_comes_back() -> None:
    show = play((STREAM, b"data: 1\n\n", "fin"), GOODBYE, is_last=_is_done)
    assert "3 request 2" in show.lines

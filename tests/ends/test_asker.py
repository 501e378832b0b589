"""A client that asks once, as whoever stands before the target would ask it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from harness.clock import run
from harness.ends.asker import Asker, Asking, request_of
from harness.ends.tap import Tap
from harness.model import journal
from harness.model.ask import Ask
from harness.model.journal import Entry
from harness.model.scenario import Target
from harness.net import Memory

URL = "http://target.test:81/events?a=b"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Met:
    """What the target got, and what the tap saw."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.asked = b""
        self.over_s = -1.0

    def of[E: Entry](self, kind: type[E]) -> list[E]:
        return [it for it in self.entries if isinstance(it, kind)]


def ask(
    how: Ask,
    target: Target | None = None,
    *,
    is_enough: Callable[[float], bool] = lambda _now_s: False,
    ends_s: float | None = 3.0,
    leaving_s: float = 0.0,
    notices: bool = True,
) -> Met:
    met = Met()

    async def main() -> None:
        network = Memory()
        async with trio.open_nursery() as nursery:
            listener = await network.listen()
            tap = Tap(network, listener.address, met.entries.append)
            entry = await nursery.start(tap.serve)
            nursery.start_soon(serve, listener)
            await Asker(
                Asking(how, lambda: False, is_enough, leaving_s),
                target or Target(url=URL),
                URL,
                network=network,
                entry=entry.address,
                record=met.entries.append,
                now_s=trio.current_time,
            ).run()
            met.over_s = trio.current_time()
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    async def serve(listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> None:
        stream = await listener.accept()
        met.asked += bytes(await stream.receive_some())
        await stream.send_all(ANSWER)
        with trio.move_on_after(1e6 if ends_s is None else ends_s):
            await stream.receive_some()
            if not notices:
                await trio.sleep_forever()
        await trio.aclose_forcefully(stream)

    run(main, clock="virtual", seed=0, budget_s=1000, wall_limit_s=20)
    return met


def head_of(met: Met) -> list[str]:
    return met.asked.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_it_asks_as_a_browser_does() -> None:
    met = ask(Ask())

    line, *fields = head_of(met)
    assert line == "GET /events?a=b HTTP/1.1"
    assert "Host: target.test:81" in fields
    assert "Accept: text/event-stream" in fields
    assert "Accept-Encoding: gzip, deflate, br, zstd" in fields
    assert met.over_s == 3.0


def test_it_asks_in_another_version() -> None:
    line, *fields = head_of(ask(Ask(version="HTTP/1.0")))

    assert line == "GET /events?a=b HTTP/1.0"
    assert "Connection: close" in fields


def test_it_takes_other_codings_and_resumes() -> None:
    _, *fields = head_of(ask(Ask(accept_encoding=None, last_event_id="7")))

    assert not any(it.startswith("Accept-Encoding") for it in fields)
    assert "Last-Event-ID: 7" in fields


def test_it_sends_method_fields_and_body_of_the_target() -> None:
    target = Target(url=URL, method="POST", body='{"q": "é"}', headers=(("X-Own", "1"),))
    met = ask(Ask(), target)

    line, *fields = head_of(met)
    assert line == "POST /events?a=b HTTP/1.1"
    assert "X-Own: 1" in fields
    assert "Content-Length: 11" in fields
    assert met.asked.endswith('\r\n\r\n{"q": "é"}'.encode())


def test_it_leaves_when_enough_is_known() -> None:
    met = ask(Ask(), is_enough=lambda now_s: now_s >= 5.0, ends_s=None)

    assert 5.0 <= met.over_s < 5.2
    assert met.of(journal.TapEnd)[0].by == "downstream"


def test_who_leaves_waits_until_the_target_has_noticed() -> None:
    met = ask(Ask(), is_enough=lambda now_s: now_s >= 5.0, ends_s=None, leaving_s=3.0)

    assert 5.0 <= met.over_s < 5.2
    assert [it.by for it in met.of(journal.ClientLeft)] == ["fin"]
    assert [(it.by, it.how) for it in met.of(journal.TapEnd)] == [
        ("downstream", "fin"),
        ("target", "end"),
    ]


def test_and_no_longer_than_it_may_take() -> None:
    met = ask(
        Ask(),
        is_enough=lambda now_s: now_s >= 5.0,
        ends_s=None,
        leaving_s=3.0,
        notices=False,
    )

    assert 8.0 <= met.over_s < 8.2
    assert [it.by for it in met.of(journal.TapEnd)][:1] == ["downstream"]


def test_its_request_is_in_the_journal_without_secrets() -> None:
    target = Target(url=URL, headers=(("Authorization", "Bearer hush"),))
    met = ask(Ask(), target)

    assert "Authorization: Bearer hush" in head_of(met)
    assert b"hush" not in b"".join(journal.encode(it) for it in met.entries)
    assert [it.method for it in met.of(journal.ClientRequest)] == ["GET"]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_the_request_is_known_before_it_is_sent(version: str) -> None:
    request = request_of(Ask(version=version), Target(url=URL), URL)

    met = ask(Ask(version=version))
    assert [f"{name}: {val}" for name, val in request.headers] == head_of(met)[1:]
    assert (request.method, request.target) == ("GET", "/events?a=b")

"""A user's mitmproxy addon is a hop like any other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from harness.model import journal
from tests.testkit.stage import CHUNKED, Stage, Yaml, asking, chunk, play

type Write = Callable[[str], Path]


SCRIPT: Yaml = {"script": "addon.py"}


def test_a_module_with_hooks_is_an_addon(write: Write) -> None:
    base = write("""
        def request(flow):
            flow.request.headers["X-Seen"] = flow.request.path

        def responseheaders(flow):
            flow.response.headers["X-Back"] = "yes"
    """)

    async def scene(stage: Stage) -> None:
        client = await stage.get("/a")
        target = await stage.accept()
        assert b"\r\nX-Seen: /a\r\n" in await target.head()
        await target.send(CHUNKED)
        assert b"\r\nX-Back: yes\r\n" in await client.head()

    play(scene, [SCRIPT], base=base)


def test_a_list_of_addons_is_run_in_order(write: Write) -> None:
    base = write("""
        class Adds:
            def __init__(self, letter):
                self.letter = letter
                self.name = letter

            def request(self, flow):
                flow.request.headers["X-Way"] = flow.request.headers.get("X-Way", "") + self.letter

        addons = [Adds("a"), Adds("b")]
    """)

    async def scene(stage: Stage) -> None:
        await stage.get()
        assert b"\r\nX-Way: ab\r\n" in await (await stage.accept()).head()

    play(scene, [SCRIPT], base=base)


def test_an_async_hook_is_waited_for_on_the_clock_of_the_case(write: Write) -> None:
    base = write("""
        import asyncio

        async def request(flow):
            await asyncio.sleep(600)
    """)

    async def scene(stage: Stage) -> None:
        await stage.get()
        await (await stage.accept()).head()
        assert stage.now_s() == 600

    play(scene, [SCRIPT], base=base)


def test_every_hook_of_an_addons_life_is_run(write: Write, tmp_path: Path) -> None:
    base = write(f"""
        from pathlib import Path
        from mitmproxy import ctx

        seen = []

        def load(loader):
            loader.add_option("stretch", int, 7, "an option of its own")
            seen.append("load")

        def configure(updated):
            if "stretch" in updated:
                seen.append(f"configure {{ctx.options.stretch}}")

        async def running():
            seen.append("running")

        def client_connected(client):
            seen.append("client_connected")

        def request(flow):
            seen.append("request")

        def update(flows):
            seen.append(f"update {{len(flows)}}")

        def server_connected(data):
            seen.append("server_connected")

        def done():
            Path({str(tmp_path / "seen")!r}).write_text(",".join(seen))
    """)

    async def scene(stage: Stage) -> None:
        await stage.get()
        await (await stage.accept()).head()

    play(scene, [SCRIPT], base=base)
    assert (tmp_path / "seen").read_text().split(",") == [
        "load",
        "configure 7",
        "running",
        "client_connected",
        "update 1",
        "request",
        "update 1",
        "server_connected",
    ]


@pytest.mark.parametrize(("says", "comes_s"), [("None", 0), ("True", 0), ("False", 10)])
def test_an_event_stream_is_streamed_unless_the_addon_says_otherwise(
    write: Write, says: str, comes_s: float
) -> None:
    base = write(f"""
        def responseheaders(flow):
            if {says} is not None:
                flow.response.stream = {says}
    """)

    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(CHUNKED, chunk(b"data: 1\n\n"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.until, b"data: 1\n\n")
            await trio.sleep(10)
            await target.send(chunk(b""))
        writes = [it for it in stage.entries(journal.HopBytes) if it.side == "down" and it.body]
        assert writes[0].t_s == comes_s

    play(scene, [SCRIPT], base=base)


def test_a_response_the_addon_sets_is_the_response(write: Write) -> None:
    base = write("""
        from mitmproxy import http

        def request(flow):
            flow.response = http.Response.make(403, b"not you", {"X-By": "addon"})
    """)

    async def scene(stage: Stage) -> None:
        client = await stage.get()
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert b"X-By: addon\r\n" in head
        assert await client.until(b"not you") == b"not you"
        with trio.move_on_after(1) as scope:
            await stage.accept()
        assert scope.cancelled_caught

    play(scene, [SCRIPT], base=base)


def test_a_stream_callable_may_change_hold_and_split_the_body(write: Write) -> None:
    base = write("""
        def responseheaders(flow):
            held = []

            def change(data):
                held.append(data)
                if len(held) % 2 and data:
                    return []
                whole = b"".join(held).upper()
                held.clear()
                return [whole[:2], whole[2:]] if whole else whole

            flow.response.stream = change
    """)

    async def scene(stage: Stage) -> None:
        assert await stage.stream(b"ab", b"cd", b"ef", b"gh") == b"ABCDEFGH"

    play(scene, [{}, SCRIPT], base=base)


def test_an_addon_sees_the_flows_of_its_own_hop_only(write: Write) -> None:
    base = write("""
        count = 0

        def request(flow):
            global count
            count += 1
            flow.request.headers["X-Count"] = f"{flow.request.headers.get('X-Count', '')}{count}"
    """)

    async def scene(stage: Stage) -> None:
        client = await stage.connect()
        for number in (b"1", b"2"):
            await client.send(asking())
            target = await stage.accept()
            assert b"\r\nX-Count: " + number * 2 + b"\r\n" in await target.head()
            await target.send(b"HTTP/1.1 204 No\r\n\r\n")
            await client.head()

    play(scene, [SCRIPT, {}, SCRIPT], base=base)


def test_one_file_with_a_list_of_addons_may_stand_at_two_hops(write: Write) -> None:
    base = write("""
        class Marks:
            def request(self, flow):
                flow.request.headers.add("X-Mark", "1")

        addons = [Marks()]
    """)

    async def scene(stage: Stage) -> None:
        await stage.get()
        assert (await (await stage.accept()).head()).count(b"X-Mark: 1\r\n") == 2

    play(scene, [SCRIPT, SCRIPT], base=base)


UNLESS = ("buffer", {"block": "4KiB", "unless_response_header": {"X-Mine": "1"}})


@pytest.mark.parametrize(
    ("through", "outcome"),
    [([("script", "addon.py"), UNLESS], "defeated"), ([UNLESS, ("script", "addon.py")], "fired")],
    ids=["after", "before"],
)
def test_faults_stand_before_and_after_an_addon(write: Write, through: Yaml, outcome: str) -> None:
    base = write("""
        def responseheaders(flow):
            flow.response.headers["X-Mine"] = "1"
    """)

    async def scene(stage: Stage) -> None:
        _, target = await stage.streaming()
        await target.send(chunk(b"data: 1\n\n"))
        await trio.sleep(1)
        assert stage.notes() == [(1, "buffer", outcome)]

    play(scene, [through], base=base)


def test_a_hop_with_a_script_is_one_hop_in_the_journal(write: Write) -> None:
    base = write("")

    async def scene(stage: Stage) -> None:
        await stage.stream(b"data: 1\n\n")
        stage.close_case()
        assert [it.x for it in stage.entries(journal.HopRequest)] == [1]
        assert [it.x for it in stage.entries(journal.HopAttempt)] == [1]
        assert [it.x for it in stage.entries(journal.HopHead)] == [1]
        assert [it.x for it in stage.entries(journal.HopEnd)] == [1]
        notes = stage.entries(journal.FaultNote)
        assert {(it.fault, it.name) for it in notes} == {(0, "idle_timeout"), (2, "max_duration")}

    limits = [
        ("idle_timeout", {"after": "60s"}),
        ("script", "addon.py"),
        ("max_duration", {"after": "60s"}),
    ]
    play(scene, [limits], base=base)


def test_a_limit_acts_through_an_addon(write: Write) -> None:
    base = write("")

    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        assert await client.rest() == (b"", "fin")
        assert stage.now_s() == 30.001
        assert await target.end() == "fin"

    play(scene, [[("idle_timeout", {"after": "30s"}), ("script", "addon.py")]], base=base)


def test_upstream_is_closed_through_an_addon_when_the_client_goes(write: Write) -> None:
    async def scene(stage: Stage) -> None:
        client, target = await stage.streaming()
        await client.close()
        assert await target.end() == "fin"
        assert stage.now_s() == 0

    play(scene, [SCRIPT], base=write(""))


@pytest.mark.parametrize("hook", ["request", "responseheaders"])
def test_a_flow_the_addon_kills_is_a_truncation(write: Write, hook: str) -> None:
    base = write(f"""
        def {hook}(flow):
            flow.kill()
    """)

    async def scene(stage: Stage) -> None:
        client = await stage.get()
        if hook == "responseheaders":
            target = await stage.accept()
            await target.head()
            await target.send(CHUNKED, chunk(b"data"))
        assert await client.rest() == (b"", "fin")
        assert [it.how for it in stage.entries(journal.HopEnd)] == ["truncation"]
        assert stage.entries(journal.HopForwardedHead) == []

    play(scene, [SCRIPT], base=base)


def test_trailers_and_early_hints_do_not_reach_an_addon(write: Write) -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + CHUNKED + chunk(b"one"))
        await target.send(b"0\r\nX-Sum: 1\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.until(chunk(b"")) == chunk(b"one") + chunk(b"")

    play(scene, [SCRIPT], base=write(""))


def test_an_addon_may_halt_the_others(write: Write) -> None:
    base = write("""
        from mitmproxy.exceptions import AddonHalt

        def request(flow):
            raise AddonHalt
    """)

    async def scene(stage: Stage) -> None:
        assert await stage.stream(b"data: 1\n\n") == b"data: 1\n\n"

    play(scene, [SCRIPT], base=base)


def test_a_script_may_import_its_neighbours_and_have_dataclasses(write: Write) -> None:
    base = write("""
        from __future__ import annotations
        from dataclasses import dataclass
        from neighbour_of_the_addon import NAME

        @dataclass
        class Mark:
            value: str

        def request(flow):
            flow.request.headers[NAME] = Mark("1").value
    """)
    (base / "neighbour_of_the_addon.py").write_text("NAME = 'X-Mark'\n")

    async def scene(stage: Stage) -> None:
        await stage.get()
        assert b"\r\nX-Mark: 1\r\n" in await (await stage.accept()).head()

    play(scene, [SCRIPT], base=base)
    sys.modules.pop("neighbour_of_the_addon")

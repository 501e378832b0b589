"""Applications of the user's on the stage: clock, threads, lifespan, and what goes wrong."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.engine.case import perform
from harness.engine.judge import digest
from harness.engine.stage import Props
from harness.model import journal
from harness.model.journal import Journal
from harness.model.target import App, Target
from harness.model.verdict import CaseVerdict
from tests.engine.performing import Performance, case_of, performance_of

HEAD = """
import anyio, asyncio, contextlib, socket, threading, time
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
def stream(tell):
    async def endpoint(request):
        return StreamingResponse(tell(), media_type="text/event-stream")
    return endpoint
"""
TICKS = """
async def tick():
    for n in range(1, 100):
        yield f"id: {n}\\ndata: {n}\\n\\n"
        await SLEEP(10)
app = Starlette(routes=[Route("/events", stream(tick))])
"""
QUIETLY = {"expect": {"events_parse": True}, "traffic": None, "watch": "600s"}


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("application", None)


def performed(
    folder: Path, text: str, clock: Literal["real", "virtual"] = "virtual", **scenario: Any
) -> Performance:
    (folder / "application.py").write_text(text)
    target = Target(url="http://127.0.0.1/events", app=App(name="application:app", cwd=str(folder)))
    case = case_of(clock=clock, target=target, **{**QUIETLY, **scenario})
    return performance_of(case, folder)


def events(entries: Journal) -> list[bytes]:
    reads = [it for it in entries if isinstance(it, journal.ClientRead)]
    return [it.payload.content() or b"" for it in reads]


def error(verdict: CaseVerdict) -> str:
    (found,) = verdict.findings
    assert (verdict.outcome, found.check) == ("ERROR", "target")
    return found.observed


@pytest.mark.parametrize("sleep", ["asyncio.sleep", "anyio.sleep"])
def test_minutes_of_an_asyncio_application_pass_at_once(sleep: str, tmp_path: Path) -> None:
    done = performed(tmp_path, HEAD + TICKS.replace("SLEEP", sleep))

    assert done.verdict.outcome == "PASS", done.verdict
    assert len(events(done.journal)) == 60
    assert done.verdict.simulated_s == 600.0
    assert done.verdict.wall_s < 30.0


def test_a_trio_application_needs_no_asyncio(tmp_path: Path) -> None:
    text = HEAD.replace("asyncio, ", "") + "import trio\n" + TICKS.replace("SLEEP", "trio.sleep")
    assert len(events(performed(tmp_path, text).journal)) == 60


def test_the_same_case_gives_the_same_journal(tmp_path: Path) -> None:
    text = HEAD + "ready = asyncio.Event()\n" + TICKS.replace("SLEEP", "asyncio.sleep").replace(
        "    for n", "    ready.set(); await ready.wait()\n    for n"
    )  # fmt: skip
    done = [
        performed(tmp_path, text, watch="100s", through=[{"latency": {"delay": "20ms"}}])
        for _ in range(3)
    ]
    assert len({digest(it.journal) for it in done}) == 1
    assert len(events(done[0].journal)) >= 1


def test_a_synchronous_endpoint_runs_in_a_thread_and_moves_no_clock(tmp_path: Path) -> None:
    text = HEAD + """
def tick():
    for n in range(1, 4):
        time.sleep(0.05)
        yield f"data: {threading.current_thread() is threading.main_thread()}\\n\\n"
app = Starlette(routes=[Route("/events", stream(tick))])
"""  # fmt: skip
    done = performed(tmp_path, text, client={"eventsource": {"reconnect": False}})
    assert b"".join(events(done.journal)) == b"data: False\n\n" * 3
    assert done.verdict.simulated_s < 10.0


def test_an_endless_stream_that_a_thread_tells_has_the_times_of_the_real_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.clock.clocks.MOST_IN_THREADS_S", 0.2)
    text = HEAD + """
def tick():
    while True:
        yield "data: 1\\n\\n"
        time.sleep(0.1)
app = Starlette(routes=[Route("/events", stream(tick))])
"""  # fmt: skip
    done = performed(tmp_path, text, watch="1s")
    assert done.journal.case.clock == "real"
    assert done.verdict.note == "moved to the real clock: works in threads, which take real time"
    reads = [it.t_s for it in done.journal if isinstance(it, journal.ClientRead)]
    assert len(reads) >= 2
    assert reads[-1] - reads[0] >= 0.1 * (len(reads) - 1) - 0.05


def test_a_startup_that_takes_its_time_in_a_thread_is_no_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.clock.clocks.MOST_IN_THREADS_S", 0.3)
    text = HEAD + TICKS.replace("SLEEP", "asyncio.sleep").replace("app = ", """
@contextlib.asynccontextmanager
async def lifespan(app):
    for _ in range(4):
        await anyio.to_thread.run_sync(time.sleep, 0.05)
    yield
app = """).replace("))])", "))], lifespan=lifespan)")  # fmt: skip
    assert performed(tmp_path, text).journal.case.clock == "virtual"


def test_its_lifespan_is_around_the_case(tmp_path: Path) -> None:
    text = HEAD + """
@contextlib.asynccontextmanager
async def lifespan(app):
    with open("up", "a") as file:
        file.write("up ")
    yield {"told": "by the lifespan"}
    with open("up", "a") as file:
        file.write("down ")
async def endpoint(request):
    async def tell():
        yield f"data: {request.state.told}\\n\\n"
        await asyncio.sleep(3600)
    return StreamingResponse(tell(), media_type="text/event-stream")
app = Starlette(routes=[Route("/events", endpoint)], lifespan=lifespan)
""".replace('"up"', repr(str(tmp_path / "up")))  # fmt: skip
    for _ in range(2):
        assert events(performed(tmp_path, text).journal) == [b"data: by the lifespan\n\n"]
    assert (tmp_path / "up").read_text() == "up down up down "


def test_a_startup_that_fails_is_the_targets_error(tmp_path: Path) -> None:
    text = HEAD + """
@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield
app = Starlette(lifespan=lifespan)
"""  # fmt: skip
    said = error(performed(tmp_path, text).verdict)
    assert said.startswith("--app application:app: its lifespan: ")
    assert "RuntimeError: no database" in said
    assert "\n" not in said


def test_a_module_that_raises_is_the_targets_error(tmp_path: Path) -> None:
    said = error(performed(tmp_path, "raise RuntimeError('not today')").verdict)
    assert said == "--app application:app: RuntimeError: not today"


def test_what_it_raises_is_a_remark_of_the_case(tmp_path: Path) -> None:
    text = HEAD + """
async def tick():
    yield "data: 1\\n\\n"
    raise ValueError("in the middle")
app = Starlette(routes=[Route("/events", stream(tick))])
"""  # fmt: skip
    done = performed(tmp_path, text, client={"eventsource": {"reconnect": False}})
    assert done.verdict.note == "application:app raised ValueError: in the middle"
    ends = [it.how for it in done.journal if isinstance(it, journal.TapEnd)]
    assert ends == ["truncation"]


def test_an_application_that_talks_to_somebody_is_moved_to_the_real_clock(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = HEAD + f"""
async def tick():
    reader, writer = await asyncio.open_connection("127.0.0.1", {port})
    writer.close()
    yield "data: 1\\n\\n"
app = Starlette(routes=[Route("/events", stream(tick))])
"""  # fmt: skip
        done = performed(tmp_path, text, watch="900ms")
    assert done.journal.case.clock == "real"
    assert done.verdict.note == f"moved to the real clock: connect to 127.0.0.1:{port}"
    assert events(done.journal)[0] == b"data: 1\n\n"


def test_on_the_real_clock_it_is_met_over_sockets(tmp_path: Path) -> None:
    text = HEAD + TICKS.replace("SLEEP", "asyncio.sleep").replace("(10)", "(0.1)")
    done = performed(tmp_path, text, "real", watch="500ms")
    assert done.verdict.outcome == "PASS", done.verdict
    assert len(events(done.journal)) >= 2


PRINTING = (
    HEAD
    + """
import logging, sys, warnings
handler = logging.StreamHandler()
log = logging.getLogger("theirs")
log.handlers[:] = [handler]
print("at import")
def aloud(what):
    print("in a thread", what)
async def tick():
    print("told", end=" ")
    print("in two parts")
    log.warning("by a handler")
    sys.stderr.buffer.write("as bytes é\\n".encode())
    print("hunter22-é is the password")
    await anyio.to_thread.run_sync(aloud, 1)
    thread = threading.Thread(target=aloud, args=(2,))
    thread.start()
    thread.join()
    yield "data: 1\\n\\n"
    sys.stdout.write("without an end")
    sys.stdout.close()
app = Starlette(routes=[Route("/events", stream(tick))])
"""
)


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_what_it_prints_is_kept_as_the_output_of_a_command_is(
    clock: Literal["real", "virtual"], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (tmp_path / "application.py").write_text(PRINTING)
        env = (("DB_PASSWORD", "hunter22-é"),)
        app = App(name="application:app", cwd=str(tmp_path), env=env)
        target = Target(url="http://127.0.0.1/events", app=app)
        quietly: dict[str, Any] = {**QUIETLY, "watch": "900ms"}
        case = case_of(clock=clock, target=target, **quietly)
        perform(case, Props(programs=folder), None)

        assert (folder / "target" / "log.txt").read_text() == (
            "at import\n"
            "told in two parts\n"
            "by a handler\n"
            "as bytes é\n"
            "[redacted] is the password\n"
            "in a thread 1\n"
            "in a thread 2\n"
            "without an end"
        )
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    sys.stdout.write("ours again\n")
    assert capfd.readouterr().out == "ours again\n"

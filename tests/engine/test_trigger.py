"""Quiet targets that are made to speak, by a request or a command beside the chain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.model import journal
from harness.model.journal import Journal
from harness.model.target import App, Target, Trigger
from tests.engine.performing import Performance, case_of, performance_of

QUIET = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
news = asyncio.Queue()
async def events(request):
    async def tell():
        while True:
            yield f"data: {await news.get()}\\n\\n"
    return StreamingResponse(tell(), media_type="text/event-stream")
async def notify(request):
    said = request.headers.get("x-said", "") + (await request.body()).decode()
    news.put_nowait(said)
    return PlainTextResponse("", status_code=int(request.query_params.get("status", 204)))
routes = [Route("/events", events), Route("/notify", notify, methods=["POST", "PUT"])]
app = Starlette(routes=routes)
"""


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("quiet", None)


def performed(
    folder: Path, clock: Literal["real", "virtual"] = "virtual", watch: str = "10s", **trigger: Any
) -> Performance:
    (folder / "quiet.py").write_text(QUIET)
    target = Target(
        url="http://127.0.0.1/events",
        app=App(name="quiet:app", cwd=str(folder)),
        trigger=Trigger(**trigger),
    )
    case = case_of(
        clock=clock, target=target, expect={"events_parse": True}, traffic=None, watch=watch
    )
    return performance_of(case, folder)


def heard(entries: Journal) -> list[tuple[float, bytes | None]]:
    """What came to the client, and when."""
    reads = [it for it in entries if isinstance(it, journal.ClientRead)]
    return [(round(it.t_s, 3), it.payload.content()) for it in reads]


def test_a_request_makes_it_speak_once_its_stream_is_open(tmp_path: Path) -> None:
    done = performed(tmp_path, url="/notify", headers=(("X-Said", "a"),), body="b", after_s=2.0)

    assert heard(done.journal) == [(2.0, b"data: ab\n\n")]
    assert done.verdict.outcome == "PASS"
    # Not through the tap: it is no exchange of the stream's.
    asked = [it.target for it in done.journal if isinstance(it, journal.TapRequest)]
    assert asked == ["/events"]


def test_it_is_pulled_as_often_as_it_says(tmp_path: Path) -> None:
    done = performed(tmp_path, url="/notify", method="PUT", body="x", after_s=1.0, every_s=4.0)
    assert [at_s for at_s, _ in heard(done.journal)] == [1.0, 5.0, 9.0]


@pytest.mark.parametrize(
    ("trigger", "why"),
    [
        ({"url": "/notify?status=401"}, "trigger POST /notify?status=401: answered 401"),
        ({"url": "/nowhere"}, "trigger POST /nowhere: answered 404"),
        ({"url": "/notify", "method": "GET"}, "trigger GET /notify: answered 405"),
    ],
)
def test_one_that_fails_is_the_targets_error(
    trigger: dict[str, Any], why: str, tmp_path: Path
) -> None:
    verdict = performed(tmp_path, **trigger).verdict
    (found,) = verdict.findings
    assert (verdict.outcome, found.check, found.observed) == ("ERROR", "target", why)


def test_a_request_goes_over_sockets_on_the_real_clock(tmp_path: Path) -> None:
    done = performed(tmp_path, "real", "1s", url="/notify", body="x")
    assert [content for _, content in heard(done.journal)] == [b"data: x\n\n"]


def test_a_command_is_run_on_the_real_clock(tmp_path: Path) -> None:
    touch = "import pathlib; pathlib.Path('pulled').touch()"
    command = (sys.executable, "-I", "-S", "-c", touch)
    done = performed(tmp_path, command=command, cwd=str(tmp_path))

    assert (tmp_path / "pulled").exists()
    assert done.journal.case.clock == "real"


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-I", "-S", "-c", "import sys; sys.exit('nobody listens')")
    (found,) = performed(tmp_path, command=command).verdict.findings
    assert found.observed.endswith(": ended with 1: nobody listens")

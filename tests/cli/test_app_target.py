"""`--app`: here, or in the interpreter that has what it needs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import app_target, targeting
from harness.cli.again import target_again
from harness.cli.targeting import Asked
from harness.errors import LocalEnvironmentError, TargetError, UsageError
from harness.model.target import App, Command, Target
from tests.cli.command import Command as Run

APP = "async def app(scope, receive, send): ...\ndef make(): return app\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "served.py").write_text(APP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    yield tmp_path
    sys.modules.pop("served", None)


def python(path: Path, *has: str) -> str:
    """An interpreter, as far as it is asked what it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = "".join(f'"import {it}") exit 0;; ' for it in has)
    path.write_text(f'#!/bin/sh\ncase "$2" in {cases}*) exit 1;; esac\n')
    path.chmod(0o755)
    return str(path)


def test_an_application_is_served_here(folder: Path) -> None:
    target = targeting.target(Asked(app="served:app", url="/events?a=1", env=["A=b"]))

    assert target == Target(
        url="http://127.0.0.1/events?a=1",
        app=App(name="served:app", cwd=str(folder), env=(("A", "b"),)),
    )
    assert (target.is_inside, target.is_reference) == (True, False)
    assert target_again(target) == [
        "--url", "/events?a=1", "--app", "served:app", "--env", "A=…",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("has", "name", "words"),
    [
        (("uvicorn", "hypercorn"), "served:app",
         ("uvicorn", "served:app", "--host", "127.0.0.1", "--port", "{port}")),
        (("uvicorn",), "served:make()",
         ("uvicorn", "served:make", "--factory", "--host", "127.0.0.1", "--port", "{port}")),
        (("hypercorn",), "served:make()",
         ("hypercorn", "served:make()", "--bind", "127.0.0.1:{port}")),
    ],
)  # fmt: skip
def test_in_another_interpreter_it_is_a_command(
    has: tuple[str, ...], name: str, words: tuple[str, ...], folder: Path
) -> None:
    other = python(folder / "other" / "python", *has)
    asked = Asked(app=name, url="/x", python="other/python", ready="up", ready_timeout="5s")

    assert targeting.target(asked) == Target(
        url="http://127.0.0.1:{port}/x",
        command=Command(
            words=(other, "-m", *words), cwd=str(folder), ready="up", ready_timeout_s=5.0
        ),
    )


def test_what_it_needs_is_looked_for_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "served.py").write_text("import not_installed\n")
    python(folder / ".venv" / "bin" / "python")  # has no server
    other = python(folder / "venv" / "bin" / "python", "uvicorn")

    target = targeting.target(Asked(app="served:app", url="/x"))

    assert target.command is not None
    assert target.command.words[0] == other
    assert capsys.readouterr().err == (
        f"note: served:app runs with {other}: here no module named 'not_installed'\n"
    )


def test_without_any_interpreter_it_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "served.py").write_text("import not_installed\n")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(LocalEnvironmentError) as refused:
        targeting.target(Asked(app="served:app", url="/x"))
    assert str(refused.value) == (
        "--app served:app: No module named 'not_installed'; "
        "name the interpreter that it runs in with --python"
    )


def test_code_of_its_own_that_fails_is_the_targets_error(folder: Path) -> None:
    (folder / "served.py").write_text("raise RuntimeError('no\\nmore')\n")
    with pytest.raises(TargetError, match=r"^--app served:app: RuntimeError: no$"):
        app_target.app_or_command(App(name="served:app", cwd=str(folder)), None)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"url": None}, "--app goes with --url, which is the path of the stream: --url /events"),
        ({"url": "events"}, "--url events: expected a path such as /events for --app"),
        ({"command": "node app.js"}, "--app goes without --command"),
        ({"ready": "up"},
         "--ready and --ready-timeout go with --command, or --app and --python"),
        ({"app": None, "python": "python3", "url": "http://h/"}, "--python goes with --app"),
        ({"app": "served:nope"}, "--app served:nope: served has no nope"),
    ],
)  # fmt: skip
def test_what_cannot_be_obeyed_is_one_line(options: dict[str, Any], why: str, folder: Path) -> None:
    with pytest.raises(UsageError) as refused:
        targeting.target(Asked(**{"app": "served:app", "url": "/x", **options}))
    assert str(refused.value) == why


def test_a_missing_interpreter_is_one_line(folder: Path) -> None:
    with pytest.raises(LocalEnvironmentError, match=r"^--python nope: there is no such program$"):
        targeting.target(Asked(app="served:app", url="/x", python="nope"))


SERVED = """
import asyncio
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route
async def events(request):
    async def tell():
        n = int(request.headers.get("last-event-id", "0"))
        while True:
            n += 1
            yield {"id": str(n), "data": str(n)}
            await asyncio.sleep(1)
    headers = {"Cache-Control": "no-cache, no-transform"}
    return EventSourceResponse(tell(), ping=15, headers=headers)
app = Starlette(routes=[Route("/events", events)])
"""


@pytest.mark.parametrize("through", ["nginx", "cloudflare,nginx", "heroku"])
def test_a_run_takes_an_application_through_minutes(
    through: str, folder: Path, command: Run
) -> None:
    (folder / "served.py").write_text(SERVED)
    words = ["run", "--app", "served:app", "--url", "/events", "--through", through]
    said = command(*words)

    assert said.code == 0, said
    assert "virtual clock" in said.out
    assert "tested /events of the application served:app" in said.out


def test_a_trace_of_an_application_takes_no_time_and_shows_nothing_else(
    folder: Path, command: Run
) -> None:
    (folder / "served.py").write_text(SERVED.replace("n += 1", 'n += 1; print("told", n)'))
    words = ["trace", "--app", "served:app", "/events", "--max-time", "1h"]
    began_s = time.monotonic()
    said = command(*words, "--json")

    assert (said.code, said.err) == (0, "")
    traced = json.loads(said.out)
    assert [it["id"] for it in traced["events"]][:3] == ["1", "2", "3"]
    assert len(traced["events"]) >= 3600
    assert traced["end"]["at_s"] == 3600.0
    assert time.monotonic() - began_s < 300.0

    shown = command(*words[:-1], "3500ms")
    assert (shown.code, shown.err) == (0, "")
    assert [line.split()[-1] for line in shown.out.splitlines() if " message " in line] == [*"1234"]


def test_a_trace_of_a_stream_that_threads_tell_is_shown_once(
    folder: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.clock.clocks.MOST_IN_THREADS_S", 0.2)
    text = SERVED.replace("async def tell", "def tell").replace("asyncio.sleep(1)", "None")
    text = text.replace("await None", "time.sleep(0.1)").replace("import asyncio", "import time")
    (folder / "served.py").write_text(text)
    said = command("trace", "--app", "served:app", "/events", "--max-time", "1s")

    assert said.code == 0
    assert said.err == "note: moved to the real clock: works in threads, which take real time\n"
    ids = [line.split()[5] for line in said.out.splitlines() if " message " in line]
    assert ids == [str(n) for n in range(1, len(ids) + 1)]
    assert len(ids) >= 2

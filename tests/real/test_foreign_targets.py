"""Servers in many languages and frameworks, started by their commands, behind nginx and alone.

Each tells ten events or so, one every 0.2 s. What is expected of each is what its own framework
does: who says `X-Accel-Buffering: no` is passed on by nginx at once, who does not is held by it to
the end; who says nothing of caching is told so.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.model.verdict import CaseVerdict
from tests.real.conftest import missing
from tests.real.programs import FOREIGN, AtOnce, Finished, run

pytestmark = pytest.mark.real

FOLDER = FOREIGN / "targets"
AT_ONCE = 4
CALL = (
    '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": '
    '{"name": "count", "arguments": {}, "_meta": {"progressToken": 7}}}'
)
QUIET = {"NEXT_TELEMETRY_DISABLED": "1", "GOTOOLCHAIN": "local"}
JSON = ("-H", "Content-Type: application/json")


@dataclass(frozen=True, slots=True)
class Row:
    """A server, and what is to be found.

    Args:
        words: How it is started.
        path: What is asked.
        more: Options of the request.
        is_held: Whether nginx holds its events; None: the server itself sends no stream.
        alone: What is said of the server itself, by check and outcome.
        says: What a server that sends no stream is told.
        kind: What it is taken for.
        events: How many it tells.
        ready: Options that say when it is ready.
    """

    words: tuple[str, ...]
    path: str = "/events"
    more: tuple[str, ...] = ()
    is_held: bool | None = True
    alone: frozenset[tuple[str, str]] = frozenset()
    says: str = ""
    kind: str = "progress"
    events: int = 10
    ready: tuple[str, ...] = ()


def python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


def uvicorn(app: str) -> tuple[str, ...]:
    return python("-m", "uvicorn", app, "--port", "{port}")


def gunicorn(*words: str) -> tuple[str, ...]:
    return python("-m", "gunicorn", "flask_app:app", "-b", "127.0.0.1:{port}", *words)


SHORT = frozenset({("headers_fit", "FAIL")})  # of a header that has to be there
NO_CACHE = frozenset({("headers_fit", "FAIL"), ("headers_fit", "WARN")})
ADVICE = frozenset({("headers_fit", "WARN")})
ROWS = {
    "starlette": Row(uvicorn("starlette_plain:app"), alone=NO_CACHE),
    "sse-starlette": Row(uvicorn("starlette_sse:app"), is_held=False),
    "fastapi-sync": Row(uvicorn("fastapi_app:app"), is_held=False),
    "fastapi-chat": Row(
        uvicorn("fastapi_app:app"),
        "/chat",
        ("-d", '{"q": "me"}', *JSON),
        is_held=False,
        kind="llm-tokens",
        events=11,
    ),
    "django": Row(uvicorn("django_app:app"), alone=NO_CACHE),
    "gunicorn-sync": Row(gunicorn("-k", "sync"), is_held=False, alone=SHORT),
    "gunicorn-gthread": Row(
        gunicorn("-k", "gthread", "--threads", "4"), is_held=False, alone=SHORT
    ),
    "aiohttp": Row(python("aiohttp_app.py"), alone=ADVICE),
    "quart": Row(
        python("-m", "hypercorn", "quart_app:app", "--bind", "127.0.0.1:{port}"), alone=ADVICE
    ),
    "node": Row(("node", "node_http.js"), alone=ADVICE),
    "node-text": Row(
        ("node", "node_http.js"),
        "/plain",
        is_held=None,
        alone=SHORT,
        says="the target answered 200 text/plain",
    ),
    "express": Row(("node", "express_app.js"), alone=ADVICE),
    "express-compressed": Row(
        ("node", "express_app.js"),
        "/compressed?count=30",
        is_held=False,
        alone=frozenset({("headers_fit", "WARN"), ("first_byte_within", "WARN")}),
        kind="llm-tokens",
        events=30,
    ),
    "better-sse": Row(("node", "better_sse.js"), is_held=False),
    "mcp": Row(
        ("node", "mcp.js"),
        "/mcp",
        ("-d", CALL, *JSON, "-H", "Accept: application/json, text/event-stream"),
        is_held=False,
        kind="mcp",
        events=9,
    ),
    # Compiled at its first request, which is therefore not the one to be looked at.
    "next": Row(
        ("node", "node_modules/next/dist/bin/next", "dev", "-H", "127.0.0.1", "-p", "{port}"),
        alone=ADVICE,
        ready=("--ready", "http://127.0.0.1:{port}/events", "--ready-timeout", "90s"),
    ),
    "go": Row(("go", "run", "net_http.go"), is_held=False, ready=("--ready-timeout", "90s")),
    "go-unflushed": Row(
        ("go", "run", "net_http.go"),
        "/unflushed",
        is_held=None,
        alone=SHORT,
        says="Content-Length: 91",
        ready=("--ready-timeout", "90s"),
    ),
}
NEEDED = {"node": "Node.js 20 or newer, then npm ci in tests/foreign", "go": "golang-go"}
# The same applications, in this tool's own process.
APPS = {
    "starlette": "starlette_plain:app",
    "sse-starlette": "starlette_sse:app",
    "fastapi-sync": "fastapi_app:app",
    "fastapi-chat": "fastapi_app:app",
    "django": "django_app:app",
    "quart": "quart_app:app",
}


def started(row: Row, cwd: Path) -> Finished:
    url = "http://127.0.0.1:{port}" + row.path
    command = ["--command", shlex.join(row.words), *row.ready]
    if "node_modules/next/dist/bin/next" in row.words:
        # It builds where it is.
        shutil.copytree(FOREIGN / "next", cwd)
        (cwd / "node_modules").symlink_to(FOREIGN / "node_modules")
    else:
        command += ["--cwd", str(FOLDER)]
    return run("check", url, *command, *row.more, "--through", "nginx", cwd=cwd, env=QUIET)


def served(row: Row, app: str, cwd: Path) -> Finished:
    words = ["check", row.path, "--app", app, "--cwd", str(FOLDER), *row.more]
    return run(*words, "--through", "nginx", cwd=cwd)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("targets")
    calls = {name: partial(started, row, folder / name) for name, row in ROWS.items()}
    for name, app in APPS.items():
        calls[f"{name} here"] = partial(served, ROWS[name], app, folder / f"{name}-here")
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def checked(checks: AtOnce, name: str) -> Finished:
    program = ROWS[name.partition(" ")[0]].words[0]
    if shutil.which(program) is None:
        raise missing(f"{program} is missing: install {NEEDED[program]}")
    if program == "node" and not (FOREIGN / "node_modules" / "better-sse").is_dir():
        raise missing("packages are missing: npm ci in tests/foreign")
    ended = checks.of(name)
    assert ended.code in {0, 1}, ended
    return ended


def case(ended: Finished, name: str) -> CaseVerdict | None:
    found = [it for it in ended.verdict.cases if it.id == f"check/{name}"]
    return found[0] if found else None


def amiss(it: CaseVerdict) -> frozenset[tuple[str, str]]:
    """What was found to be amiss."""
    return frozenset(
        (found.check, found.outcome)
        for found in it.findings
        if found.outcome not in {"PASS", "SKIP"}
    )


@pytest.mark.parametrize("name", [*ROWS, *(f"{it} here" for it in APPS)])
def test_what_is_found_is_what_its_framework_does(name: str, checks: AtOnce) -> None:
    row = ROWS[name.partition(" ")[0]]
    ended = checked(checks, name)

    alone, behind = case(ended, "direct"), case(ended, "nginx")
    assert alone is not None
    assert amiss(alone) == row.alone, ended.out
    if row.is_held is None:
        (broken,) = [it for it in alone.findings if it.outcome == "FAIL"]
        assert broken.observed.startswith(row.says)
        return
    assert behind is not None
    if not row.is_held:
        assert behind.outcome == "PASS", ended.out
        return
    (late,) = [it for it in behind.findings if it.outcome == "FAIL"]
    assert (late.check, late.hop) == ("delivered_within", 1)
    assert late.fix.startswith("response header  X-Accel-Buffering: no; ")
    assert late.fix.endswith(" (PROVEN: replayed)")


@pytest.mark.parametrize("name", [it for it in ROWS if ROWS[it].is_held is not None])
def test_every_event_is_counted_and_the_kind_is_guessed(name: str, checks: AtOnce) -> None:
    ended = checked(checks, name)

    words = " ".join(ended.out.split())
    assert f"{ROWS[name].events} events in " in words
    assert f"kind {ROWS[name].kind} (guessed" in words


@pytest.mark.parametrize("name", APPS)
def test_an_application_says_the_same_here_as_on_its_server(name: str, checks: AtOnce) -> None:
    there, here = (case(checked(checks, it), "nginx") for it in (name, f"{name} here"))
    assert there is not None
    assert here is not None
    assert (amiss(here), here.outcome) == (amiss(there), there.outcome)

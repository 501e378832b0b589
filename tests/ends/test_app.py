from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.ends import app as apps
from harness.errors import UsageError
from harness.model.target import App

ASGI = """
import os
KEY = os.environ.get("APP_KEY", "")
made = []
async def app(scope, receive, send):
    made.append(1)
class Nested:
    app = app
def create_app():
    return app
def create_with(config):
    return app
def wsgi(environ, start_response):
    return []
number = 1
"""


NONE = "what is none is started with --command"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "mine.py").write_text(ASGI)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [it for it in sys.modules if it.partition(".")[0] in {"mine", "package"}]:
        del sys.modules[name]


def load(folder: Path, name: str, **env: str) -> apps.Loaded:
    return apps.load(App(name=name, cwd=str(folder), env=tuple(env.items())))


@pytest.mark.parametrize("name", ["mine:app", "mine:Nested.app", "mine:create_app()"])
def test_an_application_is_found(folder: Path, name: str) -> None:
    loaded = load(folder, name)
    assert loaded.call.__name__ == "app"
    assert not loaded.is_trio


def test_what_makes_an_application_is_told_by_its_signature(folder: Path) -> None:
    assert load(folder, "mine:create_app").call.__name__ == "app"


def test_its_own_modules_are_imported_afresh(folder: Path) -> None:
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "state.py").write_text("seen = []")
    (package / "main.py").write_text(
        "import json\nfrom package.state import seen\nseen.append(1)\n"
        "async def app(scope, receive, send): ...\n"
    )
    app = App(name="package.main:app", cwd=str(folder))
    first = apps.take(app).call
    second = apps.load(app).call
    assert first is not second
    assert apps.load(app).call is second
    assert apps.take(app).call is second
    assert sys.modules["package.state"].seen == [1]
    assert sys.modules["package.main"].json is sys.modules["json"]


def test_one_that_cannot_be_imported_twice_is_kept(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import sys\nassert not hasattr(sys, 'mine_was_here')\nsys.mine_was_here = True\n"
        "async def app(scope, receive, send): ...\n"
    )
    app = App(name="mine:app", cwd=str(folder))
    try:
        first = apps.take(app).call
        module = sys.modules["mine"]
        assert apps.take(app).call is first
        assert sys.modules["mine"] is module
    finally:
        del sys.mine_was_here  # type: ignore[attr-defined]  # what the module above does


def test_its_variables_are_set_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEY", "before")
    load(folder, "mine:app", APP_KEY="set")
    assert sys.modules["mine"].KEY == "set"


@pytest.mark.parametrize(
    ("imports", "is_trio"), [("trio", True), ("asyncio", False), ("trio, asyncio", False)]
)
def test_which_loop_it_needs_is_told_by_what_it_imports(
    folder: Path, imports: str, is_trio: bool
) -> None:
    (folder / "mine.py").write_text(f"import {imports}\n{textwrap.dedent(ASGI)}")
    assert load(folder, "mine:app").is_trio is is_trio


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mine", "--app mine: expected module:attribute, such as main:app"),
        ("mine:nope", "--app mine:nope: mine has no nope"),
        ("mine:wsgi", f"--app mine:wsgi: expected an ASGI application, got function; {NONE}"),
        ("mine:number", f"--app mine:number: expected an ASGI application, got int; {NONE}"),
    ],
)  # fmt: skip
def test_what_is_no_application_is_one_line(folder: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(folder, name)
    assert str(refused.value) == why


def test_a_module_that_is_not_there_is_the_users_mistake(folder: Path) -> None:
    with pytest.raises(UsageError, match="there is no module nope in "):
        load(folder, "nope:app")
    (folder / "mine.py").write_text("import not_installed")
    with pytest.raises(ModuleNotFoundError):
        load(folder, "mine:app")

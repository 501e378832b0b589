"""Servers nobody here wrote, started once for all tests of this directory."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.real.programs import FOREIGN, server


@pytest.fixture(scope="session", autouse=True)
def npm_packages() -> Iterator[None]:
    """Real hops find the npm packages of the foreign servers."""
    with pytest.MonkeyPatch.context() as patch:
        if "NODE_PATH" not in os.environ:
            patch.setenv("NODE_PATH", str(FOREIGN / "node_modules"))
        yield


@pytest.fixture(scope="session")
def starlette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a server that does everything right, on sse-starlette and uvicorn."""
    log = tmp_path_factory.mktemp("starlette") / "log.txt"
    with server([sys.executable, str(FOREIGN / "starlette_app.py")], log) as origin:
        yield origin


@pytest.fixture(scope="session")
def express(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a server that does nothing for the way to its clients, on Express."""
    node = shutil.which("node")
    if node is None:
        raise missing("node is missing: install Node.js 20 or newer, then npm ci in tests/foreign")
    if not (FOREIGN / "node_modules" / "express").is_dir():
        raise missing("express is not installed: npm ci in tests/foreign")
    log = tmp_path_factory.mktemp("express") / "log.txt"
    with server([node, "express.js"], log, cwd=FOREIGN) as origin:
        yield origin


@pytest.fixture(scope="session")
def origins(starlette: str, express: str) -> dict[str, str]:
    return {"starlette": starlette, "express": express}


def missing(why: str) -> BaseException:
    """Skip; in CI, where everything is to be installed, fail."""
    kind = pytest.fail.Exception if os.environ.get("CI") else pytest.skip.Exception
    return kind(why)

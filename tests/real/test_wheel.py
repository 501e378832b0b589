"""The wheel, in an empty environment and folder: what users get is what is tested."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHAIN = "[{idle_timeout: {after: 5s}}]"

pytestmark = pytest.mark.real


def done(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = done(uv(), "build", "--wheel", "--quiet", "--out-dir", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def uv() -> str:
    found = shutil.which("uv")
    if found is None:
        pytest.fail("uv is missing: python3 -m pip install uv")
    return found


def environment(folder: Path, requirement: str) -> Path:
    """A new environment with the wheel in it; its scripts."""
    newest = re.search(r'exclude-newer = "([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert newest is not None
    # From the checkout, where a version manager finds uv and Python; everything made is elsewhere.
    env = folder / "env"
    python = Path(sys.base_prefix) / "bin" / "python3"
    made = done(uv(), "venv", "--quiet", "--python", python, env, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    installed = done(
        *(uv(), "pip", "install", "--quiet", "--python", env),
        *("--exclude-newer", newest[1], requirement),
        cwd=ROOT,
    )
    assert installed.returncode == 0, installed.stderr
    return env / "bin"


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[str]:
    """A stream to trace, served by the checkout."""
    words = [sys.executable, "-m", "harness", "serve", "--port", "0", "--every", "100ms"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[0]
        finally:
            server.terminate()


def test_without_the_extra_it_traces_and_says_what_a_chain_needs(
    wheel: Path, stream: str, tmp_path: Path
) -> None:
    scripts = environment(tmp_path, str(wheel))
    assert not list((tmp_path / "env").rglob("mitmproxy"))
    traced = done(
        scripts / "sse-harness", "trace", stream, "--max-time", "1s", "--json", cwd=tmp_path
    )
    assert traced.returncode == 0, traced.stderr
    assert len(json.loads(traced.stdout)["events"]) >= 5
    refused = done(scripts / "sse-harness", "run", "--through", CHAIN, cwd=tmp_path)
    assert refused.returncode == 4
    assert "pip install 'sse-harness[mitmproxy]'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_with_the_extra_it_passes_the_suite_from_an_empty_folder(
    wheel: Path, tmp_path: Path
) -> None:
    scripts = environment(tmp_path, f"{wheel}[mitmproxy]")
    ran = done(scripts / "sse-harness", "run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    verdict = json.loads((tmp_path / "reports" / "latest" / "verdict.json").read_text())
    assert verdict["outcome"] == "PASS"
    assert verdict["counts"]["PASS"] >= 24
    assert verdict["counts"]["twins"] >= 24

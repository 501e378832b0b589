"""Help costs nothing: in a process of its own, to see what it imports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness.version import VERSION

# Whatever takes long to import, and all of this package that does anything.
HEAVY = {
    "cryptography", "h11", "h2", "httpcore", "httpx", "hypercorn", "mitmproxy", "msgspec", "rich",
    "trio", "trio_asyncio", "yaml",
    "harness.checks", "harness.clock", "harness.ends", "harness.engine", "harness.faults",
    "harness.hops", "harness.model", "harness.net", "harness.report", "harness.scenario",
    "harness.survey", "harness.units", "harness.yamlio",
}  # fmt: skip

# Typer itself takes pydantic for the options of a verb, and pydantic these.
TYPERS = {"asyncio", "pydantic", "ssl"}

SCRIPT = """
import sys
sys.argv = ["sse-harness", *sys.argv[1:]]
from harness.cli import main
try:
    main()
except SystemExit as end:
    import json
    sys.stderr.write(json.dumps([end.code, sorted(sys.modules)]))
"""


def imported(*words: str) -> tuple[int | None, str, set[str]]:
    """The exit code, what was printed, and every module that was imported."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(ran.stderr)
    return code, ran.stdout, set(modules)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"]], ids=" ".join)
def test_what_is_said_of_the_whole_imports_nothing_heavy(words: list[str]) -> None:
    code, out, modules = imported(*words)
    assert code in {None, 0}
    assert out
    assert modules & (HEAVY | TYPERS) == set()


@pytest.mark.parametrize("verb", ["check", "compare", "run", "trace", "serve", "explain"])
def test_help_of_a_verb_imports_nothing_heavy(verb: str) -> None:
    code, out, modules = imported(verb, "--help")
    assert code in {None, 0}
    assert f"sse-harness {verb} [OPTIONS]" in out
    assert modules & HEAVY == set()


def test_the_version_is_the_packages() -> None:
    _, out, _ = imported("--version")
    assert out == f"sse-harness {VERSION}\n"


def test_python_m_harness_is_sse_harness() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "harness", "--version"], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == (f"sse-harness {VERSION}\n", "")

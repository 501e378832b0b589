"""The pages of `docs/` that are followed step by step, as data: what to write where, and to type.

A comment, which a reader does not see, stands before each block that is a step:

    <!-- new: PATH -->                  the block is this file
    <!-- before: PATH | LINE -->        it goes before the first line of the file that begins so
    <!-- run -->                        its lines are commands
    <!-- run, real -->                  and need the real clock
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
_STEP = re.compile(
    r"<!-- (?P<how>new|before|run)(?:[:,] (?P<what>[^\n]*))? -->\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COPIED = ("harness", "tests", "scenarios", "docs", "reports/fidelity", "pyproject.toml")
_SKIPPED = shutil.ignore_patterns("__pycache__", "node_modules", ".*")


@dataclass(frozen=True, slots=True)
class Step:
    """A block of a page.

    Args:
        how: new, before or run.
        what: What stands behind that in the comment.
        text: The block.
    """

    how: str
    what: str
    text: str


def steps(page: Path) -> Iterator[Step]:
    """The steps of a page, in order."""
    for it in _STEP.finditer(page.read_text("utf-8")):
        yield Step(it["how"], it["what"] or "", it["text"])


def checkout(at: Path) -> Path:
    """A copy of this checkout, to be changed."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, at / name, ignore=_SKIPPED)
        else:
            shutil.copy(source, at / name)
    return at


def write(written: Sequence[Step], at: Path) -> None:
    """Write what the page says into a checkout."""
    for step in written:
        path, _, line = step.what.partition(" | ")
        file = at / path
        if step.how == "new":
            assert not file.exists(), f"{path} is there already"
            file.write_text(step.text, "utf-8")
        elif step.how == "before":
            head, found, rest = file.read_text("utf-8").partition(f"\n{line}")
            assert found, f"no line of {path} begins with {line}"
            file.write_text(f"{head}\n{step.text}{found[1:]}{rest}", "utf-8")


def run(line: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page in a checkout."""
    return subprocess.run(
        _words(line), **_surroundings(at), check=False, capture_output=True, text=True
    )


@contextmanager
def started(line: str, at: Path) -> Iterator[str]:
    """Have a command of a page, one that ends with `&`, running; its first line of output."""
    words = _words(line.removesuffix("&"))
    with subprocess.Popen(words, **_surroundings(at), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            process.terminate()


def _words(line: str) -> list[str]:
    uv, verb, name, *words = shlex.split(line, comments=True)
    assert (uv, verb) == ("uv", "run"), line
    module = {"sse-harness": "harness"}.get(name, name)
    start = [] if name == "python" else ["-m", module]
    return [sys.executable, *start, *words]


def _surroundings(at: Path) -> dict[str, Any]:
    return {"cwd": at, "env": {**os.environ, "PYTHONPATH": str(at)}}

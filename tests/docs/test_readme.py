"""What the README, and the pages that go on from it, show is what is there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.command import Command, command_of
from tests.docs.pages import ROOT

_TEXT = (ROOT / "README.md").read_text("utf-8")
_GOES_ON = "".join((ROOT / "docs" / it).read_text("utf-8") for it in ("your-server.md", "hops.md"))
_BLOCKS = re.findall(r"^```console\n(.*?)^```$", _TEXT + _GOES_ON, re.MULTILINE | re.DOTALL)
_TYPED = [
    line
    for block in _BLOCKS
    for line in block.splitlines()
    if line.startswith(("sse-harness run ", "sse-harness explain "))
]
_PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("reports/*.md"),
    *ROOT.glob("reports/fidelity/*.md"),
]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(monkeypatch, capsys)


def test_a_failure_reads_as_it_is_shown(command: Command, tmp_path: Path) -> None:
    (example,) = (it for it in _BLOCKS if it.startswith("$ "))
    typed, *shown = example.splitlines()
    words = shlex.split(typed.removeprefix("$ sse-harness"))
    said = command(*words, "--report-dir", str(tmp_path))
    pattern = "".join(map(_pattern, shown))
    assert re.fullmatch(pattern, said.out), said.out


def _pattern(line: str) -> str:
    """A shown line as a pattern: `…` is any lines, and the entries of a journal are any."""
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    before, *entries = line.split("[journal ")
    return re.escape(before) + r"\[journal [^]]+\]" * len(entries) + r"\n"


@pytest.mark.parametrize("line", _TYPED)
def test_what_there_is_to_type_names_what_there_is(
    command: Command, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    _, *words = shlex.split(line)
    said = command(*words, *(["--list"] if words[0] == "run" else []))
    assert (said.code, said.out != "") == (0, True), said.err


@pytest.mark.parametrize("page", _PAGES, ids=lambda it: str(it.relative_to(ROOT)))
def test_a_page_links_to_what_is_there(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [it for it in linked if not (page.parent / it).exists()] == []

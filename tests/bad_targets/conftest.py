"""This tool inside of the test's own process, where a second of starting it would be too long."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from harness.cli import main


class Answer(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


type Cli = Callable[..., Answer]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `sse-harness` with arguments."""

    def run(*args: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["sse-harness", *args])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int | None)
        return Answer(code or 0, *capsys.readouterr())

    return run

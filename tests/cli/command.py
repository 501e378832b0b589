"""The command line, called as `sse-harness` is, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.cli import main


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


type Command = Callable[..., Said]


def command_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that takes the words after `sse-harness`."""

    def command(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["sse-harness", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        code = end.value.code
        return Said(0 if code is None else int(code), out, err)

    return command

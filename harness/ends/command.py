"""A target that is a command: what to start, and when it is ready. Nothing is started here."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.ends.target import Origin, origin
from harness.errors import LocalEnvironmentError, UsageError, shown
from harness.model import redaction
from harness.model.target import PORT, Command

# Output of Python that goes to no terminal is held back in blocks: what a server says last, or
# says once it listens, would not be heard.
_UNHELD = {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Connects:
    """Ready once somebody can connect to the target."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Ready once this URL answers with a status below 400."""

    url: str


@dataclass(frozen=True, slots=True)
class Listens:
    """Ready once somebody can connect to this port of loopback."""

    port: int


@dataclass(frozen=True, slots=True)
class Says:
    """Ready once this stands in its output."""

    text: str


type Ready = Connects | Answers | Listens | Says


@dataclass(frozen=True, slots=True)
class Start:
    """What to start.

    Args:
        words: The program and its arguments.
        cwd: Where.
        env: The whole of its environment.
        url: The target's, with its port.
        ready: When it is ready; whatever it is, somebody has to accept connections too.
    """

    words: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    url: str
    ready: Ready

    @property
    def at(self) -> Origin:
        """Where it listens."""
        return origin(self.url)


def with_port(text: str, port: int) -> str:
    """`text` with the port in place of `{port}`."""
    return text.replace(PORT, str(port))


def fixed_port(url: str) -> int:
    """The port that a URL names; 0 where it leaves it open with `{port}`.

    Raises:
        UsageError: It is no URL of a target.
    """
    at = origin(with_port(url, 1))
    return 0 if PORT in url else at.port


def read_ready(text: str) -> Ready:
    """What `--ready` says, its `{port}` filled in."""
    if not text:
        return Connects()
    if text.startswith(("http://", "https://")):
        return Answers(text)
    return Listens(int(text)) if text.isascii() and text.isdigit() else Says(text)


def start(command: Command, url: str, port: int) -> Start:
    """What to start for a command.

    Args:
        command: The command.
        url: The target's, maybe with `{port}` in it.
        port: Where it is to listen.
    """
    own = {name: with_port(value, port) for name, value in command.env}
    return Start(
        words=tuple(with_port(word, port) for word in command.words),
        cwd=Path(command.cwd or Path.cwd()),
        env=_UNHELD | os.environ | {"PORT": str(port)} | own,
        url=with_port(url, port),
        ready=read_ready(with_port(command.ready, port)),
    )


def called(command: Command) -> str:
    """A command as messages name it, without secrets."""
    return shown(shlex.join(redaction.words(command.words)))


def check(command: Command, url: str) -> None:
    """See, before anything runs, that a command can be started.

    Raises:
        UsageError: Its directory, its readiness or the URL is wrong.
        LocalEnvironmentError: There is no such program.
    """
    fixed_port(url)
    match read_ready(with_port(command.ready, 1)):
        case Answers(url=ready):
            origin(ready)
        case Listens(port=port) if not 0 < port < 65536:
            raise UsageError(f"--ready {port}: expected a port, 1 to 65535")
        case _:
            pass
    folder = Path(command.cwd or Path.cwd())
    if not folder.is_dir():
        raise UsageError(f"--cwd {folder}: there is no such directory")
    word = command.words[0]
    path = dict(command.env).get("PATH", os.environ.get("PATH", os.defpath))
    # With a slash in it a name is taken from where the program is to run.
    found = shutil.which(str(folder / word) if os.sep in word else word, path=path)
    if found is None:
        raise LocalEnvironmentError(
            f"--command {shown(word)}: there is no such program{_hint(word)}"
        )


def _hint(word: str) -> str:
    is_shell = "=" in word or word in {"cd", "export", "source", "."}
    return "; no shell reads it: use --env and --cwd, or sh -c '…'" if is_shell else ""

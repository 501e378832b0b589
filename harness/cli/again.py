"""The options that name a target once more, for a line to copy; without its secrets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from harness.model import redaction, secret_values
from harness.model.target import READY_TIMEOUT_S, Command, Target
from harness.units import format_duration

TOKEN = "$TOKEN"  # noqa: S105 - the name of one
"""Stands in a line for a secret: the shell that the line is pasted into may know it."""


def shell_line(words: Iterable[str]) -> str:
    """A line that a shell splits into these words, with the value of TOKEN in its place."""
    return " ".join(_expanded(it) if TOKEN in it else shlex.quote(it) for it in words)


def _expanded(word: str) -> str:
    """A word in which the shell fills in TOKEN, and nothing else."""
    escaped = re.sub(r'(["\\$`])', r"\\\1", word)
    return f'"{escaped.replace(chr(92) + TOKEN, TOKEN)}"'


def target_again(target: Target) -> list[str]:
    """The options that name a target; none for the reference server."""
    if target.url is None:
        return []
    known = secret_values.of(target)
    url = known.text(target.url).replace(redaction.STRUCK, TOKEN)
    if target.app is not None:
        parts = urlsplit(url)
        url = f"{parts.path}?{parts.query}".removesuffix("?")
    words = ["--url", url]
    words += ["-X", target.method] if target.method != "GET" else []
    words += ["-d", "…"] if target.body is not None else []
    for name, value in target.headers:
        words += ["-H", f"{name}: {TOKEN if _is_secret(target, name, value) else value}"]
    words += ["--insecure"] if target.insecure else []
    words += ["--cacert", target.cacert] if target.cacert else []
    if target.app is not None:
        words += ["--app", target.app.name]
        words += ["--cwd", target.app.cwd] if Path(target.app.cwd) != Path.cwd() else []
        for name, _ in target.app.env:
            words += ["--env", f"{name}=…"]
    if target.command is not None:
        words += _command(target.command, known)
    return words


def _is_secret(target: Target, name: str, value: str) -> bool:
    by_name = redaction.headers(((name, value),)) != ((name, value),)
    is_named = name.casefold() in {it.casefold() for it in target.secrets}
    return by_name or is_named or secret_values.of(target).text(value) != value


def _command(command: Command, known: secret_values.Secrets) -> Iterator[str]:
    yield from ("--command", known.text(shlex.join(redaction.words(command.words))))
    if Path(command.cwd) != Path.cwd():
        yield from ("--cwd", command.cwd)
    for name, _ in command.env:
        yield from ("--env", f"{name}=…")
    if command.ready:
        yield from ("--ready", known.text(command.ready))
    if command.ready_timeout_s != READY_TIMEOUT_S:
        yield from ("--ready-timeout", format_duration(command.ready_timeout_s))

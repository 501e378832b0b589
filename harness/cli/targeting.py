"""The target that the options of a verb name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cli import curl, options
from harness.cli.curl import Datum
from harness.ends import command as commands
from harness.ends.target import origin
from harness.errors import UsageError, shown
from harness.model.target import READY_TIMEOUT_S, Command, Target
from harness.units import parse_duration


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that name a target, as they were given."""

    url: str | None = None
    request: str | None = None
    data: Sequence[str | Datum] | None = None
    header: Sequence[str] | None = None
    insecure: bool = False
    cacert: str | None = None
    command: str | None = None
    cwd: str | None = None
    env: Sequence[str] | None = None
    ready: str | None = None
    ready_timeout: str | None = None


def of_words(words: Sequence[str], asked: Asked) -> Asked:
    """The options, with what stands behind them: a URL, or a curl command line.

    Raises:
        UsageError: It is neither, or says again what the options say.
    """
    if not words:
        return asked
    if words[0] != "curl":
        urls = [*words, *([asked.url] if asked.url is not None else [])]
        if len(urls) > 1:
            raise UsageError(f"expected one URL, got {len(urls)}")
        return replace(asked, url=urls[0])
    if asked.url or asked.request or asked.data or asked.header or asked.insecure or asked.cacert:
        raise UsageError("--url, -X, -d, -H, -k and --cacert go into the curl line, or without it")
    read = curl.parse(words[1:])
    return replace(
        asked,
        url=read.url,
        request=read.request,
        data=read.data,
        header=read.headers,
        insecure=read.is_insecure,
        cacert=read.cacert,
    )


def target(asked: Asked, flaws: tuple[str, ...] = ()) -> Target:
    """The target that options name; without any the reference server, with these flaws.

    Raises:
        UsageError: They contradict each other, or one of them cannot be obeyed.
        LocalEnvironmentError: There is no such program as `--command` names.
    """
    body = options.body(asked.data)
    method = options.method(asked.request, body)
    headers = options.headers(asked.header, body)
    command = _command(asked)
    if asked.url is None:
        if command is not None:
            example = f"--url 'http://127.0.0.1:{'{port}'}/events'"
            raise UsageError(f"--command goes with --url, which names the stream: {example}")
        if asked.request is not None or asked.data or asked.header:
            raise UsageError("-X, -d and -H go with --url")
        if asked.insecure or asked.cacert:
            raise UsageError("--insecure and --cacert go with --url")
        return Target(flaws=flaws)
    if flaws:
        raise UsageError("--flaw is for the reference server, not for --url")
    if command is not None:
        commands.check(command, asked.url)
    cacert = str(Path(asked.cacert).absolute()) if asked.cacert else ""
    at = origin(asked.url if command is None else commands.with_port(asked.url, 1))
    at.tls(cacert=cacert)
    return Target(
        url=asked.url,
        method=method,
        body=body,
        headers=headers,
        insecure=asked.insecure,
        cacert=cacert,
        command=command,
    )


def _command(asked: Asked) -> Command | None:
    if asked.command is None:
        alone = {
            "--cwd": asked.cwd,
            "--env": asked.env,
            "--ready": asked.ready,
            "--ready-timeout": asked.ready_timeout,
        }
        given = next((name for name, value in alone.items() if value), None)
        if given is not None:
            raise UsageError(f"{given} goes with --command")
        return None
    try:
        words = shlex.split(asked.command)
    except ValueError as error:
        message = f"--command {shown(asked.command)}: {str(error).lower()}"
        raise UsageError(message) from error
    if not words:
        raise UsageError("--command: expected a program, such as 'node app.js'")
    return Command(
        words=tuple(words),
        cwd=str(Path(asked.cwd or "").absolute()),
        env=tuple(map(_variable, asked.env or ())),
        ready=asked.ready or "",
        ready_timeout_s=_timeout_s(asked.ready_timeout),
    )


def _variable(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not name or not is_pair or "\0" in text:
        # Without the value: it may be a secret.
        raise UsageError(f"--env {shown(name)}: expected NAME=VALUE")
    return name, value


def _timeout_s(text: str | None) -> float:
    if text is None:
        return READY_TIMEOUT_S
    try:
        timeout_s = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--ready-timeout {text}: {error}") from error
    if timeout_s <= 0:
        raise UsageError("--ready-timeout: expected a time above zero")
    return timeout_s

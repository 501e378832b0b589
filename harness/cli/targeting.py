"""The target that the options of a verb name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.cli import app_target, curl, options
from harness.cli.curl import Datum
from harness.ends import command as commands
from harness.ends.target import origin
from harness.errors import UsageError, shown
from harness.model.project import ProjectTarget
from harness.model.target import PORT, READY_TIMEOUT_S, App, Command, Target, Trigger
from harness.scenario.project import Found
from harness.units import format_duration, parse_duration


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
    app: str | None = None
    python: str | None = None


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


def target(asked: Asked, flaws: tuple[str, ...] = (), found: Found | None = None) -> Target:
    """The target that options name, or the file does; else the reference server.

    Args:
        asked: The options.
        flaws: Those of the reference server.
        found: The project's file; options win over it.

    Raises:
        UsageError: They contradict each other, or one of them cannot be obeyed.
        LocalEnvironmentError: There is no such program as `--command` names.
    """
    if found is None:
        return _target(asked, flaws)
    is_another = _is_another(asked, found)
    made = _target(asked if flaws else _with_file(asked, found), flaws)
    if made.is_reference:
        return made
    return made.model_copy(
        update={
            "secrets": found.project.secrets,
            "trigger": None if is_another else _trigger(found),
            "promises": made.promises if is_another else found.project.promises,
        }
    )


def _is_another(asked: Asked, found: Found) -> bool:
    """Whether options name another target than the file does, if it names one."""
    return found.project.target is not None and asked.url is not None and PORT not in asked.url


def _with_file(asked: Asked, found: Found) -> Asked:
    """The options, and what the file says where they say nothing.

    A URL among them is another target, for which nothing holds that the file says of its own;
    except one with `{port}` in it, which is another path of what the file starts.
    """
    file = found.project.target
    if file is None or _is_another(asked, found):
        return asked
    timeout = None if file.ready_timeout_s is None else format_duration(file.ready_timeout_s)
    command = shlex.join(file.command) if isinstance(file.command, tuple) else file.command
    if asked.app is not None:
        command = None
    is_started = (command or file.app) is not None and not (asked.command or asked.app)
    return Asked(
        url=asked.url or file.url,
        request=asked.request or file.method,
        data=asked.data or _data(file),
        header=_headers(asked, file),
        insecure=asked.insecure or file.insecure,
        cacert=asked.cacert or (found.beside(file.cacert) if file.cacert else None),
        command=asked.command or command,
        cwd=asked.cwd or (found.beside(file.cwd) if is_started else None),
        env=[*(f"{name}={value}" for name, value in file.env.items()), *(asked.env or ())],
        ready=asked.ready or (None if file.ready is None else str(file.ready)),
        ready_timeout=asked.ready_timeout or timeout,
        app=asked.app or (None if asked.command else file.app),
        python=asked.python or (found.beside(file.python) if file.python else None),
    )


def _trigger(found: Found) -> Trigger | None:
    it = found.project.trigger
    if it is None:
        return None
    fields = dict(it.headers)
    if isinstance(it.body, dict | list):
        fields = {"Content-Type": "application/json", **fields}
    words = shlex.split(it.command) if isinstance(it.command, str) else it.command or ()
    return Trigger(
        url=it.url,
        method=it.method,
        headers=tuple(fields.items()),
        body=None if it.body is None else _text(it.body),
        command=tuple(words),
        cwd=found.beside("."),
        after_s=it.after_s,
        every_s=it.every_s,
    )


def _data(file: ProjectTarget) -> list[Datum] | None:
    return None if file.body is None else [Datum(_text(file.body))]


def _text(body: str | dict[str, Any] | list[Any]) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _headers(asked: Asked, file: ProjectTarget) -> list[str]:
    """Those of the file, but for names that the options have too; a body of JSON says so."""
    own = {line.partition(":")[0].strip().casefold() for line in asked.header or ()}
    fields = dict(file.headers)
    is_json = not asked.data and isinstance(file.body, dict | list)
    if is_json and "content-type" not in {name.casefold() for name in fields}:
        fields["Content-Type"] = "application/json"
    kept = [f"{name}: {value}" for name, value in fields.items() if name.casefold() not in own]
    return [*kept, *(asked.header or ())]


def _target(asked: Asked, flaws: tuple[str, ...]) -> Target:
    body = options.body(asked.data)
    method = options.method(asked.request, body)
    headers = options.headers(asked.header, body)
    url, command, app = asked.url, _command(asked), None
    if asked.app is not None:
        path = app_target.path_of(url)
        it = app_target.app_or_command(_app(asked, asked.app), asked.python)
        url = app_target.url_of(it, path)
        if isinstance(it, App):
            app = it
        else:
            command = _awaited(it, asked)
    if url is None:
        if command is not None:
            example = f"--url 'http://127.0.0.1:{PORT}/events'"
            raise UsageError(f"--command goes with --url, which names the stream: {example}")
        if asked.request is not None or asked.data or asked.header:
            raise UsageError("-X, -d and -H go with --url")
        if asked.insecure or asked.cacert:
            raise UsageError("--insecure and --cacert go with --url")
        return Target(flaws=flaws)
    if flaws:
        raise UsageError("--flaw is for the reference server, not for --url")
    if command is not None:
        commands.check(command, url)
    cacert = str(Path(asked.cacert).absolute()) if asked.cacert else ""
    at = origin(url if command is None else commands.with_port(url, 1))
    at.tls(cacert=cacert)
    return Target(
        url=url,
        method=method,
        body=body,
        headers=headers,
        insecure=asked.insecure,
        cacert=cacert,
        command=command,
        app=app,
    )


def _app(asked: Asked, name: str) -> App:
    if asked.command is not None:
        raise UsageError("--app goes without --command")
    if asked.python is None and (asked.ready or asked.ready_timeout):
        raise UsageError("--ready and --ready-timeout go with --command, or --app and --python")
    return App(
        name=name,
        cwd=str(Path(asked.cwd or "").absolute()),
        env=tuple(map(_variable, asked.env or ())),
    )


def _command(asked: Asked) -> Command | None:
    if asked.command is None:
        _check_alone(asked)
        return None
    try:
        words = shlex.split(asked.command)
    except ValueError as error:
        message = f"--command {shown(asked.command)}: {str(error).lower()}"
        raise UsageError(message) from error
    if not words:
        raise UsageError("--command: expected a program, such as 'node app.js'")
    command = Command(
        words=tuple(words),
        cwd=str(Path(asked.cwd or "").absolute()),
        env=tuple(map(_variable, asked.env or ())),
    )
    return _awaited(command, asked)


def _awaited(command: Command, asked: Asked) -> Command:
    ready_s = _timeout_s(asked.ready_timeout)
    return command.model_copy(update={"ready": asked.ready or "", "ready_timeout_s": ready_s})


def _check_alone(asked: Asked) -> None:
    """See that nothing says how to start what is not started.

    Raises:
        UsageError: Something does.
    """
    if asked.app is None and asked.python is not None:
        raise UsageError("--python goes with --app")
    alone = {
        "--cwd": asked.cwd,
        "--env": asked.env,
        "--ready": asked.ready,
        "--ready-timeout": asked.ready_timeout,
    }
    given = next((name for name, value in alone.items() if value), None)
    if given is not None and asked.app is None:
        raise UsageError(f"{given} goes with --command")


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

"""`--app`: an ASGI application here, or in the interpreter that has what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from harness.ends import app as apps
from harness.errors import HarnessError, LocalEnvironmentError, TargetError, UsageError, shown
from harness.model.target import PORT, App, Command

# Whom the application believes to be: what frameworks let anybody ask for who develops on it.
_HERE = "http://127.0.0.1"
# What runs an application in another interpreter, the first of them that is there.
_SERVERS = {
    "uvicorn": ("--host", "127.0.0.1", "--port", PORT),
    "hypercorn": ("--bind", f"127.0.0.1:{PORT}"),
}
_PATIENCE_S = 20.0


def path_of(url: str | None) -> str:
    """The path and query that `--url` asks of an application.

    Raises:
        UsageError: It is none.
    """
    if url is None:
        raise UsageError("--app goes with --url, which is the path of the stream: --url /events")
    parts = urlsplit(url)
    path = url if url.startswith("/") else f"{parts.path or '/'}?{parts.query}".removesuffix("?")
    if not url.startswith(("/", "http://", "https://")):
        raise UsageError(f"--url {shown(url)}: expected a path such as /events for --app")
    return path


def app_or_command(app: App, python: str | None) -> App | Command:
    """The application, if it can be imported here; else the command that runs it elsewhere.

    Args:
        app: The application.
        python: The interpreter to run it with; None: this one, or one that is found.

    Raises:
        UsageError: There is no such application.
        TargetError: Its own code fails when it is imported.
        LocalEnvironmentError: Nothing here can run it.
    """
    if python is not None:
        return _command(app, _program(python))
    try:
        apps.load(app)
    except HarnessError:
        raise
    except ImportError as error:
        return _elsewhere(app, error)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise TargetError(f"--app {app.name}: {said}", "not-startable") from error
    return app


def url_of(it: App | Command, path: str) -> str:
    """The URL of a path of an application."""
    return f"{_HERE}{path}" if isinstance(it, App) else f"{_HERE}:{PORT}{path}"


def _elsewhere(app: App, error: ImportError) -> Command:
    for python in _candidates(Path(app.cwd)):
        try:
            command = _command(app, python)
        except LocalEnvironmentError:
            continue
        sys.stderr.write(f"note: {app.name} runs with {python}: here {str(error).lower()}\n")
        return command
    wanted = "name the interpreter that it runs in with --python"
    raise LocalEnvironmentError(f"--app {app.name}: {error}; {wanted}") from error


def _candidates(folder: Path) -> Iterator[str]:
    """Interpreters that may be the application's own."""
    places = [folder / name / "bin" / "python" for name in (".venv", "venv")]
    if "VIRTUAL_ENV" in os.environ:
        places.append(Path(os.environ["VIRTUAL_ENV"]) / "bin" / "python")
    found = [str(it) for it in places if it.is_file()]
    found += [it for it in (shutil.which("python3"),) if it is not None]
    yield from (it for it in dict.fromkeys(found) if it != sys.executable)


def _program(python: str) -> str:
    found = shutil.which(python)
    if found is None:
        raise LocalEnvironmentError(f"--python {shown(python)}: there is no such program")
    # Not resolved: the link is what makes it the interpreter of an environment.
    return str(Path(found).absolute())


def _command(app: App, python: str) -> Command:
    """The command that serves an application.

    Raises:
        LocalEnvironmentError: There is no server for it.
    """
    name = app.name.removesuffix("()")
    factory = ("--factory",) if name != app.name else ()
    for server, options in _SERVERS.items():
        if _has(python, server):
            how = factory if server == "uvicorn" else ()
            target = name if how else app.name
            words = (python, "-m", server, target, *how, *options)
            return Command(words=words, cwd=app.cwd, env=app.env)
    raise LocalEnvironmentError(f"{python} has no {' or '.join(_SERVERS)} to serve {app.name} with")


def _has(python: str, module: str) -> bool:
    try:
        asked = subprocess.run(  # noqa: S603 - an interpreter of the user's
            [python, "-c", f"import {module}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0

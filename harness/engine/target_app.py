"""An application of the user's on the stage of a case."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import trio

from harness.ends import app_host, app_output
from harness.ends.app import take
from harness.engine.target_output import Output
from harness.errors import HarnessError, TargetError
from harness.model.secret_values import Secrets
from harness.model.target import App
from harness.net import Address, Network


async def stand(
    app: App,
    network: Network,
    folder: Path | None,
    secrets: Secrets,
    remark: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Import an application and serve it until cancelled; its status is where it listens.

    Args:
        app: The application.
        network: Sockets or memory.
        folder: Where what it prints is kept, and its exceptions; None: nowhere.
        secrets: Neither kept nor repeated.
        remark: Told once of an exception that it let out.
        task_status: trio's.

    Raises:
        TargetError: It cannot be imported, or its startup fails.
    """
    output = Output(folder, secrets.text, secrets.longest)
    raised: list[str] = []

    def said(text: str) -> None:
        output.take(text)
        if not raised and (reason := output.last_words()) and "Traceback" in text:
            raised.append(reason)
            remark(f"{app.name} raised {reason}")

    try:
        with app_output.apart(output.take):
            await app_host.serve(take(app), network, said, task_status=task_status)
    except HarnessError as error:
        if isinstance(error, TargetError):
            raise TargetError(f"--app {app.name}: {error.message}", error.reason) from error
        raise
    except Exception as error:  # whatever its own modules raise when they are imported
        output.take("".join(traceback.format_exception(error)))
        why = secrets.text(f"{type(error).__name__}: {error}").partition("\n")[0]
        raise TargetError(f"--app {app.name}: {why}", "not-startable") from error
    finally:
        output.end()

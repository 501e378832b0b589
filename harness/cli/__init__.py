"""The command line: one file per verb. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def main() -> None:
    """Run `sse-harness`."""
    try:
        with _terminable():
            _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    from harness.cli.app import app  # noqa: PLC0415 - so that importing this package costs nothing
    from harness.errors import HarnessError  # noqa: PLC0415 - likewise

    try:
        app()
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        for also in getattr(error, "also", ()):
            sys.stderr.write(f"error: {also}\n")
        sys.exit(error.exit_code)


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM, and a terminal that goes away, do what Ctrl-C does: clean up, and report."""
    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # One that is ignored, as by nohup, stays so.
    ours = [it for it in numbers if signal.getsignal(it) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)

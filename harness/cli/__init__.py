"""The command line: one file per verb. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `sse-harness`."""
    from harness.cli.app import app  # noqa: PLC0415 - so that importing this package costs nothing
    from harness.errors import HarnessError  # noqa: PLC0415 - likewise

    try:
        app()
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        for also in getattr(error, "also", ()):
            sys.stderr.write(f"error: {also}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)

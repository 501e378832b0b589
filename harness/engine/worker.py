"""What every worker process needs, imported once in the process they are forked from."""

from __future__ import annotations

from contextlib import suppress

from harness.engine import run
from harness.errors import MissingExtraError
from harness.hops.mitm import preload

# Cases without hops run without it.
with suppress(MissingExtraError):
    preload()

__all__ = ["run"]

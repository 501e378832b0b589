"""What every worker process needs, imported once in the process they are forked from."""

from __future__ import annotations

import importlib.util

from harness.engine import run

if importlib.util.find_spec("mitmproxy") is not None:
    from harness.hops.mitm import lean  # isort: skip - before anything else of mitmproxy
    from harness.hops.mitm import chain

    __all__ = ["chain", "lean", "run"]
else:
    __all__ = ["run"]

"""Where a program stands that is given the user's own configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where the program is to stand.

    Args:
        listens: What each of its `listen` says: `127.0.0.1:8080`, `127.0.0.1:8081 http2`.
        upstream: Where it connects to: `127.0.0.1:9000`.
        scratch: A directory of its own, absolute.
        is_root: Whether it is started by root.
        folder: Where names in the user's file start that are relative.
    """

    listens: tuple[str, ...]
    upstream: str
    scratch: str
    is_root: bool
    folder: Path

"""Packages that real hops are made of: npm's, and Python's of the interpreter that runs this."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

_MODULES = "node_modules"


def node_modules(packages: Sequence[str]) -> Path | None:
    """The directory that has these npm packages, all of them; None: there is none.

    Looked for as Node.js does for a program in the current directory: in the `node_modules` of it
    and of each directory above, then in those of NODE_PATH.
    """
    for place in _places():
        if all((place / it / "package.json").is_file() for it in packages):
            return place
    return None


def _places() -> Iterator[Path]:
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield folder / _MODULES
    for folder in map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep))):
        yield folder.absolute()


def npm_version(package: str, modules: Path) -> str:
    """The version of an npm package in such a directory; "" where it tells none."""
    read = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))
    return str(read.get("version", "")) if isinstance(read, dict) else ""


def python_version(package: str) -> str | None:
    """The version of a Python package; None: it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

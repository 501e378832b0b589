"""Configurations of nginx for the tests to write and read."""

from __future__ import annotations

from pathlib import Path

from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files

FIRST = "nginx.conf"


def written(folder: Path, *texts: str, **others: str) -> Path:
    """Write files, the first as nginx.conf, and the others by name: `sites__a` is sites/a.conf."""
    files = {FIRST: "\n".join(texts)}
    files |= {f"{name.replace('__', '/')}.conf": text for name, text in others.items()}
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return folder / FIRST


def read(folder: Path, *texts: str, **others: str) -> Directive:
    """Write files and read the first; see `written`."""
    return read_files(written(folder, *texts, **others), FIRST)


def http(folder: Path, *lines: str) -> Directive:
    """The http block that these lines make, which begins on line 1."""
    return next(read(folder, "http {", *lines, "}").having("http"))


def server(folder: Path, *lines: str) -> Directive:
    """The server that these lines make, which begins on line 2."""
    return next(http(folder, "server {", *lines, "}").having("server"))

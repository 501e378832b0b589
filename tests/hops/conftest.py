from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from harness.hops.mitm import make_ca, preload

# Warnings are errors here, and mitmproxy gives some when it is imported.
preload()


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CA of a run."""
    directory = tmp_path_factory.mktemp("ca")
    make_ca(directory)
    return directory


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a script; the directory it is in."""

    def script(text: str) -> Path:
        (tmp_path / "addon.py").write_text(dedent(text))
        return tmp_path

    return script

from __future__ import annotations

from pathlib import Path

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

"""Where a program's last words are kept until they are read, and without what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from harness.engine import real_hop
from harness.errors import HopError
from harness.model.secret_values import Secrets
from harness.scenario.chain import parse_chain

SAYS = "#!/bin/sh\necho 'nginx: [emerg] it cannot be, said planted-secret'\nexit 3\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are, beside an nginx that cannot start."""
    fake = tmp_path / "bin" / "nginx"
    fake.parent.mkdir()
    fake.write_text(SAYS)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def said(folder: Path | None, secrets: Secrets | None) -> str:
    (hop,) = parse_chain("[{real: nginx}]")

    async def stand() -> None:
        await real_hop.stand(hop, 1, ("127.0.0.1", 1), folder, lambda _: None, secrets=secrets)

    with pytest.raises(HopError) as refused:
        trio.run(stand)
    return refused.value.message


LAST = "nginx (real) ended with 3 before it listened: nginx: [emerg] it cannot be, said {}"


@pytest.mark.parametrize("secrets", [None, Secrets(("planted-secret",))])
@pytest.mark.parametrize("has_folder", [True, False])
def test_its_last_words_are_told_wherever_they_are_kept(
    secrets: Secrets | None, has_folder: bool, tmp_path: Path, temporary: Path
) -> None:
    folder = tmp_path / "hop-1" if has_folder else None
    # Whoever records this strikes secrets out of it.
    assert said(folder, secrets) == LAST.format("planted-secret")
    assert list(temporary.iterdir()) == []
    if folder is not None:
        kept = "[redacted]" if secrets else "planted-secret"
        assert (folder / "log.txt").read_text() == f"nginx: [emerg] it cannot be, said {kept}\n"

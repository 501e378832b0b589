"""Our own files, read by libyaml: the same values, places and words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import yamlio
from harness.errors import ScenarioError
from harness.products.load import DIRECTORY
from harness.scenario.builtin import suite

OURS = sorted([*DIRECTORY.glob("*.yaml"), *suite().rglob("*.yaml")])


def test_libyaml_reads_every_file_of_ours_alike() -> None:
    """Values, places and texts; where libyaml is missing, one parser is held against itself."""
    assert len(OURS) > 200
    assert [it for it in OURS if yamlio.load_file(it) != yamlio.load_file(it, is_known=True)] == []


def test_a_mistake_in_a_file_of_ours_is_told_in_our_words(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("a: [1, 2\nb: 3\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as plain:
        yamlio.load_file(file)
    with pytest.raises(ScenarioError) as known:
        yamlio.load_file(file, is_known=True)

    assert str(known.value) == str(plain.value)

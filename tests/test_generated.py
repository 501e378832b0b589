"""The generated files are what they would be made now."""

from __future__ import annotations

from harness.checks.registry import CHECKS
from harness.ends.flaws import FLAWS
from harness.faults.registry import FAULTS
from tests import generated


def test_generated_files_are_fresh() -> None:
    assert generated.stale() == [], "uv run python -m tests.generated"


def test_every_fault_check_flaw_and_case_is_in_the_catalogue() -> None:
    text = generated.files()[generated.ROOT / "docs" / "catalogue.md"]
    names = [*CHECKS, *FLAWS, *FAULTS]
    assert [name for name in names if f"`{name}`" not in text] == []

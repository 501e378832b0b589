from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.ends.flaws import FLAWS
from harness.scenario.builtin import suite, suite_of
from harness.scenario.load import load
from harness.scenario.select import scenario_files


def test_a_wheel_has_the_suite_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "harness"
    (package / "_scenarios").mkdir(parents=True)
    (tmp_path / "site-packages" / "scenarios").mkdir()
    assert suite_of(package) == package / "_scenarios"


def test_a_checkout_has_it_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert suite_of(tmp_path / "harness") == tmp_path / "scenarios"


def test_anybody_may_have_a_directory_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    assert suite_of(tmp_path / "harness") is None


def test_the_suite_is_named_from_the_current_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert harness.__file__ is not None
    root = Path(harness.__file__).parent.parent
    if suite_of(root / "harness") is None:
        pytest.skip("this checkout has no scenarios yet")
    monkeypatch.chdir(root)
    assert suite() in {Path("scenarios"), Path("harness/_scenarios")}
    monkeypatch.chdir(tmp_path)
    assert suite().is_absolute()
    assert suite().is_dir()


def test_the_scenario_of_an_id_is_in_the_file_of_that_name() -> None:
    found = suite()
    ids = {file: load(file, flaws=FLAWS).scenario.id for file in scenario_files(found)}
    assert ids
    assert ids == {file: file.relative_to(found).with_suffix("").as_posix() for file in ids}


def test_no_outcome_of_the_suite_is_a_matter_of_a_millisecond() -> None:
    files = scenario_files(suite())
    warned = {it.name: load(it, flaws=FLAWS).warnings for it in files}
    assert warned
    tied = {name: it for name, it in warned.items() if "which comes first" in " ".join(it)}
    assert tied == {}

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError, UsageError
from harness.model.scenario import Target
from harness.scenario.expand import expand
from harness.scenario.select import matching, scenario_files, select
from tests.scenario.files import FLAWS, VALID, scenario, written


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built-in suite of three scenarios, and an empty current directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    directory = tmp_path / "suite"
    written(directory, VALID, "idle/quiet.yaml")
    written(directory, scenario("idle/lively"), "idle/lively.yml")
    written(directory, scenario("cut/reset"), "cut.yaml")
    return directory


def selected(suite: Path, *words: str) -> list[str]:
    """The ids of the cases that `words` select, twins if they are named."""
    found = []
    for one in select(words, suite=suite, flaws=FLAWS):
        cases = expand(
            one.loaded, target=Target(), clock="virtual", seed=7, has_twins=one.has_twins
        )
        found += [case.id for case in cases if one.keeps(case)]
    return found


QUIET = ["idle/quiet[60s]", "idle/quiet[20s]"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], ["cut/reset", "idle/lively", *QUIET]),
        (["idle/quiet"], QUIET),
        (["idle/quiet[20s]"], ["idle/quiet[20s]"]),
        (["idle/quiet[20s]+no-heartbeat"], ["idle/quiet[20s]+no-heartbeat"]),
        (["idle/quiet[20s]", "idle/quiet[60s]"], QUIET),
        (["idle/quiet[20s]", "idle/quiet"], QUIET),
        (["idle"], ["idle/lively", *QUIET]),
        (["idle/"], ["idle/lively", *QUIET]),
        (["cut/reset", "idle/lively"], ["cut/reset", "idle/lively"]),
        (["idle/lively", "idle"], ["idle/lively", *QUIET]),
    ],
)
def test_ids_name_scenarios_cases_twins_and_folders(
    suite: Path, words: list[str], ids: list[str]
) -> None:
    assert selected(suite, *words) == ids


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("../suite/cut.yaml", ["cut/reset"]),
        ("../suite/idle", ["idle/lively", *QUIET]),
        ("../suite/idle/", ["idle/lively", *QUIET]),
        ("../suite", ["cut/reset", "idle/lively", *QUIET]),
    ],
)
def test_files_and_directories_are_loaded(suite: Path, word: str, ids: list[str]) -> None:
    assert selected(suite, word) == ids


def test_a_file_named_twice_is_one_scenario(suite: Path) -> None:
    assert selected(suite, "../suite/cut.yaml", "../suite/../suite/cut.yaml") == ["cut/reset"]


def test_files_and_ids_mix(suite: Path) -> None:
    written(Path(), scenario("mine"))
    assert selected(suite, "x.yaml", "cut/reset", "../suite/cut.yaml") == ["mine", "cut/reset"]


def test_a_copy_of_a_built_in_scenario_is_meant_instead(suite: Path) -> None:
    written(Path(), scenario("idle/quiet"))
    assert selected(suite, "x.yaml", "idle") == ["idle/quiet", "idle/lively"]


def test_a_directory_without_scenarios_may_have_the_name_of_an_id(suite: Path) -> None:
    Path("cut").mkdir()
    assert selected(suite, "cut") == ["cut/reset"]


def test_a_file_that_was_not_asked_for_is_not_even_read(suite: Path) -> None:
    written(suite, "id: 5\n", "z.yaml")
    assert selected(suite, "idle/quiet[20s]") == ["idle/quiet[20s]"]
    with pytest.raises(ScenarioError):
        selected(suite, "no/such")


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", "c.yaml.bak", ".d.yaml", ".git/e.yaml", "f/g.yaml", "h.py"):
        written(tmp_path, "", name)
    names = [str(file.relative_to(tmp_path)) for file in scenario_files(tmp_path)]
    assert names == ["a.yaml", "b.yml", "f/g.yaml"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("idle/quite", "unknown scenario idle/quite; did you mean idle/quiet?"),
        ("idle/quiet[61s]", "unknown scenario idle/quiet[61s]; did you mean idle/quiet[60s]?"),
        ("zzz", "unknown scenario zzz"),
        ("z" * 300, f"unknown scenario {'z' * 60}…"),
        ("gone.yaml", "there is no file gone.yaml"),
        ("../gone", "there is no file ../gone"),
        (".", "there is no scenario in .: no .yaml file"),
    ],
)
def test_a_word_that_names_nothing_is_told(suite: Path, word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        selected(suite, word)
    assert str(caught.value) == message


def test_two_files_may_not_have_one_id(suite: Path) -> None:
    written(Path(), scenario("mine"), "a.yaml")
    written(Path(), scenario("mine"), "b.yaml")
    with pytest.raises(ScenarioError, match=r"b.yaml:1:5: id: mine is the id of a.yaml already"):
        selected(suite, "a.yaml", "b.yaml")


def test_one_wrong_file_stops_the_run(suite: Path) -> None:
    written(suite, "id: 5\n", "z.yaml")
    with pytest.raises(ScenarioError, match=r"z.yaml:1:1: why: required, but missing"):
        selected(suite)


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ("", [*QUIET, *(f"{it}+no-heartbeat" for it in QUIET)]),
        ("60s and not twin", ["idle/quiet[60s]"]),
        ("twin and 20s", ["idle/quiet[20s]+no-heartbeat"]),
        ("cut", []),
    ],
)
def test_an_expression_keeps_cases_by_id_and_twins_by_that_word(
    suite: Path, expression: str, ids: list[str]
) -> None:
    (one,) = select(["idle/quiet"], suite=suite, flaws=FLAWS)
    cases = expand(one.loaded, target=Target(), clock="virtual", seed=7, has_twins=True)
    assert sorted(case.id for case in matching(cases, expression)) == sorted(ids)

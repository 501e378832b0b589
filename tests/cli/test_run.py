"""`sse-harness run`, from the command line to the files it leaves."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.command import Command

QUICK = """\
id: mine/quick
why: a test
traffic: {every: 1s, end_after: 3s}
expect: {no_event_lost: true, ids_advance: true}
twin: [{flaw: no-ids, fails: ids_advance}]
"""
MATRIX = f"{QUICK}matrix: {{traffic.every: [1s, 500ms]}}\n"


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    file = tmp_path / "quick.yaml"
    file.write_text(QUICK)
    return file


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    file = tmp_path / "matrix.yaml"
    file.write_text(MATRIX)
    return file


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def verdict(reports: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reports / "latest" / "verdict.json").read_bytes())
    return found


def listed(command: Command, *words: str) -> list[str]:
    said = command("run", *words, "--list")
    assert said.code == 0
    return [line.partition("  ")[0] for line in said.lines]


# -- selecting -------------------------------------------------------------------------------------


def test_cases_are_listed_with_why_they_exist(command: Command, quick: Path) -> None:
    said = command("run", str(quick), "--list")
    assert (said.code, said.err) == (0, "")
    assert said.lines == ["mine/quick  a test", "mine/quick+no-ids  a test"]


def test_without_words_the_whole_suite_is_meant(command: Command) -> None:
    whole = listed(command)
    assert len(whole) > 50
    assert {"direct/healthy", "direct/healthy+no-ids", "idle/proxy-60s"} <= set(whole)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-k", "no-ids"], ["mine/quick[1s]+no-ids", "mine/quick[500ms]+no-ids"]),
        (["-k", "not twin"], ["mine/quick[1s]", "mine/quick[500ms]"]),
        (["-k", "[1s] and not twin"], ["mine/quick[1s]"]),
        (["--flaw", "no-heartbeat"], ["mine/quick[1s]", "mine/quick[500ms]"]),
        (["--url", "http://127.0.0.1:1/"], ["mine/quick[1s]", "mine/quick[500ms]"]),
    ],
    ids=" ".join,
)
def test_cases_are_selected(
    command: Command, matrix: Path, words: list[str], expected: list[str]
) -> None:
    assert listed(command, str(matrix), *words) == expected


def test_a_chain_alone_is_a_case_of_its_own(command: Command) -> None:
    assert listed(command, "--through", "[{latency: {delay: 1ms}}]") == ["ad-hoc"]


def test_what_is_probably_not_meant_is_a_warning(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tie.yaml"
    file.write_text(
        "id: mine/tie\nwhy: a test\n"
        "traffic: {every: 60s, end_after: 200s}\n"
        "through: [{idle_timeout: {after: 60s}}]\n"
    )
    said = command("run", str(file), "--list")
    assert (said.code, said.out) == (0, "mine/tie  a test\n")
    [warning] = said.err.splitlines()
    assert warning.startswith(f"warning: {file}:")
    assert "60s" in warning


# -- settings of products --------------------------------------------------------------------------


@pytest.fixture
def behind_nginx(tmp_path: Path) -> Path:
    file = tmp_path / "nginx.yaml"
    file.write_text(
        "id: mine/nginx\nwhy: a test\n"
        "traffic: {every: 1s, silence: [{from: 10s, to: 100s}], end_after: 200s}\n"
        "through: [nginx]\n"
        "expect: {stays_open: 200s}\n"
    )
    return file


def test_a_setting_of_a_product_holds_for_the_run_and_for_running_it_again(
    command: Command, reports: Path, behind_nginx: Path
) -> None:
    words = [str(behind_nginx), "--set", "nginx.proxy_read_timeout=8s"]
    said = command("run", *words, "--report-dir", str(reports), "-n", "1")
    assert said.code == 1
    [case] = verdict(reports)["cases"]
    assert case["through"] == ["nginx@1.22 proxy_read_timeout=8s"]
    assert "--set nginx.proxy_read_timeout=8s" in case["again"]
    assert listed(command, *shlex.split(case["again"])[2:]) == ["mine/nginx"]


@pytest.mark.parametrize("verb", [["run", "direct/healthy"], ["trace", "http://127.0.0.1:1/"]])
def test_a_setting_that_no_chain_has_is_a_mistake(command: Command, verb: list[str]) -> None:
    said = command(*verb, "--set", "nginx.gzip=on")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: --set nginx.gzip=on: no chain goes through nginx\n"


# -- running ---------------------------------------------------------------------------------------


def test_a_run_that_passes(command: Command, quick: Path, reports: Path) -> None:
    said = command("run", str(quick), "--report-dir", str(reports), "-n", "1", "--no-color")
    assert (said.code, said.err) == (0, "")
    assert said.lines[0] == "testing the built-in reference server, not yours"
    assert "PASS  1 case passed; 1 of 1 twins caught" in said.lines
    assert "\x1b" not in said.out
    found = verdict(reports)
    assert (found["outcome"], found["exit_code"], found["seed"]) == ("PASS", 0, 1)
    assert [case["outcome"] for case in found["cases"]] == ["PASS", "PASS"]
    for case in found["cases"]:
        assert (reports / "latest" / case["journal"]).is_file()
    root = ET.fromstring((reports / "latest" / "junit.xml").read_text())
    assert [it.get("name") for it in root.iter("testcase")] != []


def test_a_run_that_fails_is_exit_code_1(command: Command, quick: Path, reports: Path) -> None:
    words = ["--flaw", "no-ids", "--report-dir", str(reports), "-n", "1"]
    said = command("run", str(quick), *words)
    assert said.code == 1
    assert verdict(reports)["outcome"] == "FAIL"
    assert any(line.startswith("FAIL mine/quick · ids_advance") for line in said.lines)


@pytest.mark.parametrize(
    ("kinds", "files"),
    [
        ("json", {"verdict.json"}),
        ("junit", {"junit.xml"}),
        (" json , ", {"verdict.json"}),
        ("", set()),
    ],
)
def test_only_the_reports_that_are_asked_for_are_written(
    command: Command, quick: Path, reports: Path, kinds: str, files: set[str]
) -> None:
    words = ["--report", kinds, "--report-dir", str(reports), "-n", "1", "-k", "not twin"]
    assert command("run", str(quick), *words).code == 0
    assert {it.name for it in (reports / "latest").iterdir() if it.is_file()} == files


@pytest.mark.parametrize("option", [["-x"], ["--max-failures", "1"]], ids=" ".join)
def test_it_stops_at_the_first_failure(
    command: Command, matrix: Path, reports: Path, option: list[str]
) -> None:
    words = ["--flaw", "no-ids", "--report-dir", str(reports), "-n", "1", *option]
    assert command("run", str(matrix), *words).code == 1
    assert [case["id"] for case in verdict(reports)["cases"]] == ["mine/quick[1s]"]


def test_a_seed_and_a_clock_are_kept(command: Command, quick: Path, reports: Path) -> None:
    words = ["--seed", "7", "--report-dir", str(reports), "-n", "1", "-k", "not twin"]
    assert command("run", str(quick), *words).code == 0
    found = verdict(reports)
    assert (found["seed"], found["clock"]) == (7, "virtual")


def test_a_target_that_is_not_there_is_an_error_and_exit_code_4(
    command: Command, quick: Path, reports: Path
) -> None:
    words = ["--url", "http://127.0.0.1:1/", "--report-dir", str(reports)]
    said = command("run", str(quick), *words)
    assert said.code == 4
    [case] = verdict(reports)["cases"]
    assert case["outcome"] == "ERROR"
    assert "connection refused" in said.out


def test_a_finished_run_is_judged_again(command: Command, quick: Path, reports: Path) -> None:
    words = ["--flaw", "no-ids", "--report-dir", str(reports), "-n", "1"]
    command("run", str(quick), *words)
    before = verdict(reports)
    (reports / "latest" / "junit.xml").unlink()
    said = command("run", "--from", str(reports))
    assert said.code == 1
    assert (reports / "latest" / "junit.xml").is_file()
    after = verdict(reports)
    assert after == {**before, "version": after["version"]}


def test_an_interrupted_run_is_judged_from_its_journals(
    command: Command, quick: Path, reports: Path
) -> None:
    command("run", str(quick), "--report-dir", str(reports), "-n", "1", "-k", "not twin")
    (reports / "latest" / "verdict.json").unlink()
    assert command("run", "--from", str(reports)).code == 0
    assert [case["id"] for case in verdict(reports)["cases"]] == ["mine/quick"]


# -- running again ---------------------------------------------------------------------------------


def again_lines(command: Command, reports: Path, *words: str) -> dict[str, str]:
    """What each case of a run says is to be typed to have it again."""
    command("run", *words, "--report-dir", str(reports), "-n", "1", "--report", "json")
    return {case["id"]: case["again"] for case in verdict(reports)["cases"]}


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["direct/told-to-stop"], ["direct/told-to-stop+reconnect-loop"]),
        (["direct/healthy+no-ids"], []),
        (["--through", "[{latency: {delay: 1ms}}]"], []),
        (["direct/told-to-stop", "--flaw", "no-heartbeat", "--seed", "7"], []),
        (["direct/told-to-stop", "--through", "[{latency: {delay: 1ms}}]"], []),
        (["--through", "nginx", "--set", "nginx.proxy_read_timeout=5s"], []),
    ],
    ids=["case", "twin", "chain", "flaw", "through", "set"],
)
def test_the_line_to_run_a_case_again_selects_it_and_its_twins(
    command: Command, reports: Path, words: list[str], extra: list[str]
) -> None:
    lines = again_lines(command, reports, *words)
    case_id, *_ = lines
    program, verb, *rest = shlex.split(lines[case_id])
    assert (program, verb) == ("sse-harness", "run")
    assert listed(command, *rest) == [case_id, *extra]


def test_the_line_to_run_a_case_of_a_file_again_selects_it_and_its_twin(
    command: Command, reports: Path, matrix: Path
) -> None:
    lines = again_lines(command, reports, str(matrix))
    assert {case_id: listed(command, *shlex.split(it)[2:]) for case_id, it in lines.items()} == {
        "mine/quick[1s]": ["mine/quick[1s]", "mine/quick[1s]+no-ids"],
        "mine/quick[1s]+no-ids": ["mine/quick[1s]+no-ids"],
        "mine/quick[500ms]": ["mine/quick[500ms]", "mine/quick[500ms]+no-ids"],
        "mine/quick[500ms]+no-ids": ["mine/quick[500ms]+no-ids"],
    }


def test_the_line_to_run_a_case_again_selects_it_even_if_its_values_have_brackets(
    command: Command, reports: Path, tmp_path: Path
) -> None:
    file = tmp_path / "brackets.yaml"
    file.write_text(f"{QUICK}matrix: {{traffic.end_marker: ['(a b)', c]}}\n")
    [line] = again_lines(command, reports, str(file), "-k", "a and not twin").values()
    assert "mine/quick[(a_b)]" in listed(command, *shlex.split(line)[2:])


def test_the_line_to_run_a_case_again_runs_it_as_it_was(
    command: Command, reports: Path, quick: Path
) -> None:
    words = ["--flaw", "no-ids", "--seed", "7", "--clock", "virtual"]
    [(case_id, line)] = again_lines(command, reports, str(quick), *words).items()
    before = verdict(reports)
    said = command(*shlex.split(line)[1:], "--report-dir", str(reports), "-n", "1")
    after = verdict(reports)
    assert (said.code, case_id) == (1, "mine/quick")
    assert after["seed"] == 7
    assert after["cases"][0]["journal_sha256"] == before["cases"][0]["journal_sha256"]


def test_the_line_to_run_a_case_again_holds_no_secret(
    command: Command, reports: Path, quick: Path
) -> None:
    words = [
        "--url", "http://127.0.0.1:1/?token=s3cret", "-H", "Authorization: s3cret",
        "-d", "s3cret", "-X", "PUT", "--clock", "real",
    ]  # fmt: skip
    [line] = again_lines(command, reports, str(quick), *words).values()
    assert "s3cret" not in line
    for word in ("--url", "-X PUT", "-d", '"Authorization: $TOKEN"', "--clock real", "--seed 1"):
        assert word in line


# -- somebody else's server ------------------------------------------------------------------------

# RFC 5737: an address of nobody's. Nothing is sent to it: the options are refused before.
ELSEWHERE = "http://192.0.2.1/events"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--through", "nginx", "-n", "2"), "-n 2"),
        (("sharing/seventh-tab", "--through", "nginx"), "sharing/seventh-tab"),
    ],
)
def test_several_streams_at_once_elsewhere_have_to_be_allowed(
    words: tuple[str, ...], what: str, command: Command, reports: Path
) -> None:
    said = command("run", "--url", ELSEWHERE, *words, "--report-dir", str(reports))
    assert said.code == 2
    assert said.err.startswith(f"error: {what}")
    assert "at once at 192.0.2.1: --allow-load" in said.err
    assert not reports.exists()

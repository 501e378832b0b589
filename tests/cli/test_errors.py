"""What cannot be done is said on stderr, in one line, with the exit code it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Command, Said

URL = "http://127.0.0.1:1/"


def test_no_verb_shows_the_help(command: Command) -> None:
    said = command()
    assert said.code == 2
    assert "Usage: sse-harness [OPTIONS] COMMAND [ARGS]..." in said.out + said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nope"], "No such command 'nope'"),
        (["run", "--clock", "fast"], "'auto', 'real' or 'virtual'"),
        (["run", "--seed", "x"], "valid integer"),
        (["run", "-n", "0"], "greater than or equal to 1"),
        (["run", "--max-failures", "0"], "greater than or equal to 1"),
        (["run", "--nope"], "No such option: --nope"),
        (["serve", "--port", "65536"], "less than or equal to 65535"),
        (["serve", "--port", "-1"], "greater than or equal to 0"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_words_that_are_none_of_a_command(command: Command, words: list[str], why: str) -> None:
    said = command(*words)
    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert "Traceback" not in said.err


NO_URL = "expected a URL such as http://127.0.0.1:8000/events, got x"
NO_DURATION = "expected a duration with a unit such as 30s or 250ms, got 5"
NEEDS_URL = "-X, -d and -H go with --url"
BAD_CHAIN = "[{idle_timeot: {after: 5s}}]"
NO_FAULT = (
    "--through:1:3: [0].idle_timeot: unknown product or fault idle_timeot; "
    "did you mean idle_timeout?"
)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["run", "nope"], "unknown scenario nope"),
        (["run", "idle/proxy-60"], "unknown scenario idle/proxy-60; did you mean idle/proxy-60s?"),
        (["run", "./nope.yaml"], "there is no file ./nope.yaml"),
        (["run", "-k", "(("], "-k ((: expected a word, not, or (, got the end"),
        (["run", "--flaw", "no-idss"], "unknown flaw no-idss; did you mean no-ids?"),
        (["run", "--report", "jsn"], "--report jsn: unknown kind; did you mean json?"),
        (["run", "--report", "pdf"], "--report pdf: unknown kind; there are json, junit"),
        (
            ["run", "--through", BAD_CHAIN],
            NO_FAULT,
        ),
        (["run", "--url", "x"], NO_URL),
        (
            ["run", "--url", URL, "--flaw", "no-ids"],
            "--flaw is for the reference server, not for --url",
        ),
        (
            ["run", "--url", URL, "--clock", "virtual"],
            "--clock virtual cannot move a server outside of this process: --url",
        ),
        (["run", "-X", "POST"], NEEDS_URL),
        (["run", "-d", ""], NEEDS_URL),
        (["run", "-H", "A: b"], NEEDS_URL),
        (["run", "-H", "nocolon"], "-H 'nocolon': expected 'Name: value'"),
        (["run", "--url", URL, "-X", "B AD"], "-X B AD: expected a method such as POST"),
        (["run", "--from", "nope"], "nope: expected the directory of a run, got nothing there"),
        (["trace", "x"], NO_URL),
        (["trace", URL, "--max-time", "5"], f"--max-time 5: {NO_DURATION}"),
        (["trace", URL, "--max-time", "0s"], "--max-time: expected a time above zero"),
        (["trace", URL, "-H", "a b: c"], "-H a b: expected a name without blanks in it"),
        (
            ["trace", URL, "--through", BAD_CHAIN],
            NO_FAULT,
        ),
        (["trace"], "expected the URL of a stream"),
        (["serve", "--every", "0s"], "expected times above zero"),
        (["serve", "--every", "5"], NO_DURATION),
        (["serve", "--heartbeat", "5"], NO_DURATION),
        (["serve", "--flaw", "no-idss"], "unknown flaw no-idss; did you mean no-ids?"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: Command, words: list[str], line: str
) -> None:
    assert command(*words) == Said(2, "", f"error: {line}\n")


@pytest.mark.parametrize("words", [["trace", URL], ["trace", URL, "--json"]], ids=" ".join)
def test_a_target_that_is_not_there_is_exit_code_4(command: Command, words: list[str]) -> None:
    said = command(*words)
    assert (said.code, said.out) == (4, "")
    assert said.err == "error: http://127.0.0.1:1: connection refused\n"


def test_reports_that_cannot_be_written_are_exit_code_4(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    said = command("run", "direct/healthy", "--report-dir", str(file / "reports"))
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        f"error: the report directory {file}/reports cannot be written: not a directory\n"
    )


@pytest.mark.parametrize("words", [["--list"], []], ids=["list", "run"])
def test_nothing_selected_is_exit_code_5(
    command: Command, words: list[str], tmp_path: Path
) -> None:
    said = command("run", "-k", "nothing-has-this-id", "--report-dir", str(tmp_path), *words)
    assert (said.code, said.out, said.err) == (5, "nothing selected\n", "")
    assert list(tmp_path.iterdir()) == []


SCENARIO = """\
id: mine/wrong
why: a test
traffic: {every: 5, end_after: 5s}
clients: eventsource
"""


def test_each_mistake_in_a_file_is_a_line_with_its_place(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(SCENARIO)
    said = command("run", str(file))
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"error: {file}:3:18: traffic.every: {NO_DURATION}",
        f"error: {file}:4:1: clients: unknown key; did you mean client?",
    ]


def test_an_interrupt_is_exit_code_130(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.running.select_cases", interrupted)
    said = command("run", "--report-dir", str(tmp_path))
    assert (said.code, said.out, said.err) == (130, "", "")

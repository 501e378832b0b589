"""What is typed wrong is said in one line, before anything runs, with the exit code for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.model import verdict
from harness.model.verdict import Verdict
from tests.bad_targets.conftest import Answer, Cli

URL = "http://127.0.0.1:9/"
SCENARIO = "{id: one/%s, why: a test, traffic: {every: 4s, end_after: 9s}, expect: {%s}}"
GOOD = SCENARIO % ("good", "no_event_lost: true")
BAD = SCENARIO % ("bad", "heartbeat_within: 1s")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scenarios(here: Path) -> Path:
    """Three scenarios, of which the first two fail."""
    folder = here / "scenarios"
    folder.mkdir()
    (folder / "1.yaml").write_text(BAD)
    (folder / "2.yaml").write_text(BAD.replace("one/bad", "one/worse"))
    (folder / "3.yaml").write_text(GOOD)
    return folder


def written(reports: Path) -> Verdict:
    return verdict.decode((reports / "latest" / "verdict.json").read_bytes())


# -- wrong words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--url", URL, "--flaw", "no-heartbeat"), "--flaw is for the reference server, not for"),
        (("--url", URL, "--clock", "virtual"), "--clock virtual cannot move a server outside"),
        (("--flaw", "no-heartbeet"), "unknown flaw no-heartbeet; did you mean no-heartbeat?"),
        (("--flaw", "zzz"), "unknown flaw zzz; there are no-heartbeat, "),
        (("direct/helthy",), "unknown scenario direct/helthy; did you mean direct/healthy?"),
        (("zzz/zzz",), "unknown scenario zzz/zzz"),
        (("missing.yaml",), "there is no file missing.yaml"),
        (("--report", "jsn"), "--report jsn: unknown kind; did you mean json?"),
        (("--report", "zzz"), "--report zzz: unknown kind; there are json, junit"),
        (("--through", "bufer"), "1:1: [0]: unknown product bufer; did you mean buffer?"),
        (
            ("--through", "[{bufer: {}}]"),
            "--through:1:3: [0].bufer: unknown product or fault bufer; ",
        ),
        (
            ("--through", "[{buffer: {block: 4}}]"),
            "--through:1:19: [0].buffer.block: expected a size",
        ),
        (("--through", "{buffer: {}}"), "--through:1:1: expected a list of hops, got a mapping"),
        (("--through", "[{"), "--through:1:"),
        (("--through", ""), "--through:1:1: expected a value, got nothing"),
        (("--url", URL, "-H", "no colon"), "-H 'no colon': expected 'Name: value'"),
        (("-H", "a: b"), "-X, -d and -H go with --url"),
        (("-d", "x"), "-X, -d and -H go with --url"),
        (("--insecure",), "--insecure and --cacert go with --url"),
        (("--url", "127.0.0.1:80"), "expected a URL such as http://127.0.0.1:8000/events"),
        (("--url", "http://127.0.0.1:99999/"), "port out of range 0-65535"),
        (("--url", "http://a..b/"), "URL http://a..b/: "),
        (("--url", "http://[::1/"), "URL http://[::1/: "),
        (("-k", "idle and"), "-k idle and: expected a word, not, or (, got the end"),
        (("--from", "missing"), "missing: expected the directory of a run, got nothing there"),
        (("--from", "."), "holds no run: neither verdict.json nor */journal.jsonl"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else "",
)
def test_run_says_what_is_wrong_and_runs_nothing(
    args: tuple[str, ...], says: str, cli: Cli, here: Path
) -> None:
    answer = cli("run", *args)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert says in answer.err
    assert len(answer.err.splitlines()) == 1
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("trace", "ftp://127.0.0.1/"), "expected a URL such as"),
        (("trace", URL, "--max-time", "5"), "--max-time 5: expected a duration with a unit"),
        (("trace", URL, "--max-time", "0s"), "--max-time: expected a time above zero"),
        (("trace", URL, "-H", "x"), "-H 'x': expected 'Name: value'"),
        (("trace", URL, "--through", "[nope]"), "unknown product nope"),
        (("serve", "--flaw", "late-header"), "did you mean late-headers?"),
        (("serve", "--every", "0s"), "expected times above zero"),
        (("trace",), "expected the URL of a stream"),
        (("trace", URL, URL), "expected one URL, got 2"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else "",
)
def test_the_other_verbs_say_what_is_wrong(args: tuple[str, ...], says: str, cli: Cli) -> None:
    answer = cli(*args)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert says in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [
        ("nosuch",),
        ("run", "--nosuch"),
        ("run", "-n", "0"),
        ("run", "--max-failures", "0"),
        ("run", "--seed", "x"),
        ("run", "--clock", "fast"),
        ("serve", "--port", "99999"),
        ("serve", "--port", "-1"),
    ],
    ids=" ".join,
)
def test_what_is_no_command_is_said_with_its_usage(args: tuple[str, ...], cli: Cli) -> None:
    answer = cli(*args)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("Usage: ")
    assert "Traceback" not in answer.err


def test_a_mistake_in_a_scenario_is_shown_with_its_place(cli: Cli, here: Path) -> None:
    (here / "typo.yaml").write_text("id: one/typo\nwhy: a test\nexpects: {stays_open: 5s}\n")

    answer = cli("run", "typo.yaml")

    assert answer == (2, "", "error: typo.yaml:3:1: expects: unknown key; did you mean expect?\n")


@pytest.mark.parametrize("reports", ["file", "file/below", "/proc/reports"])
def test_reports_that_cannot_be_written_are_known_before_anything_runs(
    reports: str, cli: Cli, scenarios: Path, here: Path
) -> None:
    (here / "file").touch()

    answer = cli("run", "scenarios", "--report-dir", reports)

    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith(f"error: the report directory {reports} cannot be written: ")
    assert len(answer.err.splitlines()) == 1


# -- which cases -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--list",)], ids=["run", "list"])
def test_an_expression_that_selects_nothing_ends_with_5(how: tuple[str, ...], cli: Cli) -> None:
    assert cli("run", "-k", "zzz", *how) == (5, "nothing selected\n", "")


def test_cases_are_listed_and_not_run(cli: Cli, scenarios: Path, here: Path) -> None:
    answer = cli("run", "scenarios", "--list", "-k", "good or worse")

    assert answer == (0, "one/worse  a test\none/good  a test\n", "")
    assert not (here / "reports").exists()


@pytest.mark.parametrize(
    ("how", "ran"),
    [
        ((), ["one/bad", "one/worse", "one/good"]),
        (("-x",), ["one/bad"]),
        (("--max-failures", "1"), ["one/bad"]),
        (("--max-failures", "2"), ["one/bad", "one/worse"]),
        (("-k", "not bad"), ["one/worse", "one/good"]),
    ],
    ids=["all", "x", "one", "two", "k"],
)
def test_a_run_stops_where_it_is_told_to(
    how: tuple[str, ...], ran: list[str], cli: Cli, scenarios: Path, here: Path
) -> None:
    answer = cli("run", "scenarios", *how)

    assert answer.code == 1
    assert [it.id for it in written(here / "reports").cases] == ran
    assert sorted(it.name for it in (here / "reports" / "latest").iterdir() if it.is_dir()) == (
        sorted(it.replace("/", "~") for it in ran)
    )


# -- again -----------------------------------------------------------------------------------------


def _shown(answer: Answer) -> list[str]:
    """The report, without the progress above it."""
    lines = answer.out.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("sse-harness "))
    return lines[first:]


def test_a_run_that_is_judged_again_gets_the_same_verdict(
    cli: Cli, scenarios: Path, here: Path
) -> None:
    first = cli("run", "scenarios")
    latest = here / "reports" / "latest"
    before = {it.name: it.read_bytes() for it in latest.iterdir() if it.is_file()}

    for place in ("reports", "reports/latest", "reports/latest/verdict.json"):
        again = cli("run", "--from", place)

        assert (again.code, again.err) == (first.code, "")
        assert _shown(again)[:-2] == _shown(first)[:-2]
        assert {it.name: it.read_bytes() for it in latest.iterdir() if it.is_file()} == before


def test_a_run_without_a_verdict_is_judged_from_its_journals(
    cli: Cli, scenarios: Path, here: Path
) -> None:
    cli("run", "scenarios")
    latest = here / "reports" / "latest"
    before = {it.id: it.outcome for it in written(here / "reports").cases}
    (latest / "verdict.json").unlink()
    journal = latest / "one~good" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-100])  # killed in the middle of a line

    again = cli("run", "--from", "reports")

    assert again.code == 1
    assert {it.id: it.outcome for it in written(here / "reports").cases} == {
        **before,
        "one/good": "INCONCLUSIVE",
    }


def test_a_journal_that_was_touched_is_not_judged(cli: Cli, scenarios: Path, here: Path) -> None:
    cli("run", "scenarios")
    journal = here / "reports" / "latest" / "one~good" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"seq":1', b'"seq":2', 1))

    again = cli("run", "--from", "reports")

    assert again.code == 2
    assert again.err.endswith("is not the journal that was judged: its hash differs\n")


def test_the_command_to_run_a_case_again_runs_it_again(
    cli: Cli, scenarios: Path, here: Path
) -> None:
    cli("run", "scenarios/1.yaml", "--seed", "7")
    (case,) = written(here / "reports").cases
    assert case.again == "sse-harness run scenarios/1.yaml -k one/bad --seed 7"

    again = cli(*case.again.split()[1:])

    assert again.code == 1
    assert json.loads((here / "reports/latest/verdict.json").read_bytes())["seed"] == 7

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.ends import command as ends
from harness.ends.command import Answers, Connects, Listens, Ready, Says
from harness.errors import HarnessError, LocalEnvironmentError, UsageError
from harness.model.target import Command

URL = "http://127.0.0.1:{port}/events"
NO_SHELL = "no shell reads it: use --env and --cwd, or sh -c '…'"
NODE = Command(words=("node", "app.js", "--port={port}", "{json}"))


def test_the_port_is_filled_in_wherever_it_stands() -> None:
    changed = {"env": (("ORIGIN", "http://h:{port}"),), "ready": "http://127.0.0.1:{port}/up"}
    start = ends.start(NODE.model_copy(update=changed), URL, 4321)

    assert start.words == ("node", "app.js", "--port=4321", "{json}")
    assert start.url == "http://127.0.0.1:4321/events"
    assert start.ready == Answers("http://127.0.0.1:4321/up")
    assert (start.env["ORIGIN"], start.env["PORT"]) == ("http://h:4321", "4321")
    assert (start.at.host, start.at.port) == ("127.0.0.1", 4321)


def test_its_environment_is_ours_and_then_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HERE", "1")
    monkeypatch.setenv("PORT", "1")
    own = (("FROM_HERE", "2"), ("NEW", "3"))

    assert ends.start(NODE, URL, 5).env["FROM_HERE"] == "1"
    env = ends.start(NODE.model_copy(update={"env": own}), URL, 5).env
    assert (env["FROM_HERE"], env["NEW"], env["PORT"]) == ("2", "3", "5")
    env = ends.start(NODE.model_copy(update={"env": (("PORT", "9"),)}), URL, 5).env
    assert env["PORT"] == "9"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Connects()),
        ("8000", Listens(8000)),
        ("https://h/x", Answers("https://h/x")),
        ("Listening on", Says("Listening on")),
        ("8000 is up", Says("8000 is up")),
    ],
)
def test_what_ready_means(text: str, expected: Ready) -> None:
    assert ends.read_ready(text) == expected


@pytest.mark.parametrize(("url", "port"), [(URL, 0), ("http://h:81/", 81), ("https://h/", 443)])
def test_the_port_of_a_url_is_fixed_or_left_open(url: str, port: int) -> None:
    assert ends.fixed_port(url) == port


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"words": ("no-such",)}, LocalEnvironmentError,
         "--command no-such: there is no such program"),
        ({"words": ("A=1", "node")}, LocalEnvironmentError,
         "--command A=1: there is no such program; " + NO_SHELL),
        ({"words": ("./app",)}, LocalEnvironmentError, "--command ./app: there is no such program"),
        ({"cwd": "/no/such"}, UsageError, "--cwd /no/such: there is no such directory"),
        ({"ready": "70000"}, UsageError, "--ready 70000: expected a port, 1 to 65535"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_is_told_before_anything_runs(
    changed: dict[str, object], kind: type[HarnessError], said: str, tmp_path: Path
) -> None:
    whole = Command(words=(sys.executable,), cwd=str(tmp_path))
    with pytest.raises(kind) as refused:
        ends.check(whole.model_copy(update=changed), URL)
    assert str(refused.value) == said


def test_a_program_is_found_from_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("#!/bin/sh\n")
    (tmp_path / "app").chmod(0o755)
    ends.check(Command(words=("./app",), cwd=str(tmp_path)), URL)


def test_a_command_is_named_without_its_secrets() -> None:
    words = ("node", "app.js", "--api-key", "s3cr3t", "DB_PASSWORD=hunter2", "http://u:pw@h/")
    assert ends.called(Command(words=words)) == (
        "node app.js --api-key '[redacted]' 'DB_PASSWORD=[redacted]' …"
    )

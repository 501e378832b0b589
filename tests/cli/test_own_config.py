"""A run through the user's own nginx.conf, from the command line to the verdict."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.command import Command

CONF = """\
server {
    listen 80;
    location /api/ {
        proxy_pass http://app;
        proxy_read_timeout 20s;
        limit_rate 4k;
    }
}
"""
SCENARIO = """\
id: mine/quiet
why: a test
traffic: {every: 1s, silence: [{from: 5s, to: 40s}], end_after: 45s}
through: [{nginx: {config: ../nginx/site.conf, location: /api/stream}}]
expect: {stays_open: 40s}
"""


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    for name, text in {"nginx/site.conf": CONF, "scenarios/quiet.yaml": SCENARIO}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path / "scenarios" / "quiet.yaml"


def test_a_verdict_names_the_directive_and_its_line_and_needs_no_file(
    command: Command, quiet: Path, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    said = command(
        "run", str(quiet), "--flaw", "no-heartbeat", "--report-dir", str(reports), "-n", "1"
    )
    verdict = json.loads((reports / "latest" / "verdict.json").read_bytes())
    (limit,) = (it for it in verdict["cases"][0]["faults"] if it["fault"] == "idle_timeout")
    (tmp_path / "nginx" / "site.conf").unlink()
    again = command("run", "--from", str(reports / "latest"))

    assert (said.code, again.code, limit["end"]) == (1, 1, "fired")
    assert limit["setting"] == "proxy_read_timeout 20s, ../nginx/site.conf:5"
    assert (
        json.loads((reports / "latest" / "verdict.json").read_bytes())["cases"]
        == (verdict["cases"])
    )
    assert "not modelled: limit_rate 4k (../nginx/site.conf:6)" in said.err


def test_a_chain_from_the_command_line_is_run_again_as_it_was_asked_for(
    command: Command, quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    through = "[{nginx: {config: nginx/site.conf, location: /api/stream}}]"
    said = command("run", str(quiet), "--through", through, "--flaw", "no-heartbeat", "-n", "1")
    verdict = json.loads((tmp_path / "reports" / "latest" / "verdict.json").read_bytes())
    words = shlex.split(verdict["cases"][0]["again"])

    assert "not modelled: limit_rate 4k (nginx/site.conf:6)" in said.err
    assert json.loads(words[words.index("--through") + 1]) == [
        {"nginx@1.22": {"config": "nginx/site.conf", "location": "/api/stream"}}
    ]

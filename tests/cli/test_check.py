"""`sse-harness check`, as far as it comes without a server."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from harness.model import journal, verdict
from harness.survey.cells import Cell
from harness.survey.judging import Judge, Judged
from tests.cli.command import Command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected the URL of a stream, or --from DIR"),
        (["http://127.0.0.1:1/", "--from", "reports"], "expected the URL of a stream, or --from"),
        (["127.0.0.1:1"], "expected a URL such as http://127.0.0.1:8000/events"),
        (["http://127.0.0.1:1/", "--max-time", "5"], "--max-time 5: "),
        (["http://127.0.0.1:1/", "--max-time", "0s"], "--max-time: expected a time above zero"),
        (["http://127.0.0.1:1/", "--set", "nginx.gzip=on"], "--set goes with --through"),
        (["http://127.0.0.1:1/", "--through", "ngnix"], "did you mean nginx?"),
        (["http://127.0.0.1:1/", "--through", "[{real: nginx}]"], "cannot be replayed through"),
        (["http://127.0.0.1:1/", "--through", "[{script: a.py}]"], "cannot be replayed through"),
        (["http://127.0.0.1:1/", "--report", "pdf"], "--report pdf: unknown kind"),
        (["http://127.0.0.1:1/", "--kind", "tickr"], "--kind tickr: unknown kind; did you mean"),
        (["http://a/", "http://b/"], "expected one URL, got 2"),
        (["--exact", "--from", "reports"], "--exact asks your server, --from asks nothing"),
        (["--from", "nowhere"], "nowhere: expected the directory of a run, got nothing there"),
    ],
)
def test_what_cannot_be_obeyed_is_said_in_a_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    ended = command("check", *words)

    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "reports").exists()


def test_a_server_that_is_not_there_is_said_in_a_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = command("check", f"http://127.0.0.1:{port}/events")

    assert ended.code == 4
    assert ended.err.splitlines() == [f"error: http://127.0.0.1:{port}: connection refused"]


def test_a_run_that_observed_nothing_cannot_be_checked_again(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("run", "direct/healthy", "--report-dir", "runs").code == 0
    ended = command("check", "--from", "runs")

    assert ended.code == 2
    assert "holds nothing that a check observed" in ended.err


@pytest.mark.parametrize("folder", ["observed-1", "place-1/observed-1"])
def test_what_a_check_left_is_not_judged_as_a_run(
    command: Command, tmp_path: Path, folder: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "journal.jsonl").touch()
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "journal.jsonl").touch()
    ended = command("run", "--from", str(tmp_path))

    assert ended.code == 2
    assert "was not left by run; see sse-harness check --from" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://127.0.0.1:1/"], "expected two URLs or more, the one nearest your server first"),
        (["http://127.0.0.1:1/", "127.0.0.1"], "expected a URL such as"),
        (["http://127.0.0.1:1/", "http://127.0.0.1:2/", "--max-time", "9"], "--max-time 9: "),
    ],
)
def test_places_that_cannot_be_compared_are_said_in_a_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command("compare", *words)

    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


SERVED = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for n in range(5):
        body = b"data: %d\\n\\n" % n
        await send({"type": "http.response.body", "body": body, "more_body": n < 4})
        await asyncio.sleep(3)
import asyncio
"""


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """An application to be checked, in words."""
    (tmp_path / "held.py").write_text(SERVED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return ("check", "--app", "held:app", "--url", "/events")


def test_ctrl_c_while_the_last_client_leaves_is_told(
    command: Command, held: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays(cell: Cell, judge: Judge, *_: object) -> Judged:
        return judge.staying(cell)

    monkeypatch.setattr("harness.cli.checking.on_the_wire", stays)
    monkeypatch.setattr("harness.cli.checking.left_on_the_wire", interrupted)
    ended = command(*held, "--exact", "--through", "caddy")

    assert ended.code == 130
    assert "for a client that leaves" in ended.out
    assert "interrupted: 0 of 1 chains are done" in ended.out
    kept = verdict.decode((tmp_path / "reports" / "latest" / "verdict.json").read_bytes())
    assert kept.exit_code == 130
    (left,) = [it for it in kept.cases[-1].findings if it.check == "disconnect_noticed"]
    assert (left.outcome, left.observed) == ("SKIP", "interrupted before it was done")


def test_a_stream_of_which_not_all_could_be_kept_is_said_in_a_line(
    command: Command, held: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAYLOAD_LIMIT_BYTES", 20)
    ended = command(*held, "--through", "caddy")

    assert ended.code == 4
    (line,) = ended.err.splitlines()
    assert line.startswith("error: http")
    assert line.endswith(
        "/events: it says more than can be kept: listen for less, with a shorter --max-time"
    )


def test_ctrl_c_while_fixes_are_tried_leaves_what_is_known_without_them(
    command: Command, held: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.survey.proofs.Prover.prove", interrupted)
    chain = "[{buffer: {block: 4KiB}}]"
    ended = command(*held, "--through", chain)

    assert ended.code == 130
    assert "interrupted: fixes were tried for 0 of 1 chains" in ended.out
    kept = verdict.decode((tmp_path / "reports" / "latest" / "verdict.json").read_bytes())
    assert (kept.exit_code, [it.outcome for it in kept.cases][-1]) == (130, "FAIL")
    assert "PROVEN" not in ended.out

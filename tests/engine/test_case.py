"""One case, performed: what becomes of it when something is wrong, and what its journal keeps."""

from __future__ import annotations

import base64
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.engine.case import describe, perform
from harness.engine.judge import judge
from harness.engine.stage import Props
from harness.errors import LocalEnvironmentError
from harness.model import journal
from harness.model.journal import Entry, Journal
from harness.model.redaction import STRUCK
from harness.model.scenario import Case, Target
from tests.engine.performing import case_of, entries_of

# What runs on the real clock need not wait for whoever leaves.
REAL = Props(settle_s=0.0)
SHORT = {"every": "100ms", "end_after": "250ms"}


def script(directory: Path, text: str) -> Props:
    """What a case with `through: [{script: addon.py}]` needs."""
    (directory / "addon.py").write_text(textwrap.dedent(text))
    return Props(base=directory, settle_s=0.0)


def scripted(**scenario: Any) -> Case:
    return case_of(through=[{"script": "addon.py"}], **scenario)


def problems(entries: Journal) -> list[journal.StageProblem]:
    return entries_of(entries, journal.StageProblem)


def outcome(entries: Journal) -> str:
    return judge(entries, wall_s=0.0, shown_path="", through=(), again="").outcome


# -- the journal -----------------------------------------------------------------------------------


def test_the_first_entry_holds_all_it_takes_to_run_the_case_again() -> None:
    case = case_of(
        seed=7, through=[{"latency": {"delay": "20ms"}}], target=Target(flaws=("no-ids",))
    )
    entries, _ = perform(case, Props(), None)
    assert Case.model_validate(entries.case.case) == case
    assert (entries.case.seed, entries.case.clock) == (7, "virtual")
    assert entries.case.target == "the built-in reference server with no-ids"
    assert entries.case.is_reference


def test_whoever_watches_is_told_of_every_entry() -> None:
    seen: list[Entry] = []
    entries, _ = perform(case_of(), Props(watch=seen.append), None)
    assert tuple(seen) == entries.entries


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(LocalEnvironmentError, match=f"^{tmp_path}: is a directory$"):
        perform(case_of(), Props(), tmp_path)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target(), "the built-in reference server"),
        (
            Target(flaws=("no-ids", "late-headers")),
            "the built-in reference server with no-ids, late-headers",
        ),
        (Target(url="http://a.test/events"), "http://a.test/events"),
        (
            Target(url="http://me:pw@a.test/?key=1", method="POST"),
            f"POST http://a.test/?key={STRUCK}",
        ),
    ],
)
def test_a_target_is_described_without_its_secrets(target: Target, told: str) -> None:
    assert describe(target) == told


# -- what is wrong ---------------------------------------------------------------------------------


def test_a_script_that_raises_ends_the_case_as_the_hops_error(tmp_path: Path) -> None:
    props = script(
        tmp_path,
        """
        def responseheaders(flow):
            raise ValueError("no such header")
        """,
    )
    entries, _ = perform(scripted(), props, None)
    (problem,) = problems(entries)
    assert (problem.source, problem.hop) == ("hop", 1)
    assert problem.message == "script addon.py:3: ValueError: no such header"
    assert entries.is_whole
    assert entries[len(entries) - 1].t_s < 1.0  # at once, and not when nobody comes any more
    assert outcome(entries) == "ERROR"


def test_a_script_that_cannot_be_loaded_ends_the_case_before_it_begins(tmp_path: Path) -> None:
    entries, _ = perform(scripted(), Props(base=tmp_path), None)
    (problem,) = problems(entries)
    assert (problem.source, problem.hop) == ("hop", 1)
    assert problem.message == "script addon.py: no such file"
    assert entries_of(entries, journal.StageReady) == []
    assert outcome(entries) == "ERROR"


def test_a_hop_that_never_gets_ready_ends_the_case_when_its_budget_is_spent(tmp_path: Path) -> None:
    props = script(
        tmp_path,
        """
        import asyncio

        async def running():
            await asyncio.sleep(1e6)
        """,
    )
    entries, wall_s = perform(scripted(watch="30s"), props, None)
    (problem,) = problems(entries)
    assert problem.source == "stage"
    assert problem.message.startswith("case ran past its budget of 90 s; it stood at\n")
    assert "in Chain._run" in problem.message
    assert outcome(entries) == "ERROR"
    assert wall_s < 10.0


def test_a_bug_of_ours_ends_the_case_with_its_traceback() -> None:
    def watch(entry: Entry) -> None:
        if isinstance(entry, journal.TapRead):
            raise ZeroDivisionError("a bug")

    entries, _ = perform(case_of(), Props(watch=watch), None)
    (problem,) = problems(entries)
    assert problem.source == "stage"
    assert "ZeroDivisionError: a bug" in problem.message
    assert "test_case.py" in problem.message
    assert outcome(entries) == "ERROR"


def test_a_target_that_nobody_listens_at_is_the_targets_problem() -> None:
    case = case_of(clock="real", target=Target(url="http://127.0.0.1:1/events"), traffic=None)
    entries, _ = perform(case, REAL, None)
    (problem,) = problems(entries)
    assert (problem.source, problem.message) == (
        "target",
        "http://127.0.0.1:1: connection refused",
    )
    assert outcome(entries) == "ERROR"


# -- the clock -------------------------------------------------------------------------------------

ASKS_A_NEIGHBOUR = """
    import socket

    def request(flow):
        with socket.socket() as neighbour:
            neighbour.connect_ex(("127.0.0.1", 9))
"""


def test_a_virtual_case_that_stays_inside_keeps_its_clock() -> None:
    entries, wall_s = perform(case_of(), Props(), None)
    assert entries.case.clock == "virtual"
    assert entries_of(entries, journal.StageMoved) == []
    assert entries[len(entries) - 1].t_s > 10.0
    assert wall_s < 10.0


def test_a_virtual_case_that_touches_the_outside_is_run_again_on_the_real_clock(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    case = scripted(traffic=SHORT, server={"retry": "10ms"})
    entries, wall_s = perform(case, script(tmp_path, ASKS_A_NEIGHBOUR), path)
    assert entries.case.clock == "real"
    assert entries.case.case["clock"] == "real"
    assert [it.why for it in entries_of(entries, journal.StageMoved)] == ["connect to 127.0.0.1:9"]
    assert Journal.read(path.read_bytes().splitlines()).entries == entries.entries
    assert [it.n for it in entries_of(entries, journal.CaseEntry)] == [0]
    assert wall_s > 0.25
    assert outcome(entries) == "PASS"


def test_a_case_on_the_real_clock_is_run_once(tmp_path: Path) -> None:
    seen: list[Entry] = []
    props = script(tmp_path, ASKS_A_NEIGHBOUR)
    case = scripted(clock="real", traffic=SHORT, server={"retry": "10ms"})
    entries, _ = perform(
        case, Props(base=props.base, settle_s=0.0, watch=seen.append), tmp_path / "journal.jsonl"
    )
    assert len(entries_of(seen, journal.CaseEntry)) == 1
    assert entries_of(seen, journal.StageMoved) == []
    assert entries.case.clock == "real"


# -- secrets ---------------------------------------------------------------------------------------

BASIC = base64.b64encode(b"user:hunter2").decode()
SECRETS = (
    "hunter2",
    BASIC,
    "bearer-s3cret",
    "cookie-s3cret",
    "token-s3cret",
    "key-s3cret",
    "set-s3cret",
    "moved-s3cret",
    "body-s3cret",
)


class Confidant(BaseHTTPRequestHandler):
    """A target that is told secrets, and tells some: it redirects, streams once, and says 204."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[str]]
    location: ClassVar[str]

    def do_POST(self) -> None:
        self.heard.append(self.requestline + str(self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "moved" not in self.path:
            self.send_response(307)
            self.send_header("Location", self.location)
            self.send_header("Set-Cookie", "session=set-s3cret")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif not any("Last-Event-ID" in it for it in self.heard):
            body = b"retry: 10\nid: 1\ndata: hello\n\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Set-Cookie", "session=set-s3cret")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_response(204)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def confidant(location: str) -> Iterator[tuple[str, list[str]]]:
    """A `Confidant` that redirects there; its authority, and what it has heard."""
    heard: list[str] = []
    handler = type("It", (Confidant,), {"heard": heard, "location": location})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()


def entrusting(authority: str) -> Case:
    return case_of(
        clock="real",
        traffic=None,
        watch="5s",
        through=[{"latency": {"delay": "1ms"}}],
        target=Target(
            url=f"http://user:hunter2@{authority}/events?token=token-s3cret&page=2",
            method="POST",
            body="password=body-s3cret",
            headers=(
                ("Proxy-Authorization", "Bearer bearer-s3cret"),
                ("Cookie", "session=cookie-s3cret"),
                ("X-Api-Key", "key-s3cret"),
            ),
        ),
    )


def test_no_secret_reaches_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with confidant("/moved?access_token=moved-s3cret") as (authority, heard):
        entries, _ = perform(entrusting(authority), REAL, path)
    told = "".join(heard)
    assert all(it in told for it in (BASIC, "cookie-s3cret", "token-s3cret", "moved-s3cret"))
    assert problems(entries) == []
    assert len(entries_of(entries, journal.ClientRead)) == 1
    written = path.read_text()
    assert [it for it in SECRETS if it in written] == []
    assert "page=2" in written  # what is no secret stays
    assert written.count(STRUCK) > 20


def test_no_secret_reaches_the_message_of_a_client_that_is_led_around(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with confidant("http://user:hunter2@elsewhere.test/?token=moved-s3cret") as (authority, _):
        entries, _ = perform(entrusting(authority), REAL, path)
    (problem,) = problems(entries)
    assert (problem.source, problem.hop) == ("hop", 1)
    assert problem.message == (
        f"the client was led around the chain, to http://elsewhere.test/?token={STRUCK}"
    )
    written = path.read_text()
    assert [it for it in SECRETS if it in written] == []

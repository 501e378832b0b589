"""`sse-harness check` against servers nobody here wrote: one observation, every intermediary."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from harness.model.verdict import CaseVerdict, Finding
from tests.real.programs import AtOnce, Finished, run, started

pytestmark = pytest.mark.real

# Some twenty seconds are watched, and some ten computed: more on a machine with other work to do.
LONG_S = 240.0


@pytest.fixture(scope="module")
def runs(
    starlette: str, express: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtOnce]:
    folder = tmp_path_factory.mktemp("checks")
    urls = {
        "starlette": f"{starlette}/events",
        "express": f"{express}/events",
        "finite": f"{express}/finite?count=8",
        "nothing": f"{starlette}/nothing",
    }
    made = AtOnce(
        {
            name: partial(run, "check", url, cwd=folder / name, patience_s=LONG_S)
            for name, url in urls.items()
        },
        len(urls),
    )
    yield made
    made.stop()


def cell(ended: Finished, name: str) -> CaseVerdict:
    (found,) = [it for it in ended.verdict.cases if it.id == f"check/{name}"]
    return found


def failed(case: CaseVerdict) -> dict[str, Finding]:
    return {it.check: it for it in case.findings if it.outcome == "FAIL"}


def test_who_asks_intermediaries_and_sends_heartbeats_survives_what_heeds_it(
    runs: AtOnce,
) -> None:
    ended = runs.of("starlette")

    outcomes = {it.id.removeprefix("check/"): it.outcome for it in ended.verdict.cases}
    for name in ("direct", "nginx", "haproxy", "caddy", "aws-alb", "express-compression"):
        assert outcomes[name] == "PASS", (name, ended.out)
    # What no header reaches holds all of it.
    assert outcomes["lighttpd"] == outcomes["apigee"] == "FAIL"
    assert ended.code == 1


def test_silences_are_as_short_as_heartbeats_make_them(runs: AtOnce) -> None:
    case = cell(runs.of("starlette"), "aws-alb")

    (idle,) = [it for it in case.faults if it.is_limit]
    assert (idle.fault, idle.end) == ("idle_timeout", "defeated")
    assert case.note.startswith("projected from ")


def test_who_says_nothing_to_intermediaries_is_held_by_nginx_and_told_why(runs: AtOnce) -> None:
    ended = runs.of("express")

    late = failed(cell(ended, "nginx"))["delivered_within"]
    assert late.hop == 1
    assert late.fix == (
        "response header  X-Accel-Buffering: no; or nginx: proxy_buffering off; or "
        "nginx: version 1.29.7 or later (PROVEN: replayed)"
    )
    held = failed(cell(ended, "express-compression"))["delivered_within"]
    assert held.fix.startswith("response header  Cache-Control: no-cache, no-transform; or ")
    assert cell(ended, "haproxy").outcome == "PASS"
    assert "headers_fit" in failed(cell(ended, "direct"))


@pytest.mark.parametrize(("name", "count"), [("starlette", 3), ("express", 2), ("finite", 2)])
def test_the_target_is_asked_as_often_as_there_is_something_to_learn(
    runs: AtOnce, name: str, count: int
) -> None:
    observed = sorted((runs.of(name).reports / "latest").glob("observed-*"))

    # As a client does, in HTTP/1.0 for nginx, and with an id where there are any.
    assert [it.name for it in observed] == [f"observed-{n}" for n in range(1, count + 1)]


def test_who_resumes_survives_what_ends_every_stream(runs: AtOnce) -> None:
    ended = runs.of("starlette")

    (resumes,) = [it for it in cell(ended, "direct").findings if it.check == "resumes"]
    assert resumes.outcome == "PASS"
    assert cell(ended, "envoy").outcome == "PASS"


@pytest.mark.parametrize("name", ["starlette", "express"])
def test_a_server_that_notices_its_client_leave_is_told_so(runs: AtOnce, name: str) -> None:
    (noticed,) = [
        it for it in cell(runs.of(name), "direct").findings if it.check == "disconnect_noticed"
    ]

    assert noticed.outcome == "PASS"


def test_what_a_stream_is_for_is_guessed_and_printed(runs: AtOnce) -> None:
    assert "kind     notifications (guessed; --kind)" in runs.of("starlette").out


def test_a_stream_that_ends_is_not_projected(runs: AtOnce) -> None:
    ended = runs.of("finite")

    assert "projected" not in ended.out
    assert "8 events in" in ended.out
    assert cell(ended, "aws-alb").outcome == "PASS"
    reasons = [it.reason for it in cell(ended, "aws-alb").faults if it.end == "not_reached"]
    assert reasons
    assert "limits not reached" in ended.out


def test_what_is_no_stream_is_said_of_the_server_and_of_no_path(runs: AtOnce) -> None:
    ended = runs.of("nothing")

    assert ended.code == 1
    (only,) = ended.verdict.cases
    assert only.id == "check/direct"
    assert "404" in ended.out
    assert "SURVIVES" not in ended.out


def test_a_finished_check_is_looked_at_again_without_asking(runs: AtOnce, tmp_path: Path) -> None:
    first = runs.of("express")
    before = (first.reports / "latest" / "verdict.json").read_bytes()
    again = run("check", "--from", str(first.reports), "--through", "nginx", cwd=tmp_path / "again")

    assert again.code == 1
    assert "response header  X-Accel-Buffering: no     PROVEN: replayed → PASS" in again.out
    assert "SURVIVES 0 of 1" in again.out
    assert not again.reports.exists()
    assert (first.reports / "latest" / "verdict.json").read_bytes() == before


def test_what_is_done_first_cures_what_nginx_and_compression_hold(runs: AtOnce) -> None:
    (line,) = [it for it in runs.of("express").out.splitlines() if it.startswith("  first")]

    assert "X-Accel-Buffering: no" in line
    assert "no-transform" in line


def test_the_journals_of_what_failed_are_kept(runs: AtOnce) -> None:
    ended = runs.of("express")

    for case in ended.verdict.cases:
        file = ended.reports / "latest" / case.journal
        assert bool(case.journal) is (case.outcome not in {"PASS", "SKIP"})
        assert not case.journal or file.is_file()
    assert (ended.reports / "latest" / "junit.xml").is_file()


def test_what_was_heard_before_an_interrupt_is_told(express: str, tmp_path: Path) -> None:
    with started("check", f"{express}/events", cwd=tmp_path) as program:
        program.wait_for("asking again for nginx@1.22")
        program.interrupt()
        ended = program.end(LONG_S)

    assert ended.code == ended.verdict.exit_code == 130, ended
    assert "interrupted: not all was asked" in ended.out
    assert cell(ended, "nginx").outcome == "SKIP"
    assert cell(ended, "haproxy").outcome == "PASS"
    assert program.members() == []

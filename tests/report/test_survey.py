from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.model.survey import Remedy, Row, Survey
from harness.report.survey import lines

ROW = Row(
    title="nginx@1.22",
    outcome="FAIL",
    grade="●",
    cause="buffer",
    headline="all 412 events arrive at 41.2 s (worst delay 18.8 s)",
    sent="....||||",
    seen=".......#",
    why="held by nginx: HTTP/1.0 upstream",
    remedies=(
        Remedy("response header  X-Accel-Buffering: no", is_proven=True),
        Remedy("a comment every 10 s", is_proven=False),
        Remedy("pad events"),
    ),
    confirm="curl -N https://HOST/",
    alike=("apigee", "lighttpd@1.4", "fastly", "kong", "render"),
)


def survey(*rows: Row, **changes: Any) -> Survey:
    settings: dict[str, Any] = {
        "target": "yours: POST /chat (uvicorn)",
        "stream": "412 events in 41.2 s, ends with [DONE], no ids",
        "kind": "llm-tokens: an answer that is computed as it is told",
        "observed": ("first byte 22.4 s = longest silence", "headers late"),
        "projected": "",
        "survived": 37,
        "of": 41,
        "counts": {"FAIL": 4, "WARN": 0, "PASS": 37},
        "first": "",
        "rows": rows,
        "skips": ("limits not reached (longest silence 9 s): a 1s, b 2s, c 3s, d 4s, e 5s",),
        "again": "sse-harness check --from reports/latest --through nginx",
    }
    return Survey(**{**settings, **changes})


def said(
    told: Survey, width: int = 120, *, is_full: bool = False, directory: Path | None = None
) -> list[str]:
    return [it.plain for it in lines(told, width, directory, is_full=is_full)]


def test_the_whole_report() -> None:
    assert said(survey(ROW), directory=Path("reports/1")) == [
        "target   yours: POST /chat (uvicorn)     412 events in 41.2 s, ends with [DONE], no ids",
        "observed first byte 22.4 s = longest silence · headers late",
        "kind     llm-tokens: an answer that is computed as it is told",
        "SURVIVES 37 of 41   FAIL 4      ● measured  ○ documented  ◌ reported",
        "FAIL ● nginx@1.22   buffer   all 412 events arrive at 41.2 s (worst delay 18.8 s)",
        "  sent |....||||",
        "  seen |.......#   held by nginx: HTTP/1.0 upstream",
        "  fix     response header  X-Accel-Buffering: no     PROVEN: replayed → PASS",
        "  fix     a comment every 10 s     does not help (replayed)",
        "  fix     pad events",
        "  confirm curl -N https://HOST/",
        "          5 more, same cause: apigee, lighttpd@1.4, fastly, kong, …     -v to list",
        "SKIP   limits not reached (longest silence 9 s): a 1s, b 2s, c 3s, d 4s, …     -v to list",
        "again  sse-harness check --from reports/latest --through nginx",
        "report reports/1",
    ]


def test_all_names_are_told_when_asked_for() -> None:
    full = said(survey(ROW), is_full=True)

    assert "          5 more, same cause: apigee, lighttpd@1.4, fastly, kong, render" in full
    assert full[-2].endswith("d 4s, e 5s")


def test_what_is_wrong_with_the_target_itself_comes_first() -> None:
    own = Row(
        "your server", "FAIL", "", "headers_fit", "no Cache-Control", "", "", "", (), "", (), True
    )
    told = said(survey(ROW, own))

    at = [n for n, line in enumerate(told) if line.startswith(("FAIL", "SURVIVES"))]
    assert told[at[0]] == "FAIL your server   headers_fit   no Cache-Control"
    assert told[at[1]].startswith("SURVIVES")


def test_without_chains_none_is_counted() -> None:
    assert not any("SURVIVES" in line for line in said(survey(of=0, survived=0)))


def test_a_narrow_terminal_gets_the_reason_on_a_line_of_its_own() -> None:
    told = said(survey(ROW), width=40)

    assert "  seen |.......#" in told
    assert "  why     held by nginx: HTTP/1.0" in told
    assert all(len(it) <= 40 for it in told if not it.startswith(("again", "report", "SURVIVES")))


def test_what_a_server_sends_does_not_move_the_cursor() -> None:
    told = said(survey(target="yours: GET /\x1b[2J"))

    assert not any("\x1b" in line for line in told)


def test_how_far_it_was_projected_is_told() -> None:
    (line,) = [it for it in said(survey(projected="projected from 11 s")) if "SURVIVES" in it]

    assert line.endswith("projected from 11 s")

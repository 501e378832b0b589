from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.model.verdict import OUTCOMES, CaseVerdict, FaultEnd, Outcome
from harness.report.terminal import lines, make_console, show
from tests.report.samples import CUT, FIRED, case, failed, finding, verdict

LONG_ID = "idle/a-name-that-has-no-end[60s,gzip,a-very-long-value-of-the-matrix,another-one]"


def drawn(*cases: CaseVerdict, width: int = 80, **fields: Any) -> list[str]:
    return [line.plain for line in lines(verdict(cases, **fields), width)]


def printed(*cases: CaseVerdict, file: io.TextIOBase | None = None, **fields: Any) -> str:
    out = io.StringIO() if file is None else file
    show(verdict(cases, **fields), make_console(file=out))  # type: ignore[arg-type]  # an IO[str] in all that counts
    return out.getvalue() if isinstance(out, io.StringIO) else ""


def block(report: list[str], start: str) -> list[str]:
    """The lines from the one that begins with `start` to the next empty one."""
    first = next(n for n, line in enumerate(report) if line.startswith(start))
    return report[first : report.index("", first)]


def test_a_failure_reads_like_this() -> None:
    assert block(drawn(failed()), "FAIL idle") == [
        "FAIL idle/quiet[60s] · stays_open: cut at 70.0 s (expected open for 200 s)",
        "  client → idle_timeout 60s → target",
        "          hop 1 idle_timeout: closed after 60.0 s of silence (limit 60 s)",
        "          [journal 14\N{EN DASH}17]",
        "  fix     send a comment at least every 30 s",
        "  confirm upstream timed out in the proxy's error log",
        "  source  WHATWG HTML, section 9.2.7",
        "  where   scenarios/idle/quiet.yaml:7:19",
        "  again   sse-harness run idle/quiet --seed 7",
    ]


def behind_nginx(**fields: Any) -> CaseVerdict:
    fault = msgspec.structs.replace(
        FIRED,
        **{
            "product": "nginx@1.22",
            "setting": "proxy_read_timeout 60s",
            "evidence": "measured",
            **fields,
        },
    )
    return failed(faults=(fault,), through=("nginx@1.22",))


def test_a_product_is_told_with_its_directive_and_how_it_is_known() -> None:
    assert block(drawn(behind_nginx(), width=90), "FAIL")[:4] == [
        "FAIL ● idle/quiet[60s] · stays_open: cut at 70.0 s (expected open for 200 s)",
        "  client → nginx@1.22 → target",
        "          hop 1 (nginx@1.22) closed after 60.0 s of silence (proxy_read_timeout 60s)",
        "          [journal 14\N{EN DASH}17]",
    ]


@pytest.mark.parametrize(
    ("evidence", "mark"), [("measured", "●"), ("documented", "○"), ("reported", "◌"), (None, "")]
)
def test_the_mark_is_that_of_the_fault_that_decided_it(evidence: str | None, mark: str) -> None:
    start = " ".join(filter(None, ("FAIL", mark, "idle/quiet[60s]")))
    assert any(line.startswith(start) for line in drawn(behind_nginx(evidence=evidence)))


def test_where_no_hop_is_blamed_there_is_no_mark() -> None:
    own = msgspec.structs.replace(behind_nginx(), findings=(finding("FAIL"),))
    assert any(line.startswith("FAIL idle/quiet[60s] · ordered") for line in drawn(own))


def test_a_wide_terminal_has_the_hop_to_blame_beside_the_chain() -> None:
    report = block(drawn(failed(), width=140), "FAIL idle")
    assert report[1].startswith("  client → idle_timeout 60s → target       hop 1 idle_timeout: ")


def test_every_outcome_is_told_worst_first() -> None:
    cases = [case(f"x/{it.lower()}", it, findings=(finding(it),)) for it in OUTCOMES]
    report = drawn(*cases)
    told = [line.split()[0] for line in report if " · " in line and line[0].isupper()]
    assert told == ["FAIL", "ERROR", "INCONCLUSIVE", "WARN"]
    rows = [line.split() for line in report if " 200.0 s " in line]
    assert [(row[0], row[5]) for row in rows] == [(it, f"x/{it.lower()}") for it in OUTCOMES]


def test_a_case_with_two_failures_tells_both_and_how_to_repeat_it_once() -> None:
    both = failed(findings=(finding("WARN"), CUT, finding("SKIP"), finding("PASS")))
    report = drawn(both)
    headlines = [line for line in report if line.startswith(("FAIL idle", "WARN idle"))]
    told = [line.split(" · ")[1].split(":")[0] for line in headlines]
    assert told == ["stays_open", "ordered"]
    assert sum(line.startswith("  again") for line in report) == 1


def test_an_error_without_findings_is_told_all_the_same() -> None:
    report = block(drawn(case("x/y", "ERROR", place="", again="")), "ERROR x")
    assert report == [
        "ERROR x/y · a quiet feed dies behind an idle timeout",
        "  client → idle_timeout 60s → target",
    ]


def test_the_first_and_last_line_say_what_was_tested() -> None:
    report = drawn(case(), target="http://h/events")
    assert report[0] == "sse-harness 0.1.0 tested http://h/events · virtual clock · seed 7"
    assert report[-1] == "tested http://h/events"


def test_where_the_reports_are_stands_before_the_last_line() -> None:
    told = verdict([case()], target="http://h/events")
    report = [line.plain for line in lines(told, 80, Path("reports/x-1"))]
    assert report[-2:] == ["report  reports/x-1", "tested http://h/events"]


def test_the_reference_server_is_not_yours() -> None:
    report = drawn(case(), target="the built-in reference server with no-heartbeat")
    assert report[-1] == (
        "this tested the reference server, not yours; yours: sse-harness run --url URL"
    )


@pytest.mark.parametrize(("clock", "verb"), [("virtual", "simulated"), ("real", "watched")])
def test_the_total_says_how_much_was_seen_in_how_long(clock: str, verb: str) -> None:
    assert drawn(case(), clock=clock)[-2] == f"{verb} 12,345 s in 9.8 s"


def test_an_interrupted_run_is_not_taken_for_a_whole_one() -> None:
    assert "interrupted: not every case was run" in drawn(case(), exit_code=130)
    assert not [line for line in drawn(case()) if "interrupted" in line]


def test_twins_are_listed_and_counted_apart() -> None:
    caught = case("a+x", is_twin=True)
    missed = case("a+y", "FAIL", is_twin=True, findings=(finding("FAIL"),))
    report = drawn(case("a"), caught, missed)
    assert report[-3] == "FAIL  1 case passed; 1 of 2 twins caught"
    twins = block(report, "twins: ")
    assert [row.split()[0] for row in twins[1:]] == ["PASS", "FAIL"]


def test_a_row_ends_with_how_the_faults_ended() -> None:
    row = next(line for line in drawn(case(faults=(FIRED,))) if " 200.0 s " in line)
    assert row.split("  ")[-1] == "idle_timeout fired"


def test_a_skipped_case_gives_its_reason_instead() -> None:
    why = finding("SKIP", check="traffic", observed="longest silence 22.0 s of 60 s")
    report = drawn(case("a/b", "SKIP", findings=(why,)))
    row = next(line for line in report if line.startswith("SKIP"))
    assert row.endswith("a/b  traffic: longest silence 22.0 s of 60 s")
    assert not any("not meant here" in line for line in report)


def test_skipped_checks_are_told_once_and_counted() -> None:
    why = finding("SKIP", check="resumes", observed="no ids in the stream")
    report = drawn(case("a", findings=(why,)), case("b", findings=(why,)))
    assert "  SKIP resumes: no ids in the stream (2 times)" in report


def test_checks_skipped_for_one_reason_stand_on_one_line() -> None:
    why = [finding("SKIP", check=it, observed="no ids") for it in ("resumes", "ids_advance")]
    assert "  SKIP resumes, ids_advance: no ids" in drawn(case("a", findings=tuple(why)))


def test_the_only_case_of_a_run_is_told_in_full() -> None:
    findings = (
        finding("PASS", check="stays_open"),
        finding("PASS", check="headers_fit"),
        finding("WARN", check="headers_fit"),
        finding("PASS", check="order_kept"),
    )
    report = drawn(case("a", "WARN", findings=findings, faults=(FIRED,)))
    assert block(report, "what the faults did") == [
        "what the faults did",
        "  client → idle_timeout 60s → target",
        f"  hop 1 idle_timeout fired: {FIRED.reason}",
    ]
    assert block(report, "what held") == ["what held", "  PASS stays_open, order_kept"]


def test_of_a_product_it_is_told_by_which_directive_and_how_that_is_known() -> None:
    report = block(drawn(behind_nginx(), width=90), "what the faults did")
    assert report[1:] == [
        "  client → nginx@1.22 → target",
        "  hop 1 ● idle_timeout fired: closed after 60.0 s of silence (proxy_read_timeout 60s)",
    ]


def test_of_several_cases_the_table_is_enough() -> None:
    both = [case(it, findings=(finding("PASS"),), faults=(FIRED,)) for it in ("a", "b")]
    assert not [line for line in drawn(*both) if line.startswith("what ")]


def test_cases_are_counted_as_such() -> None:
    assert drawn(case("a"))[-3] == "PASS  1 case passed"
    assert drawn(case("a"), case("b"))[-3] == "PASS  2 cases passed"


def test_an_option_is_no_place_to_look_into() -> None:
    assert not [it for it in drawn(failed(place="--through:1:1")) if it.startswith("  where")]


def test_a_run_of_nothing_says_so() -> None:
    assert drawn()[-3] == "SKIP  nothing was run"


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_ids_places_and_commands_are_never_broken(width: int) -> None:
    again = f"sse-harness run '{LONG_ID}' --flaw no-heartbeat --seed 7"
    report = drawn(failed(LONG_ID, again=again, place=f"{'deep/' * 30}x.yaml:1:1"), width=width)
    assert sum(LONG_ID in line for line in report) == 3
    assert f"  again   {again}" in report


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_prose_keeps_to_80_columns(outcome: Outcome) -> None:
    prose = "words that go on and on " * 12
    told = finding(outcome, observed=prose, fix=prose, confirm=prose, source=prose, hop=2)
    faults = tuple(
        FaultEnd(hop=hop, fault="idle_timeout", end="fired", reason=prose) for hop in (1, 2, 3)
    )
    through = ("idle_timeout 60s + buffer 4KiB",) * 5
    report = drawn(case("a/b", outcome, findings=(told,), faults=faults, through=through))
    assert max(map(len, report)) <= 80
    assert len(report) > 8


def test_a_printed_line_is_not_folded_by_the_console() -> None:
    assert sum(LONG_ID in line for line in printed(failed(LONG_ID)).splitlines()) == 2


def test_without_a_terminal_there_is_no_escape_code() -> None:
    assert "\x1b" not in printed(failed(), case("b", "WARN", findings=(finding("WARN"),)))


@pytest.mark.parametrize(("value", "is_plain"), [("1", True), ("", False)])
def test_a_terminal_has_colour_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, value: str, is_plain: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ("\x1b" not in printed(failed())) is is_plain


def test_the_option_takes_the_colour_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    show(verdict([failed()]), make_console(no_color=True, file=out))
    assert "\x1b" not in out.getvalue()


def test_what_a_server_sent_cannot_move_the_cursor() -> None:
    told = finding("FAIL", observed="\x1b[2J\rgone", fix="\x1b]0;title\x07")
    report = printed(case("a[\x1b[31m]", "FAIL", findings=(told,), through=("\x1bc",)))
    assert not [char for char in report if not char.isprintable() and char != "\n"]
    assert "\\x1b[2J\\rgone" in report


def test_markup_in_an_id_is_text() -> None:
    assert "a[bold]" in printed(failed("a[bold]"))


def test_a_stream_without_the_marks_gets_plain_ones() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    printed(behind_nginx(), file=file)
    file.flush()
    assert b"FAIL * idle/quiet[60s] - stays_open" in raw.getvalue()
    assert b"  client -> nginx@1.22 -> target" in raw.getvalue()

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.verdict import OUTCOMES, Outcome
from harness.report import junit
from tests.report.samples import CUT, FIRED, case, failed, finding, verdict


def parsed(*cases: Any) -> ET.Element:
    # What we parse, we wrote.
    return ET.fromstring(junit.render(verdict(cases)))


def the_case(root: ET.Element) -> ET.Element:
    found = root.findall("testsuite/testcase")
    assert len(found) == 1
    return found[0]


def attribute(root: ET.Element, name: str) -> list[str | None]:
    return [element.get(name) for element in root]


@pytest.mark.parametrize(
    ("outcome", "tag", "kind"),
    [
        ("FAIL", "failure", "fail"),
        ("ERROR", "error", "error"),
        ("INCONCLUSIVE", "error", "inconclusive"),
        ("SKIP", "skipped", None),
        ("WARN", "system-out", None),
    ],
)
def test_an_outcome_is_told_in_its_own_element(outcome: Outcome, tag: str, kind: str) -> None:
    root = parsed(case("a/b", outcome, findings=(finding(outcome),)))
    results = [element for element in the_case(root) if element.tag != "properties"]
    assert [(element.tag, element.get("type")) for element in results] == [(tag, kind)]
    said = (results[0].get("message") or "") + (results[0].text or "")
    assert "ordered: 7 before 6 (expected in order)" in said


def test_a_pass_says_nothing() -> None:
    element = the_case(parsed(case("a/b")))
    assert [child.tag for child in element] == ["properties"]


def test_a_failure_carries_all_that_is_known() -> None:
    failure = the_case(parsed(failed())).find("failure")
    assert failure is not None
    assert failure.get("message") == "stays_open: cut at 70.0 s (expected open for 200 s)"
    assert (failure.text or "").splitlines() == [
        "a quiet feed dies behind an idle timeout",
        "FAIL stays_open: cut at 70.0 s (expected open for 200 s)",
        "  hop 1 idle_timeout: closed after 60.0 s of silence (limit 60 s)",
        "  journal 14\N{EN DASH}17",
        "  fix: send a comment at least every 30 s",
        "  confirm: upstream timed out in the proxy's error log",
        "  source: WHATWG HTML, section 9.2.7",
        "again: sse-harness run idle/quiet --seed 7",
    ]


def test_a_failure_also_tells_what_was_not_proven() -> None:
    root = parsed(failed(findings=(CUT, finding("INCONCLUSIVE"), finding("SKIP"))))
    failure = the_case(root).find("failure")
    assert failure is not None
    assert failure.get("message") == "stays_open: cut at 70.0 s (expected open for 200 s)"
    lines = (failure.text or "").splitlines()
    assert "INCONCLUSIVE ordered: 7 before 6 (expected in order)" in lines
    assert not [line for line in lines if line.startswith("SKIP")]


def test_an_error_without_findings_has_a_message() -> None:
    error = the_case(parsed(case("a/b", "ERROR"))).find("error")
    assert error is not None
    assert error.get("message") == "a quiet feed dies behind an idle timeout"


def test_a_folder_is_a_suite_even_when_its_cases_ran_apart() -> None:
    root = parsed(case("idle/a"), case("cut/b"), case("idle/c[x/y]"), case("alone"))
    suites = [(suite.get("name"), attribute(suite, "name")[1:]) for suite in root]
    assert suites == [
        ("scenarios", ["alone"]),
        ("cut", ["cut/b"]),
        ("idle", ["idle/a", "idle/c[x/y]"]),
    ]


def test_every_outcome_is_counted_once() -> None:
    root = parsed(*(case(f"a/{outcome.lower()}", outcome) for outcome in OUTCOMES))
    counted = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counted == ["6", "1", "2", "1"]
    assert [root[0].get(name) for name in ("tests", "failures", "errors", "skipped")] == counted


def test_times_are_seconds_of_the_wall() -> None:
    root = parsed(case("a/b", wall_s=0.125), case("a/c", wall_s=1.0))
    assert root.get("time") == "9.840"
    assert root[0].get("time") == "1.125"
    assert [element.get("time") for element in root.iter("testcase")] == ["0.125", "1.000"]


def test_the_run_can_be_repeated_from_the_properties() -> None:
    root = parsed(case("a/b", faults=(FIRED,)))
    values = {item.get("name"): item.get("value") for item in root.iter("property")}
    assert values == {
        "seed": "7",
        "clock": "virtual",
        "target": "the built-in reference server",
        "version": "0.1.0",
        "simulated_s": "200.000",
        "through": "client → idle_timeout 60s → target",
        "faults": "idle_timeout fired",
        "journal": "idle~quiet/journal.jsonl",
        "again": "sse-harness run idle/quiet --seed 7",
    }


@pytest.mark.parametrize(
    ("place", "file", "line"),
    [
        ("scenarios/idle/quiet.yaml:7:19", "scenarios/idle/quiet.yaml", "7"),
        ("C:\\suite\\quiet.yaml:7:19", "C:\\suite\\quiet.yaml", "7"),
        ("quiet.yaml", "quiet.yaml", None),
        ("", None, None),
    ],
)
def test_the_place_is_taken_apart(place: str, file: str | None, line: str | None) -> None:
    element = the_case(parsed(case("a/b", place=place)))
    assert (element.get("file"), element.get("line")) == (file, line)


@given(st.text(st.characters(codec=None), max_size=20))
def test_any_text_survives_less_what_xml_cannot_write(text: str) -> None:
    shouted = finding("FAIL", observed=text, fix=text)
    root = parsed(case(f"a/{text}", "FAIL", why=text, findings=(shouted,), through=(text,)))
    name = the_case(root).get("name")
    assert name is not None
    legal = [c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")]
    assert name == "a/" + "".join(c for c in legal if not 0xD800 <= ord(c) < 0xE000)


def test_a_run_of_nothing_is_still_a_file() -> None:
    root = parsed()
    assert (root.tag, root.get("tests"), len(root)) == ("testsuites", "0", 0)

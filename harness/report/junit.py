"""JUnit XML, for CI systems.

There is no standard; this is the part that Jenkins, GitLab, GitHub actions and Azure read alike.
A failure is the target's, an error is not: FAIL is `<failure>`; ERROR and INCONCLUSIVE, which the
target is not to blame for or was not proven of, are `<error>` with that word as the type, and SKIP
is `<skipped>`. WARN passes, and says what it has to say in `<system-out>`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import groupby

from harness.model.verdict import CaseVerdict, Finding, Verdict
from harness.report.wording import blamed, fault_ends, folder, numbers, place_of

# What XML 1.0 has no way to write, not even escaped (its section 2.2).
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

type _Attributes = dict[str, str]


def render(verdict: Verdict) -> bytes:
    """The file's content: a suite for each folder of scenarios, a test case for each case."""
    root = ET.Element(
        "testsuites",
        {"name": "sse-harness", **_totals(verdict.cases, verdict.wall_s)},
    )
    ordered = sorted(verdict.cases, key=lambda case: folder(case.id))
    for name, cases in groupby(ordered, key=lambda case: folder(case.id)):
        root.append(_suite(name, list(cases), verdict))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _suite(name: str, cases: list[CaseVerdict], verdict: Verdict) -> ET.Element:
    wall_s = sum(case.wall_s for case in cases)
    suite = _element("testsuite", {"name": name or "scenarios", **_totals(cases, wall_s)})
    _properties(
        suite,
        {
            "seed": str(verdict.seed),
            "clock": verdict.clock,
            "target": verdict.target,
            "version": verdict.version,
        },
    )
    suite.extend(_case(name, case) for case in cases)
    return suite


def _case(suite: str, case: CaseVerdict) -> ET.Element:
    attributes = {
        "classname": suite.replace("/", ".") or "scenarios",
        "name": case.id,
        "time": f"{case.wall_s:.3f}",
    }
    file, line = place_of(case)
    if file:
        attributes["file"] = file
    if line is not None:
        attributes["line"] = str(line)
    element = _element("testcase", attributes)
    _properties(
        element,
        {
            "simulated_s": f"{case.simulated_s:.3f}",
            "through": " → ".join(["client", *case.through, "target"]),
            "faults": fault_ends(case),
            "journal": case.journal,
            "again": case.again,
        },
    )
    match case.outcome:
        case "PASS":
            pass
        case "WARN":
            element.append(_element("system-out", {}, _told(case)))
        case "SKIP":
            element.append(_element("skipped", {"message": _message(case)}))
        case "FAIL":
            element.append(_result("failure", "fail", case))
        case "ERROR":
            element.append(_result("error", "error", case))
        case "INCONCLUSIVE":
            element.append(_result("error", "inconclusive", case))
    return element


def _result(tag: str, kind: str, case: CaseVerdict) -> ET.Element:
    return _element(tag, {"type": kind, "message": _message(case)}, _told(case))


def _message(case: CaseVerdict) -> str:
    """The findings that made the outcome; whatever did not pass when none has the same."""
    same = [finding for finding in case.findings if finding.outcome == case.outcome]
    told = same or [finding for finding in case.findings if finding.outcome != "PASS"]
    return "; ".join(_line(finding) for finding in told) or case.why


def _told(case: CaseVerdict) -> str:
    """All that is known of a case that did not pass, one thing a line."""
    lines = [case.why] if case.why else []
    for finding in case.findings:
        if finding.outcome in {"PASS", "SKIP"}:
            continue
        lines.append(f"{finding.outcome} {_line(finding)}")
        if finding.hop is not None:
            lines.append(f"  {blamed(case, finding.hop, finding.check)}")
        if finding.evidence:
            lines.append(f"  journal {numbers(finding.evidence)}")
        named = {"fix": finding.fix, "confirm": finding.confirm, "source": finding.source}
        lines += [f"  {name}: {text}" for name, text in named.items() if text]
    if case.again:
        lines.append(f"again: {case.again}")
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    expected = f" (expected {finding.expected})" if finding.expected else ""
    return f"{finding.check}: {finding.observed}{expected}"


def _totals(cases: Iterable[CaseVerdict], wall_s: float) -> _Attributes:
    outcomes = [case.outcome for case in cases]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("FAIL")),
        "errors": str(outcomes.count("ERROR") + outcomes.count("INCONCLUSIVE")),
        "skipped": str(outcomes.count("SKIP")),
        "time": f"{wall_s:.3f}",
    }


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        if value:
            properties.append(_element("property", {"name": name, "value": value}))


def _element(tag: str, attributes: _Attributes, text: str = "") -> ET.Element:
    element = ET.Element(tag, {name: _legal(value) for name, value in attributes.items()})
    element.text = _legal(text) or None
    return element


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text)

"""What was observed, in a few words each: the head of a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.checks.advice import seconds
from harness.model.verdict import Finding
from harness.survey.cadence import longest_silence_s
from harness.survey.judging import Judged
from harness.survey.observation import Observation
from harness.survey.together import AT_ONCE
from harness.wire.headers import tokens, value

# A head that comes with the first event, and not at once, is late.
_LATE_S = 0.5
_MARKERS = ("[DONE]",)
_MARGIN = re.compile(r"(.*?) (([0-9.]+) s)")


def server_of(seen: Observation) -> str:
    """What the server calls itself; "": nothing."""
    return value(seen.said.headers, "server") or value(seen.said.headers, "x-powered-by") or ""


def stream_of(seen: Observation) -> str:
    """How much it says, and how it ends."""
    events = f"{seen.events} event{'' if seen.events == 1 else 's'}"
    words = [f"{events} in {seconds(seen.long_s)}"]
    if seen.comments:
        words.append(f"{seen.comments} comment{'' if seen.comments == 1 else 's'}")
    if seen.told_s is not None:
        words.append(f"ends with {seen.promises.end_marker}")
        words += [] if seen.is_over else ["is left open"]
    elif not seen.is_over:
        words.append("goes on")
    elif seen.said.end == "end":
        words.append("ends" + "".join(f" with {it}" for it in _MARKERS if it in _last(seen)))
    else:
        words.append(f"ends by {seen.said.end}")
    words.append("ids" if seen.ids else "no ids")
    return ", ".join(words)


def _last(seen: Observation) -> str:
    return seen.reads[-1].data.decode("utf-8", "replace") if seen.reads else ""


def observed(seen: Observation) -> Iterator[str]:
    """What else is worth knowing of it, each on its own."""
    said = seen.said
    silence_s = longest_silence_s(seen)
    if said.reads:
        first_s = said.reads[0][0]
        is_longest = abs(first_s - silence_s) < 0.001
        yield f"first byte {seconds(first_s)}" + (" = longest silence" if is_longest else "")
        if not is_longest:
            yield f"longest silence {seconds(silence_s)}"
        if said.head_s > _LATE_S:
            yield "headers late"
    if seen.codings:
        yield f"coded with {', '.join(seen.codings)}"
    if value(said.headers, "x-accel-buffering") != "no":
        yield "no X-Accel-Buffering"
    if "no-transform" not in tokens(said.headers, "cache-control"):
        yield "no no-transform"
    if not seen.comments and not seen.has_all:
        yield "no heartbeat"


def together(findings: Iterable[Finding]) -> Iterator[str]:
    """What is worth knowing of several streams at once, beside what is wrong with them."""
    for it in findings:
        if it.outcome == "PASS":
            yield it.observed if it.check == AT_ONCE else "told the same"
        elif it.outcome == "SKIP":
            yield f"not tried at once: {it.observed}"


def not_reached(cells: Iterable[Judged]) -> Iterator[str]:
    """The limits that the stream was too short or too lively for, a line for each kind of limit.

    What a hop sees of a stream depends on what the hops behind it hold back.
    """
    kinds: dict[str, dict[str, str]] = {}
    seen: dict[str, dict[str, float]] = {}
    for it in cells:
        for fault in it.case.faults:
            if fault.end == "not_reached" and fault.is_limit:
                margin = fault.reason.partition(" of ")[0]
                limit = fault.setting.rpartition(" ")[2] or fault.reason.rpartition(" of ")[2]
                match = _MARGIN.fullmatch(margin)
                kind, amount, number = match.groups() if match else (margin, "", "0")
                kinds.setdefault(kind, {})[f"{it.cell.title} {limit}"] = ""
                seen.setdefault(kind, {})[amount] = float(number)
    for kind, names in kinds.items():
        amounts = sorted(seen[kind], key=seen[kind].__getitem__)
        margin = " to ".join(dict.fromkeys([amounts[0], amounts[-1]]))
        yield f"limits not reached ({f'{kind} {margin}'.strip()}): {', '.join(names)}"


def not_meant(cells: Iterable[Judged]) -> Iterator[str]:
    """The chains that the target was not asked for, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for it in cells:
        for finding in it.case.findings:
            if finding.outcome == "SKIP" and it.case.outcome == "SKIP":
                reasons.setdefault(finding.observed, []).append(it.cell.title)
    for reason, names in reasons.items():
        yield f"{reason}: {', '.join(dict.fromkeys(names))}"

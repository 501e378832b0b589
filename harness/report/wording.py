"""The words and marks that every report shares."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from harness.model.journal import FaultNote
from harness.model.scenario import Case, EvidenceGrade
from harness.model.verdict import CaseVerdict, EndHow, FaultEnd, Finding, Outcome, deciding

REFERENCE = "the built-in reference server"
NOT_YOURS = "this tested the reference server, not yours; yours: sse-harness run --url URL"

FAULT_ENDS: dict[EndHow, str] = {
    "fired": "fired",
    "defeated": "defeated",
    "not_reached": "not reached",
}

# What is worse stands first; PASS, WARN and SKIP end a run with 0.
BY_WEIGHT: tuple[Outcome, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "WARN", "SKIP", "PASS")

# How something is known of a product, the surest first.
MARKS: dict[EvidenceGrade, str] = {"measured": "●", "documented": "○", "reported": "◌"}

# What a limit says of itself; a product's own directive stands in its place.
_LIMIT = re.compile(r" \(limit [^)]*\)")

_EN_DASH = "\u2013"

# For streams that cannot take the marks, such as a redirected one on Windows.
_ASCII = str.maketrans(
    {"●": "*", "○": "o", "◌": ".", "·": "-", "→": "->", _EN_DASH: "-", "…": "..."}
)


def is_reference(shown: str) -> bool:
    """Whether a verdict's `target` names the reference server, with or without flaws."""
    return shown.startswith(REFERENCE)


def visible(text: str) -> str:
    """`text` with control characters escaped: what a server sent must not move the cursor."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def encodable(text: str, encoding: str) -> str:
    """`text` in characters that `encoding` has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """`text` in lines of at most `width` columns, the further ones indented; no word is broken."""
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines or [""]


def numbers(entries: Iterable[int]) -> str:
    """Entry numbers, consecutive ones joined by a dash: 14, 15, 16 and 20 are two parts."""
    ordered = sorted(set(entries))
    starts = [n for n in ordered if n - 1 not in ordered]
    ends = [n for n in ordered if n + 1 not in ordered]
    return ", ".join(
        str(first) if first == last else f"{first}{_EN_DASH}{last}"
        for first, last in zip(starts, ends, strict=True)
    )


def mark(case: CaseVerdict, hop: int | None, check: str = "") -> str:
    """How what a product is blamed for is known of it; "" where no product is blamed.

    Of several grades the weakest: a verdict is as good as the worst of its grounds.
    """
    grades = [it.evidence for it in deciding(case.faults, hop, check)] if hop is not None else []
    return next((MARKS[it] for it in reversed(MARKS) if it in grades), "")


def blamed(case: CaseVerdict, hop: int, check: str = "") -> str:
    """What the hop to blame did.

    `hop 1 (nginx@1.22) closed after 60.0 s of silence (proxy_read_timeout 60s)`, or, where the
    scenario writes the fault, `hop 1 idle_timeout: closed after 60.0 s of silence (limit 60 s)`.
    """
    did = deciding(case.faults, hop, check)
    product = next((f" ({it.product})" for it in did if it.product), "")
    return f"hop {hop}{product} {'; '.join(map(_did, did))}".rstrip()


def rescued_by(case: CaseVerdict, finding: Finding) -> str:
    """What rescues a stream at the hop to blame, as its product is known; "": nothing is known."""
    did = [] if finding.hop is None else deciding(case.faults, finding.hop, finding.check)
    return "; ".join(dict.fromkeys(it.rescue for it in did if it.rescue))


def _did(fault: FaultEnd) -> str:
    reason = with_directive(fault.reason, fault.setting)
    is_told = fault.setting and _LIMIT.search(fault.reason)
    return reason if is_told else f"{fault.fault}: {reason}"


def with_directive(reason: str, setting: str) -> str:
    """What a fault says of itself, with the product's directive in place of its own limit.

    Args:
        reason: As in the journal.
        setting: The directive and its value; "": the fault is of no product, or of no directive.
    """
    if not setting:
        return reason
    if _LIMIT.search(reason):
        return _LIMIT.sub(lambda _: f" ({setting})", reason)
    return f"{reason} ({setting})"


def directive(note: FaultNote, case: Case) -> str:
    """The directive that a fault comes from, with its value; "" where there is none."""
    return case.scenario.through[note.hop - 1].faults[note.fault].directive


def fault_ends(case: CaseVerdict) -> str:
    """How the faults of a case ended: `hop 1 cut fired; hop 2 buffer + slice defeated`."""
    is_chain = len(case.through) > 1
    hops: dict[int, dict[EndHow, list[str]]] = {}
    for it in case.faults:
        hops.setdefault(it.hop, {}).setdefault(it.end, []).append(it.fault)
    return "; ".join(
        (f"hop {hop} " if is_chain else "")
        + ", ".join(
            f"{' + '.join(ends[end])} {FAULT_ENDS[end]}" for end in FAULT_ENDS if end in ends
        )
        for hop, ends in hops.items()
    )


def total_seconds(seconds: float) -> str:
    """Seconds of a whole run: `9.8 s`, `12,345 s`."""
    return f"{seconds:,.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def folder(case_id: str) -> str:
    """The folder part of a case's id: `idle` of `idle/quiet[a/b]`; `` when it has none."""
    return case_id.split("[", 1)[0].rpartition("/")[0]


def place_of(case: CaseVerdict) -> tuple[str, int | None]:
    """File and line of a case's scenario; an empty file when it has none."""
    parts = case.place.rsplit(":", 2)
    match parts:
        case [file, line, col] if line.isdigit() and col.isdigit():
            return file, int(line)
        case _:
            return case.place, None

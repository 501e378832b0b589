"""The one cause when no client ever got an event stream: every other finding would repeat it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from harness.checks.advice import against_cut, curl, seconds
from harness.checks.base import WHATWG
from harness.checks.blame import Ending
from harness.checks.evidence import Evidence
from harness.checks.headers_fit import HeadersFit
from harness.checks.places import EVENT_STREAM, Attempt
from harness.model.verdict import Finding
from harness.wire.headers import value

CHECK: Final = "stream"

_SOURCE = f"{WHATWG}#the-eventsource-interface"
_TYPE = f'send "Content-Type: {EVENT_STREAM}"'
# What a foreign target's refusal asks of the one who runs this.
_ASK = {
    401: 'send what it asks for: -H "Authorization: …"',
    403: 'send what it asks for: -H "Authorization: …"',
    404: "check the path: the server has nothing there",
    405: "ask with the method it takes: -X POST",
    406: 'send the Accept it takes: -H "Accept: …"',
    410: "check the path: the server has nothing there any more",
}


def no_stream(evidence: Evidence, asked: Collection[str]) -> Finding | None:
    """Why no client got an event stream, as a failure; None: one did, or nothing was answered.

    A 204 is no such reason: it tells a client that there is nothing more.

    Args:
        evidence: One case.
        asked: The checks asked, by name: a wrong content type is a finding of `headers_fit`.
    """
    attempts = evidence.attempts
    answered = [it for it in attempts if it.head is not None and it.status != 204]
    if not answered or any(it.is_stream for it in attempts):
        return None
    first = answered[0]
    assert first.head is not None
    change = evidence.retyped(first) if first.status == 200 else None
    ending = evidence.ending(first)
    if change is not None:
        hop, observed, fix, entries = change.hop, change.observed, change.fix, change.entries
        confirm = curl(evidence, "-i")
    else:
        media = value(first.head.headers, "content-type") or "no Content-Type"
        hop = None if ending is None else ending.hop
        observed = f"{_who(ending)} answered {first.status} {media}{_after(ending)}"
        fix, confirm = _cure(evidence, first, ending)
        entries = (first.request.n, first.head.n)
    more = f" ({len(answered)} times)" if len(answered) > 1 else ""
    is_type = first.status == 200 and HeadersFit.name in asked
    return Finding(
        check=HeadersFit.name if is_type else CHECK,
        outcome="FAIL",
        expected=f"200 {EVENT_STREAM}",
        observed=observed + more,
        hop=hop,
        fix=fix,
        confirm=confirm,
        evidence=entries,
        source=_SOURCE,
    )


def _who(ending: Ending | None) -> str:
    if ending is None or ending.by == "target":
        return "the target"
    return "somebody on the path" if ending.hop is None else f"hop {ending.hop}"


def _after(ending: Ending | None) -> str:
    if ending is None or ending.silence_s < 1.0:
        return ""
    return f" after {seconds(ending.silence_s)} of silence"


def _cure(evidence: Evidence, first: Attempt, ending: Ending | None) -> tuple[str, str]:
    if ending is not None and ending.by != "target":
        return against_cut(evidence, [ending])
    url = urlsplit(evidence.case.target.url or "https://HOST")
    confirm = curl(evidence, "-i", origin=f"{url.scheme}://{url.netloc}")
    if first.status == 200:
        return _TYPE, confirm
    wanted = None if evidence.is_reference else _ASK.get(first.status or 0)
    return wanted or f"answer 200, and {_TYPE}", confirm

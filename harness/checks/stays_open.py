"""See `StaysOpen`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field

from harness.checks.advice import against_cut, at_hop, seconds, timed_curl
from harness.checks.base import RFC9112, CheckConfig
from harness.checks.blame import SAME_INSTANT_S, Ending
from harness.checks.evidence import Evidence
from harness.checks.places import EVENT_STREAM, Attempt
from harness.model.verdict import Finding
from harness.units import Duration
from harness.wire.headers import media_type

# A fault of a chain, as messages name it.
FAULT_PATH: Final = r"through\[([0-9]+)\]\.(.+)"
# What the reference server does by its script, or a program by its own timer, may come this much
# early on a real clock.
_SCRIPT_S = 0.05


class StaysOpen(CheckConfig):
    """No response is ended before its time by anybody but the client.

    Its time is `for`, counted from the client's request, or the moment at which the reference
    server says goodbye or recycles the stream as its script says. Every attempt counts, those that
    were answered with an error instead of a stream too. A client that leaves ends nothing before
    its time. A foreign target that finishes its own stream rules the check out, unless the end
    marker is known that it says last (`end_marker:` in sse-harness.yaml): who got it has had
    everything, and a stream that ends without it was cut.

    Args:
        for_s: How long each response has to stay open, in seconds; None: as long as it is watched.
        until: Faults of the chain that end responses whatever the target says, such as
            `through[0].max_duration` or `through[0].cloud-run.timeout`: what one of them ends has
            had its time.
    """

    name: ClassVar[str] = "stays_open"
    summary: ClassVar[str] = "no response is ended by the path, or off script, before this time"
    source: ClassVar[str] = f"{RFC9112}#name-message-body-length (a close is not an end)"
    short: ClassVar[str | None] = "for_s"
    needs_payload: ClassVar[bool] = False

    for_s: Duration | None = None
    until: tuple[Annotated[str, Field(pattern=FAULT_PATH)], ...] = ()

    @classmethod
    def ad_hoc(cls, watch_s: float, limits: Sequence[str]) -> Self:
        """Open for as long as it is watched, less a second for coming and going, or to a limit."""
        return cls(for_s=max(1.0, watch_s - 1.0), until=tuple(limits))

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        bound_s = math.inf if self.for_s is None else self.for_s
        expected = "open to the end" if self.for_s is None else f"open for {seconds(self.for_s)}"
        expected += "".join(f", or until {_fault_of(it)} ends it" for it in self.until)
        endings = [it for it in map(evidence.ending, evidence.attempts) if it is not None]
        others = [it for it in endings if self._limit(evidence, it) is None]
        early = [it for it in others if _is_early(evidence, it, bound_s)]
        if early:
            yield self._cut(evidence, expected, early, bound_s)
            return
        proofs = [*_proofs(evidence, endings, bound_s), *self._limited(evidence, endings)]
        proof = max(proofs, default=None)
        if proof is not None:
            cuts = [it for it in others if it.by == "hop"]
            lives_s = [it.life_s for it in cuts]
            margin = min(lives_s) - bound_s if lives_s and bound_s < math.inf else None
            at = [n for it in cuts[:2] for n in it.entries] or [
                it.request.n for it in evidence.attempts[:1]
            ]
            yield self.passed(expected, proof[1], margin=margin, at=at)
            return
        unread = next((it for it in endings if _is_unreadable(evidence, it.attempt)), None)
        if unread is not None:
            why = "what is left of the body does not show whether the end marker came"
            yield self.inconclusive(expected, why, at=unread.entries)
            return
        finite = [it for it in endings if it.by == "target"]
        if finite and not evidence.is_reference:
            longest = max(finite, key=lambda it: it.life_s)
            yield self.skipped(
                expected,
                f"the target itself ended the stream after {seconds(longest.life_s)}",
                at=longest.entries,
            )
            return
        watched_s = max((it.life_s for it in evidence.attempts if it.is_stream), default=0.0)
        if evidence.case.is_ad_hoc and not watched_s:
            yield self.skipped(expected, "no stream began at a client")
            return
        yield self.inconclusive(
            expected, f"watched for {seconds(watched_s)}", at=[it.entries[-1] for it in endings[:2]]
        )

    def _limit(self, evidence: Evidence, ending: Ending) -> str | None:
        """The fault of `until` that ended a response; None: none of them did."""
        if ending.hop is None:
            return None
        if evidence.case.scenario.through[ending.hop - 1].is_real:
            return self._limit_by_age(evidence, ending, ending.hop)
        for it in evidence.route(ending.attempt).hops:
            if it.hop == ending.hop:
                paths = (f"through[{it.hop - 1}].{name}" for name in evidence.fired_in(it))
                return next((path for path in paths if path in self.until), None)
        return None

    def _limit_by_age(self, evidence: Evidence, ending: Ending, number: int) -> str | None:
        """The same at a real hop, which says nothing of what it did.

        What it ended that was as old as such a limit of its own, and not as silent as another one
        allows, it ended for its age.
        """
        hop = evidence.case.scenario.through[number - 1]
        old = None
        for at, spec in enumerate(hop.faults):
            path = f"through[{number - 1}].{hop.path_of(at)}"
            if spec.limit_s is None:
                continue
            if path not in self.until and ending.silence_s >= spec.limit_s - _SCRIPT_S:
                return None
            if path in self.until and ending.life_s >= spec.limit_s - _SCRIPT_S:
                old = path
        return old

    def _limited(
        self, evidence: Evidence, endings: Sequence[Ending]
    ) -> Iterator[tuple[float, str]]:
        """The streams that had their time because a fault of `until` ended them."""
        for ending in endings:
            limit = self._limit(evidence, ending)
            if limit is not None and ending.attempt.is_stream:
                life = seconds(ending.life_s)
                yield ending.life_s, f"open for {life}, until {_fault_of(limit)} ended it"

    def _cut(
        self, evidence: Evidence, expected: str, early: list[Ending], bound_s: float
    ) -> Finding:
        first = early[0]
        alike = [it for it in early if (it.by, it.hop) == (first.by, first.hop)]
        more = f", and {len(early) - 1} more" if len(early) > 1 else ""
        if first.hop is not None or first.by == "unknown":
            fix, confirm = against_cut(evidence, alike)
        else:
            fix = "keep the stream open until there is nothing more to say, then answer 204"
            if first.attempt.status == 200 and not first.attempt.is_stream:
                fix = f'send "Content-Type: {EVENT_STREAM}"'
            elif evidence.end_marker is not None:
                fix = f"send {evidence.end_marker} before you end the stream"
            confirm = timed_curl(evidence)
        who = "somewhere on the path" if first.by == "unknown" else at_hop(first.hop)
        unmarked = "" if evidence.end_marker is None else ", without its end marker"
        return self.failed(
            expected,
            f"{_how(first)} at {seconds(first.life_s)} {who}{_before(evidence, first)}{unmarked}"
            f"{more}",
            margin=None if bound_s == math.inf else first.life_s - bound_s,
            hop=first.hop,
            fix=fix,
            confirm=confirm,
            at=first.entries,
        )


def _fault_of(path: str) -> str:
    """`max_duration of hop 1`, for `through[0].max_duration`."""
    match = re.fullmatch(FAULT_PATH, path)
    assert match, path
    return f"{match[2]} of hop {int(match[1]) + 1}"


def _how(ending: Ending) -> str:
    attempt = ending.attempt
    if ending.how == "refused":
        return "refused"
    if attempt.head is not None and not attempt.is_stream:
        media = media_type(attempt.head.headers) if attempt.status == 200 else None
        return f"answered {attempt.status}" + (f" {media}" if media else "")
    return "ended" if ending.how == "end" else "cut"


def _before(evidence: Evidence, ending: Ending) -> str:
    """What went before: a silence, and who made it."""
    holder = evidence.holder(ending)
    held = "" if holder is None else f", while hop {holder} held what the target said"
    return (
        "" if ending.silence_s < 1.0 else f", after {seconds(ending.silence_s)} of silence"
    ) + held


def _is_early(evidence: Evidence, ending: Ending, bound_s: float) -> bool:
    attempt = ending.attempt
    if ending.by == "client" or ending.life_s >= bound_s - SAME_INSTANT_S:
        return False
    if evidence.has_end_marker(attempt) or _is_unreadable(evidence, attempt):
        return False
    if ending.by != "target":
        return True
    if attempt.status == 204:
        return False  # a client is told so that there is nothing more: WHATWG HTML, "9.2.3"
    if not attempt.is_stream or ending.how != "end":
        return True
    if evidence.is_reference:
        return not is_on_script(evidence, ending)
    return evidence.end_marker is not None and not _is_said(evidence, attempt)


def _is_unreadable(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether an end marker would not be found in a response, though it may have had one."""
    stream = attempt.stream
    return evidence.end_marker is not None and bool(stream.is_clipped or stream.coding_problem)


def _is_said(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether the target has said its end marker, whatever became of it."""
    marker, exchange = evidence.end_marker, evidence.route(attempt).exchange
    if marker is None or exchange is None:
        return False
    return any(marker.is_in(it.item) for it in exchange.stream.events)


def is_on_script(evidence: Evidence, ending: Ending) -> bool:
    """Whether the reference server was told to end this response when it did."""
    traffic = evidence.case.scenario.traffic
    if traffic is None or ending.by != "target" or ending.how != "end":
        return False
    if traffic.end_after_s is not None:
        goodbye_s = evidence.ready_s + traffic.end_after_s
        if ending.t_s >= goodbye_s - _SCRIPT_S:
            return True
    recycle_s = traffic.recycle_after_s
    return recycle_s is not None and ending.life_s >= recycle_s - _SCRIPT_S


def _proofs(
    evidence: Evidence, endings: list[Ending], bound_s: float
) -> Iterator[tuple[float, str]]:
    """What shows that a response had its time, the best one greatest."""
    for it in evidence.attempts:
        is_long = it.life_s >= bound_s - SAME_INSTANT_S
        if it.is_stream and (is_long or (bound_s == math.inf and it.is_open)):
            yield it.life_s, f"open for {seconds(it.life_s)}"
    for it in evidence.attempts:
        if evidence.has_end_marker(it):
            yield it.life_s, f"{seconds(it.life_s)} long, to its end marker"
    for ending in endings:
        if ending.attempt.is_stream and is_on_script(evidence, ending):
            yield ending.life_s, f"open for {seconds(ending.life_s)}, until the server ended it"

"""See `FirstByteWithin`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from harness.checks.advice import against_hold, seconds, timed_curl
from harness.checks.base import RFC9112, CheckConfig
from harness.checks.blame import SAME_INSTANT_S
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.model.verdict import Finding
from harness.units import Duration


class FirstByteWithin(CheckConfig):
    """The first body byte of every response comes in time.

    A client, and every intermediary with a limit before the head, waits for it in vain while the
    target, or a hop, keeps head and first event together.

    Args:
        within_s: From the client's request to its first body byte, in seconds.
    """

    name: ClassVar[str] = "first_byte_within"
    summary: ClassVar[str] = "the first body byte of every response arrives within this time"
    source: ClassVar[str] = f"{RFC9112}#name-message-body (a head may be sent before any body)"
    short: ClassVar[str | None] = "within_s"
    needs_payload: ClassVar[bool] = False

    within_s: Duration = 5.0

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = f"first body byte within {seconds(self.within_s)}"
        waits = [it for it in map(self._wait, evidence.attempts) if it is not None]
        if not waits:
            yield self.lacking(evidence, expected, "no response was waited for that long")
            return
        worst = max(waits, key=lambda it: it.wait_s)
        margin = self.within_s - worst.wait_s
        if margin >= -SAME_INSTANT_S:
            yield self.passed(
                expected, f"after {seconds(worst.wait_s)} at most", margin=margin, at=worst.at
            )
            return
        slow = evidence.first_byte_wait(worst.attempt, worst.attempt.began_s + worst.wait_s)
        if slow.hop is None:
            fix = 'send the head and a comment (": hi\\n\\n") before the first event is due'
            confirm = timed_curl(evidence, "%{http_code}, first byte after %{time_starttransfer} s")
        else:
            fix, confirm = against_hold(evidence, worst.attempt, slow.hop)
        late = sum(it.wait_s > self.within_s for it in waits)
        yield self.failed(
            expected,
            f"{worst.what} {seconds(worst.wait_s)}, {seconds(slow.wait_s)} of them "
            f"{'at the target' if slow.hop is None else f'at hop {slow.hop}'}"
            f" ({late} of {len(waits)} responses late)",
            margin=margin,
            hop=slow.hop,
            fix=fix,
            confirm=confirm,
            at=worst.at,
        )

    def _wait(self, attempt: Attempt) -> _Wait | None:
        """How long the first byte took, or was waited for in vain; None: too short to tell."""
        reads = attempt.stream.reads
        if attempt.is_stream and reads:
            wait_s = reads[0].t_s - attempt.began_s
            return _Wait(attempt, wait_s, "after", (attempt.request.n, reads[0].n))
        if attempt.head is None or attempt.is_stream:
            wait_s, what, end = attempt.life_s, "no body byte in", attempt.end
            at = (attempt.request.n, -1 if end is None else end.n)
        elif attempt.status == 204:
            return None
        else:
            wait_s = attempt.head.t_s - attempt.began_s
            what, at = f"status {attempt.status} after", (attempt.request.n, attempt.head.n)
        return _Wait(attempt, wait_s, what, at) if wait_s > self.within_s else None


class _Wait(NamedTuple):
    attempt: Attempt
    wait_s: float
    what: str
    at: tuple[int, int]

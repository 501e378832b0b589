"""See `HeartbeatWithin`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from harness.checks.advice import against_hold, curl, heartbeat, seconds
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.blame import SAME_INSTANT_S, Wait
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.checks.streams import Gap, longest
from harness.model.verdict import Finding
from harness.units import Duration


class HeartbeatWithin(CheckConfig):
    """No open response is silent for longer than this where the client reads it.

    Any byte ends a silence, a comment too: this is about what idle limits count. Heartbeats that
    the target sends and a hop holds back do not help anybody below that hop.

    Args:
        within_s: Longest silence, in seconds.
    """

    name: ClassVar[str] = "heartbeat_within"
    summary: ClassVar[str] = "the client is never without a byte for longer than this"
    source: ClassVar[str] = f'{WHATWG}#authoring-notes ("a comment line every 15 seconds or so")'
    short: ClassVar[str | None] = "within_s"
    needs_payload: ClassVar[bool] = False

    within_s: Duration = 30.0

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = f"a byte at least every {seconds(self.within_s)}"
        gaps = [
            (gap, attempt)
            for attempt in evidence.attempts
            if attempt.is_stream and (gap := attempt.longest_silence) is not None
        ]
        watched_s = max((_open_s(attempt) for _, attempt in gaps), default=0.0)
        gap, attempt = max(gaps, key=lambda it: it[0].length_s, default=(None, None))
        if gap is None or attempt is None or watched_s < self.within_s - SAME_INSTANT_S:
            at_most = f"no response was open for {seconds(self.within_s)}, but for "
            yield self.lacking(
                evidence,
                expected,
                f"{at_most}{seconds(watched_s)} at most" if gaps else "no response was open",
            )
            return
        margin = self.within_s - gap.length_s
        at = (gap.from_n, gap.to_n)
        if margin >= -SAME_INSTANT_S:
            observed = f"longest silence {seconds(gap.length_s)}"
            yield self.passed(expected, observed, margin=margin, at=at)
            return
        held = self._held(evidence, attempt, gap)
        if held is None:
            fix = heartbeat(self.within_s)
            confirm = f"{curl(evidence)}  # silent for {gap.length_s:.0f} s"
        elif held.hop is not None:
            fix, confirm = against_hold(evidence, attempt, held.hop)
        else:
            fix = "let the path pass on every comment at once"
            confirm = f"{curl(evidence)}  # silent while the server itself speaks"
        yield self.failed(
            expected,
            f"silent for {seconds(gap.length_s)} from {gap.from_s:.1f} s on, "
            + ("the target too" if held is None else "while the target spoke"),
            margin=margin,
            hop=None if held is None else held.hop,
            fix=fix,
            confirm=confirm,
            at=at,
        )

    def _held(self, evidence: Evidence, attempt: Attempt, gap: Gap) -> Wait | None:
        """Where what the target said in this silence waited; None: it was silent as well."""
        exchange = evidence.route(attempt).exchange
        if exchange is None:
            return None
        said = [it for it in exchange.stream.reads if gap.from_s < it.t_s < gap.to_s]
        points = [(gap.from_s, -1), *((it.t_s, it.n) for it in said), (gap.to_s, -1)]
        own = longest(points)
        if not said or own is None or own.length_s > self.within_s + SAME_INSTANT_S:
            return None
        return evidence.stuck(attempt, said[0].end, said[0].t_s, gap.to_s)


def _open_s(attempt: Attempt) -> float:
    return 0.0 if attempt.head is None else attempt.ended_s - attempt.head.t_s

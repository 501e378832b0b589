"""See `DeliveredWithin`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from harness.checks.advice import against_hold, against_keeping, against_latency, seconds
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.blame import SAME_INSTANT_S, Wait
from harness.checks.deliveries import Delivery, Said
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.model.verdict import Finding
from harness.units import Duration

# Delays that differ by less than this part of the longest one are one delay: latency, not a buffer.
_ALIKE = 0.2


class DeliveredWithin(CheckConfig):
    """Every event reaches the client in time after it was said.

    What entered the path and did not come out while the response was open counts as late from the
    moment the bound had passed. An event is said when it passes the tap beside the target; the
    reference server also tells when it handed it to its transport, and what never left that.

    Args:
        within_s: From there to the client, in seconds.
    """

    name: ClassVar[str] = "delivered_within"
    summary: ClassVar[str] = "every event reaches the client within this time"
    source: ClassVar[str] = f"{WHATWG}#authoring-notes (buffering defeats the purpose)"
    short: ClassVar[str | None] = "within_s"

    within_s: Duration = 1.0

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = f"every event within {seconds(self.within_s)}"
        passages = list(self._passages(evidence))
        if not passages:
            yield self.lacking(evidence, expected, "the target said no event while it was watched")
            return
        worst = max(passages, key=lambda it: it.wait_s)
        margin = self.within_s - worst.wait_s
        if margin >= -SAME_INSTANT_S:
            yield self.passed(
                expected,
                f"{len(passages)} events within {seconds(max(0.0, worst.wait_s))}",
                margin=margin,
                at=worst.at,
            )
            return
        late = [it for it in passages if it.wait_s > self.within_s + SAME_INSTANT_S]
        held = _held(evidence, worst)
        lost = sum(it.delivery is None for it in late)
        never = f", {lost} of them never arrived" if lost else ""
        is_even = len(late) == len(passages) and _are_alike([it.wait_s for it in late])
        if held.wait_s == worst.kept_s > 0.0:
            where = ", inside the target"
            fix, confirm = against_keeping(evidence, worst.attempt)
        elif held.hop is None:
            where = ""
            fix, confirm = against_latency(evidence, worst.wait_s)
        else:
            where = f", {seconds(held.wait_s)} of them at hop {held.hop}"
            is_latency = is_even and not lost
            fix, confirm = (
                against_latency(evidence, worst.wait_s)
                if is_latency
                else against_hold(evidence, worst.attempt, held.hop)
            )
        yield self.failed(
            expected,
            f"{len(late)} of {len(passages)} events late{never}; the worst "
            f"{'was still held after' if worst.delivery is None else 'took'} "
            f"{seconds(worst.wait_s)}{where}",
            margin=margin,
            hop=held.hop,
            fix=fix,
            confirm=confirm,
            at=[n for it in (worst, *late[:2], late[-1]) for n in it.at],
        )

    def _passages(self, evidence: Evidence) -> Iterator[_Passage]:
        for attempt in evidence.attempts:
            found = evidence.deliveries(attempt)
            end_n = -1 if attempt.end is None else attempt.end.n
            for it in found.arrived:
                if it.said is not None and it.delay_s is not None:
                    kept_s = evidence.kept_by_target_s(it.said)
                    at = (it.said.seen.n, it.got.n)
                    yield _Passage(attempt, it.delay_s + kept_s, at, kept_s, it.said, it)
            for said in found.missing:
                kept_s = evidence.kept_by_target_s(said)
                wait_s = attempt.ended_s - said.seen.t_s + kept_s
                if wait_s > self.within_s + SAME_INSTANT_S:
                    yield _Passage(attempt, wait_s, (said.seen.n, end_n), kept_s, said, None)
            exchange = evidence.route(attempt).exchange
            for sent, place in () if exchange is None else evidence.handed(exchange):
                wait_s = attempt.ended_s - sent.t_s
                if place is None and wait_s > self.within_s + SAME_INSTANT_S:
                    yield _Passage(attempt, wait_s, (sent.n, end_n), wait_s, None, None)


class _Passage(NamedTuple):
    """One event's way: where it never came out, without a delivery.

    Attributes:
        wait_s: All the time it took, or had taken when it was waited for no longer.
        kept_s: How much of it inside the target; all of it, when it was never said.
    """

    attempt: Attempt
    wait_s: float
    at: tuple[int, int]
    kept_s: float
    said: Said | None
    delivery: Delivery | None


def _held(evidence: Evidence, it: _Passage) -> Wait:
    """Where it waited longest; hop None: inside the target, or nobody knows."""
    if it.said is None:
        return Wait(None, it.kept_s)
    if it.delivery is not None:
        held = evidence.held(it.attempt, it.delivery)
    else:
        held = evidence.kept(it.attempt, it.said)
    return held if held.wait_s >= it.kept_s else Wait(None, it.kept_s)


def _are_alike(waits_s: list[float]) -> bool:
    return len(waits_s) > 1 and max(waits_s) - min(waits_s) <= _ALIKE * max(waits_s)

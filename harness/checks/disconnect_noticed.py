"""See `DisconnectNoticed`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from harness.checks.advice import seconds
from harness.checks.base import RFC9112, CheckConfig, Level
from harness.checks.blame import SAME_INSTANT_S
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.model.journal import ClientLeft
from harness.model.verdict import Finding
from harness.units import Duration

_HOW = {"fin": "closed", "rst": "reset", "half-close": "half-closed"}


class DisconnectNoticed(CheckConfig):
    """When a client leaves, the target is told, and its handler returns, in time.

    Every hop on the way has to pass it on; what does not is to blame. A half-close may mean that
    the client goes on reading, so that not noticing it is a warning at most.

    Args:
        within_s: From the client's leaving to the end of the exchange at the target, in seconds.
    """

    name: ClassVar[str] = "disconnect_noticed"
    summary: ClassVar[str] = "the target notices within this time that a client has left"
    source: ClassVar[str] = f"{RFC9112}#name-tear-down"
    short: ClassVar[str | None] = "within_s"
    needs_payload: ClassVar[bool] = False

    within_s: Duration = 5.0

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = f"noticed within {seconds(self.within_s)}"
        leavers = [(it, it.left) for it in evidence.attempts if it.left is not None]
        told = [
            _noticed(evidence, attempt, left)
            for attempt, left in leavers
            if _was_under_way(evidence, attempt, left)
        ]
        if not told:
            yield self.lacking(evidence, expected, "no client left an open response")
            return
        late = [it for it in told if it.after_s > self.within_s + SAME_INSTANT_S]
        unseen = [it for it in late if evidence.over_s - it.left.t_s < self.within_s]
        for it in late:
            if it not in unseen:
                yield self._late(evidence, expected, it)
        if len(late) > len(unseen):
            return
        if unseen:
            watched_s = evidence.over_s - unseen[0].left.t_s
            yield self.inconclusive(
                expected, f"watched for {seconds(watched_s)} after it", at=[unseen[0].left.n]
            )
            return
        worst = max(told, key=lambda it: it.after_s)
        yield self.passed(
            expected,
            f"noticed after {seconds(max(0.0, worst.after_s))}",
            margin=self.within_s - worst.after_s,
            at=[worst.left.n, worst.n],
        )

    def _late(self, evidence: Evidence, expected: str, it: _Noticed) -> Finding:
        hop, n = self._blamed(evidence, it)
        level: Level = "SHOULD" if it.left.by == "half-close" else "MUST"
        if hop is not None:
            fix = f"let hop {hop} close its side upstream when its client leaves"
            confirm = f"leave, then at the server: ss -tn state established  # hop {hop} stays"
        elif self._is_told(it):
            fix = "end the handler when the request is disconnected, also while it waits"
            confirm = "leave, then watch the handler: it goes on writing"
        else:
            fix = "read from the connection while writing, to see it close"
            confirm = "leave, then at the server: ss -tn state close-wait"
        never = it.after_s == math.inf
        observed = (
            f"not noticed {seconds(evidence.over_s - it.left.t_s)} after"
            if never
            else f"noticed only {seconds(it.after_s)} after"
        )
        return self.failed(
            expected,
            f"{observed} client {it.attempt.client} {_HOW[it.left.by]} at {it.left.t_s:.1f} s",
            margin=self.within_s - (evidence.over_s - it.left.t_s if never else it.after_s),
            hop=hop,
            fix=fix,
            confirm=confirm,
            at=[it.left.n, n, it.n],
            level=level,
        )

    def _is_told(self, it: _Noticed) -> bool:
        """Whether the target's border saw it in time, so that only the handler is late."""
        return it.told_s <= self.within_s + SAME_INSTANT_S

    def _blamed(self, evidence: Evidence, it: _Noticed) -> tuple[int | None, int]:
        """The first hop that did not pass it on in time; None: every one did."""
        if self._is_told(it):
            return None, it.n
        due_s = it.left.t_s + self.within_s + SAME_INSTANT_S
        hops = evidence.route(it.attempt).hops
        for hop in hops:
            if hop.gone is None or hop.gone.t_s > due_s:
                return hop.hop, hop.request.n if hop.gone is None else hop.gone.n
            passed = [close for close in hop.closed if close.how != "leave_open"]
            if not any(close.t_s <= due_s for close in passed):
                return hop.hop, hop.gone.n
        silent = [hop for hop in evidence.chain if hop not in {it.hop for it in hops}]
        return (silent[0] if len(silent) == 1 else None), it.left.n


class _Noticed(NamedTuple):
    """How long after a client had left the target was done with it; inf: never.

    Attributes:
        told_s: How long after it the target's border saw its side closed; inf: never.
        n: The entry that shows the end; -1: there is none.
    """

    attempt: Attempt
    left: ClientLeft
    after_s: float
    told_s: float
    n: int


def _was_under_way(evidence: Evidence, attempt: Attempt, left: ClientLeft) -> bool:
    """Whether the target was still answering when the client left."""
    exchange = evidence.route(attempt).exchange
    return exchange is not None and not (exchange.end is not None and exchange.end.n < left.n)


def _noticed(evidence: Evidence, attempt: Attempt, left: ClientLeft) -> _Noticed:
    exchange = evidence.route(attempt).exchange
    end = None if exchange is None else exchange.end
    if end is None:
        return _Noticed(attempt, left, math.inf, math.inf, -1)
    told_s = end.t_s - left.t_s
    served = evidence.served_for(attempt)
    if served is None:
        return _Noticed(attempt, left, told_s, told_s, end.n)
    if served.done is None:
        return _Noticed(attempt, left, math.inf, told_s, end.n)
    done_s = served.done.t_s - left.t_s
    n = served.done.n if done_s > told_s else end.n
    return _Noticed(attempt, left, max(told_s, done_s), told_s, n)

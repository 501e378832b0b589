"""See `DisconnectNoticed`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from harness.checks.advice import seconds
from harness.checks.base import RFC9112, CheckConfig, Level
from harness.checks.blame import SAME_INSTANT_S
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt, Exchange
from harness.model.journal import ClientLeft
from harness.model.verdict import Finding
from harness.units import Duration

# What becomes of a leaving: who, and what.
_TOLD = ("the target was ", "told")
_NOTICED = ("", "noticed")
_HOW = {"fin": "closed", "rst": "reset", "half-close": "half-closed"}


class DisconnectNoticed(CheckConfig):
    """When a client leaves, the target is told, and its handler returns, in time.

    Every hop on the way has to pass it on; what does not is to blame. A half-close may mean that
    the client goes on reading, so that not noticing it is a warning at most.

    The reference server says itself when its handler returns. Of any other target only its own
    end is seen, after its client's side was closed; once that side was aborted, nothing is.

    Args:
        within_s: From the client's leaving to the end of the exchange at the target, in seconds.
        by: Who has to notice in time: the target, which is done then; or the path alone, which has
            closed its connection to the target then, whatever comes of that.
    """

    name: ClassVar[str] = "disconnect_noticed"
    summary: ClassVar[str] = "the target notices within this time that a client has left"
    source: ClassVar[str] = f"{RFC9112}#name-tear-down"
    short: ClassVar[str | None] = "within_s"
    needs_payload: ClassVar[bool] = False

    within_s: Duration = 5.0
    by: Literal["target", "path"] = "target"

    def settle_s(self) -> float:
        """See `CheckConfig.settle_s`: the target gets the time it is given to notice."""
        return self.within_s

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        is_path = self.by == "path"
        expected = f"{'the target is told' if is_path else 'noticed'} within "
        expected += seconds(self.within_s)
        leavers = [(it, it.left) for it in evidence.attempts if it.left is not None]
        under_way = [
            (_told if is_path else _noticed)(evidence, attempt, left)
            for attempt, left in leavers
            if _was_under_way(evidence, attempt, left)
            and not (is_path and _is_over_anyway(evidence, attempt, left, self.within_s))
        ]
        if not under_way:
            yield self.lacking(evidence, expected, "no client left an open response")
            return
        told = [it for it in under_way if not self._is_hidden(it)]
        if not told:
            hidden = under_way[0]
            yield self.skipped(
                expected,
                "cannot be seen from outside: the target's connection was closed for good",
                at=[hidden.left.n, hidden.n],
            )
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
        words = _TOLD if is_path else _NOTICED
        yield self.passed(
            expected,
            f"{''.join(words)} after {seconds(max(0.0, worst.after_s))}"
            + (_done_later(worst) if is_path else ""),
            margin=self.within_s - worst.after_s,
            at=[worst.left.n, worst.n],
        )

    def _late(self, evidence: Evidence, expected: str, it: _Noticed) -> Finding:
        hop, n = self._blamed(evidence, it)
        level: Level = "SHOULD" if it.left.by == "half-close" else "MUST"
        if hop is not None:
            fix = f"let hop {hop} close its side upstream when its client leaves"
            confirm = f"leave, then at the server: ss -tn state established  # hop {hop} stays"
        elif self.by == "path":
            fix = "let the path close its side upstream when its client leaves"
            confirm = "leave, then at the server: ss -tn state established"
        elif not evidence.is_reference:
            fix = "read from the connection while writing, and end the handler when it closes"
            confirm = "leave, then at the server: ss -tn state close-wait"
        elif self._is_told(it):
            fix = "end the handler when the request is disconnected, also while it waits"
            confirm = "leave, then watch the handler: it goes on writing"
        else:
            fix = "read from the connection while writing, to see it close"
            confirm = "leave, then at the server: ss -tn state close-wait"
        never = it.after_s == math.inf
        passive, done = _TOLD if self.by == "path" else _NOTICED
        observed = passive + (
            f"not {done} {seconds(evidence.over_s - it.left.t_s)} after"
            if never
            else f"{done} only {seconds(it.after_s)} after"
        )
        observed += f" client {it.attempt.client} {_HOW[it.left.by]} at {it.left.t_s:.1f} s"
        is_deaf = never and hop is None and it.left.by != "half-close"
        if is_deaf and not evidence.is_reference and self.by == "target":
            observed += ": the target keeps the stream open although its client has gone"
        elif self.by == "path":
            observed += _done_later(it)
        return self.failed(
            expected,
            observed,
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

    def _is_hidden(self, it: _Noticed) -> bool:
        """Whether a target that was told in time was out of sight before it had to be done."""
        bound_s = self.within_s + SAME_INSTANT_S
        return self._is_told(it) and it.after_s > bound_s and it.hidden_s <= bound_s

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
        hidden_s: How long after it nothing could be seen of the target any more; inf: always could.
        n: The entry that shows the end; -1: there is none.
        done_s: How long after its side was closed the target was done; inf: that is not known.
    """

    attempt: Attempt
    left: ClientLeft
    after_s: float
    told_s: float
    hidden_s: float
    n: int
    done_s: float = math.inf


def _was_under_way(evidence: Evidence, attempt: Attempt, left: ClientLeft) -> bool:
    """Whether the target was still answering when the client left."""
    exchange = evidence.route(attempt).exchange
    return exchange is not None and not (exchange.end is not None and exchange.end.n < left.n)


def _is_over_anyway(
    evidence: Evidence, attempt: Attempt, left: ClientLeft, within_s: float
) -> bool:
    """Whether the target had said all it had to say before anybody had to tell it anything."""
    exchange = evidence.route(attempt).exchange
    if exchange is None or exchange.end is None:
        return False
    return exchange.is_ended_by_target and exchange.end.t_s - left.t_s <= within_s


def _noticed(evidence: Evidence, attempt: Attempt, left: ClientLeft) -> _Noticed:
    exchange = evidence.route(attempt).exchange
    end = None if exchange is None else exchange.end
    if exchange is None or end is None:
        return _Noticed(attempt, left, math.inf, math.inf, math.inf, -1)
    told_s = end.t_s - left.t_s
    if not evidence.is_reference:
        return _seen_from_outside(evidence, attempt, left, exchange)
    served = evidence.served_for(attempt)
    if served is None:
        return _Noticed(attempt, left, told_s, told_s, math.inf, end.n)
    if served.done is None:
        return _Noticed(attempt, left, math.inf, told_s, math.inf, end.n)
    done_s = served.done.t_s - left.t_s
    n = served.done.n if done_s > told_s else end.n
    return _Noticed(attempt, left, max(told_s, done_s), told_s, math.inf, n)


def _told(evidence: Evidence, attempt: Attempt, left: ClientLeft) -> _Noticed:
    """How long after a client had left the target was told so, and what is known from then on."""
    exchange = evidence.route(attempt).exchange
    told = None if exchange is None else exchange.left
    if exchange is None or told is None:
        return _Noticed(attempt, left, math.inf, math.inf, math.inf, -1)
    noticed = _noticed(evidence, attempt, left)
    after_s = told.t_s - left.t_s
    done_s = noticed.after_s - after_s
    return _Noticed(attempt, left, after_s, after_s, math.inf, told.n, done_s)


def _done_later(it: _Noticed) -> str:
    """What became of the exchange once the target had been told."""
    if it.done_s == math.inf:
        return ""
    all_s = max(0.0, it.after_s + it.done_s)
    return f", and was done {seconds(max(0.0, it.done_s))} later: {seconds(all_s)} in all"


def _seen_from_outside(
    evidence: Evidence, attempt: Attempt, left: ClientLeft, exchange: Exchange
) -> _Noticed:
    """What the tap saw of a target that keeps no record: its own end, unless it was cut off."""
    told, done, cut_off = exchange.end, exchange.target_end, exchange.aborted
    assert told is not None
    if exchange.left is not None and told is exchange.left and _speaks_tls(evidence):
        # TLS cannot be half-closed: the tap has to close the connection for good, and an end that
        # follows is its own doing.
        done, cut_off = None, exchange.left
    return _Noticed(
        attempt,
        left,
        math.inf if done is None else done.t_s - left.t_s,
        told.t_s - left.t_s,
        math.inf if cut_off is None else cut_off.t_s - left.t_s,
        told.n if done is None else done.n,
    )


def _speaks_tls(evidence: Evidence) -> bool:
    return urlsplit(evidence.case.target.url or "").scheme == "https"

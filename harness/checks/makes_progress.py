"""See `MakesProgress`."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from harness.checks.advice import at_hop, curl
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.deliveries import content
from harness.checks.evidence import Evidence
from harness.checks.ledger import Key, Ledger
from harness.checks.places import Attempt
from harness.model.verdict import Finding


class MakesProgress(CheckConfig):
    """No client reconnects again and again without getting anything new.

    To the user a stream that opens, ends and opens again looks alive. An attempt counts when there
    was something new to get: the reference server's feed had produced it, or a foreign target said
    something, refused, or ended the response itself. A 204, which ends it all, does not.

    Args:
        attempts: So many attempts in a row without a new event are a loop; at least 2.
    """

    name: ClassVar[str] = "makes_progress"
    summary: ClassVar[str] = "no client goes through this many attempts without a new event"
    source: ClassVar[str] = f"{WHATWG}#reestablish-the-connection"
    short: ClassVar[str | None] = "attempts"

    attempts: Annotated[int, Field(ge=2)] = 3

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = f"something new within {self.attempts} attempts"
        rows = [(it, _fruitless(evidence, it)) for it in evidence.ledgers(1.0)]
        if not rows:
            yield self.inconclusive(expected, "no client sent a request")
            return
        account, row = max(rows, key=lambda it: len(it[1]))
        if len(row) < self.attempts:
            tries = sum(len(it.client.attempts) for it, _ in rows)
            got = sum(len(it.got) for it, _ in rows)
            yield self.passed(
                expected,
                f"{tries} attempts, {got} events, at most {len(row)} attempts in a row for nothing",
                at=[it.request.n for it in row],
            )
            return
        last = evidence.ending(row[-1])
        hop = None if last is None else last.hop
        answers = sorted({_answer(it) for it in row})
        yield self.failed(
            expected,
            f"client {account.client.number} made {len(row)} attempts in a row for nothing, from "
            f"{row[0].began_s:.1f} s to {row[-1].ended_s:.1f} s: {', '.join(answers)}, each ended "
            f"{at_hop(hop)}",
            hop=hop,
            fix="send what was missed at once after a reconnect, and 204 when there is no more",
            confirm=f"{curl(evidence)}  # ends without an event, time after time",
            at=[it.request.n for it in row],
        )


def _answer(attempt: Attempt) -> str:
    if attempt.status is not None:
        return str(attempt.status)
    return "refused" if attempt.end is not None and attempt.end.how == "refused" else "no answer"


def _fruitless(evidence: Evidence, account: Ledger) -> list[Attempt]:
    """The longest row of attempts that could have brought something new and did not."""
    best: list[Attempt] = []
    row: list[Attempt] = []
    got: defaultdict[int, set[Hashable]] = defaultdict(set)
    for it in account.got:
        if it.key is not None:
            # Told apart by its place only, the same content again is nothing new.
            is_place = account.basis == "places"
            got[it.attempt.x].add(content(it.seen.item) if is_place else it.key)
    seen: set[Hashable] = set()
    due = deque(account.due)
    for attempt in account.client.attempts:
        if got[attempt.x] - seen:
            row = []
        elif _counts(evidence, attempt, due, seen):
            row = [*row, attempt]
        seen |= got[attempt.x]
        best = max(best, row, key=len)
    return best


def _counts(
    evidence: Evidence, attempt: Attempt, due: deque[tuple[float, Key]], seen: set[Hashable]
) -> bool:
    """Whether an attempt that brought nothing new is over, and could have brought something."""
    if attempt.is_redirect or attempt.is_open or attempt.has_left or attempt.status == 204:
        return False
    if evidence.is_reference:
        while due and due[0][1] in seen:
            due.popleft()
        return bool(due) and due[0][0] <= attempt.ended_s
    if attempt.head is not None and not attempt.is_stream:
        return True
    exchange = evidence.route(attempt).exchange
    is_over = exchange is not None and exchange.is_ended_by_target
    return is_over or bool(evidence.deliveries(attempt).missing)

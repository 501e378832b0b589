"""See `OrderKept`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

from harness.checks.advice import curl, resume_curl
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.evidence import Evidence
from harness.checks.ledger import Got, Ledger
from harness.model.verdict import Finding


class OrderKept(CheckConfig):
    """Every client gets events in the order they were produced, across all its attempts.

    The order is the reference server's feed; of any other target consecutive numbers in ids or
    data, or else the order in which the tap heard them. Repetitions are another check's.
    """

    name: ClassVar[str] = "order_kept"
    summary: ClassVar[str] = "every client gets events in the order they were produced"
    source: ClassVar[str] = f"{WHATWG}#dispatchMessage"

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "events in order"
        accounts = evidence.ledgers(1.0)
        known = sum(len(it.first_got) for it in accounts)
        if known < 2:
            yield self.lacking(evidence, expected, f"{known} events: nothing to put in order")
            return
        is_clean = True
        for account in accounts:
            swapped = _swapped(account)
            if swapped:
                is_clean = False
                yield self._disorder(evidence, expected, account, swapped)
        if is_clean:
            yield self.passed(expected, f"{known} events in order")

    def _disorder(
        self, evidence: Evidence, expected: str, account: Ledger, swapped: list[tuple[Got, Got]]
    ) -> Finding:
        before, after = swapped[0]
        names = [account.names.get(it.key or 0, f"event {it.key}") for it in (before, after)]
        hop: int | None = None
        if 0 <= after.said_n < before.said_n:
            # Said in order, heard out of order.
            hop = evidence.chain[0] if len(evidence.chain) == 1 else None
            fix = "let the path keep one connection for one stream"
            confirm = f"{curl(evidence)}  # ids out of order; in order at the server itself"
        elif before.attempt is not after.attempt:
            fix = "after Last-Event-ID send first what was missed, in order, then what is new"
            confirm = resume_curl(evidence, after.attempt.last_event_id or "LAST")
        else:
            fix = "write to one stream from one place: two writers overtake each other"
            confirm = f"{curl(evidence)}  # ids out of order"
        return self.failed(
            expected,
            f"client {account.client.number} got {names[1]} after {names[0]}"
            f" ({len(swapped)} of {len(account.got)} events out of order)",
            hop=hop,
            fix=fix,
            confirm=confirm,
            at=[before.said_n, before.seen.n, after.said_n, after.seen.n],
        )


def _swapped(account: Ledger) -> list[tuple[Got, Got]]:
    """Each event that came after one it should have come before, with that one."""
    order = account.order
    told = [it for it in account.first_got if it.key in order]
    return [
        (before, after)
        for before, after in pairwise(told)
        if order[after.key or 0] < order[before.key or 0]
    ]

"""See `NoEventDuplicated`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from harness.checks.advice import curl, resume_curl
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.evidence import Evidence
from harness.checks.ledger import Got, Ledger
from harness.model.verdict import Finding


class NoEventDuplicated(CheckConfig):
    """No client gets an event twice, across all its attempts.

    Events are told apart by the reference server's feed, by their ids, or by a number in their
    data. Where a foreign target has none of these, only what a hop repeats can be told.
    """

    name: ClassVar[str] = "no_event_duplicated"
    summary: ClassVar[str] = "no client gets an event twice, reconnects included"
    source: ClassVar[str] = f"{WHATWG}#the-last-event-id-header"

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "every event once"
        accounts = evidence.ledgers(1.0)
        got = sum(len(it.got) for it in accounts)
        if not got:
            yield self.lacking(evidence, expected, "no client got any event")
            return
        is_clean = True
        for account in accounts:
            twice = _twice(account)
            if twice:
                is_clean = False
                yield self._repeated(evidence, expected, account, twice)
        if not is_clean:
            return
        if any(it.basis == "places" and not it.is_whole for it in accounts):
            yield self.skipped(
                expected, "no id or number tells an event said again from a new one like it"
            )
        else:
            yield self.passed(expected, f"{got} events, each once")

    def _repeated(
        self, evidence: Evidence, expected: str, account: Ledger, twice: list[tuple[Got, Got]]
    ) -> Finding:
        first, again = twice[0]
        key = first.key if first.key is not None else ""
        name = account.names.get(key, f"event {key}")
        if again.said_n == first.said_n:
            # Said once beside the target: the path made two of it.
            route = evidence.route(again.attempt)
            is_kept = route.exchange is None and bool(route.hops)
            alone = evidence.chain[0] if len(evidence.chain) == 1 else None
            hop = route.hops[-1].hop if is_kept else alone
            where = "the path" if hop is None else f"hop {hop}"
            fix = f"let {where} keep no copy of a stream: send Cache-Control: no-store"
            confirm = f"{curl(evidence, '-i')}  # an Age header, or events from before the request"
        elif again.attempt is first.attempt:
            hop, fix = None, "send every event once: two writers share this stream"
            confirm = f"{curl(evidence)}  # the same id twice"
        else:
            hop = None
            fix = "after Last-Event-ID send only what came after it, not that event itself"
            confirm = resume_curl(evidence, again.attempt.last_event_id or "LAST")
        return self.failed(
            expected,
            f"client {account.client.number} got {len(twice)} of {len(account.got)} events again; "
            f"{name} at {first.seen.t_s:.1f} s and at {again.seen.t_s:.1f} s",
            hop=hop,
            fix=fix,
            confirm=confirm,
            at=[n for pair in twice[:2] for it in pair for n in (it.said_n, it.seen.n)],
        )


def _twice(account: Ledger) -> list[tuple[Got, Got]]:
    """Each event that came again, with the first time it came."""
    first: dict[object, Got] = {}
    out = []
    for it in account.got:
        if it.key is None:
            continue
        if it.key in first:
            out.append((first[it.key], it))
        else:
            first[it.key] = it
    return out

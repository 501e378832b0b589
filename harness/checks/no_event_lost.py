"""See `NoEventLost`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.checks.advice import against_hold, curl, resume_curl
from harness.checks.base import WHATWG, CheckConfig
from harness.checks.evidence import Evidence
from harness.checks.ledger import Ledger, Owed, Unheard
from harness.checks.places import Attempt
from harness.model.verdict import Finding
from harness.units import Duration

# What waited for less at a hop when it was cut off was on its way, not held.
_ON_ITS_WAY_S = 1.0


class NoEventLost(CheckConfig):
    """Every client gets every event, across all its attempts.

    The truth is the reference server's feed; of any other target what it said beside the tap, and
    consecutive numbers in ids or data for what it said while a client was away.

    Args:
        in_flight_s: What was said this short before the end of a client's watch is not counted, in
            seconds: it may have been on its way.
    """

    name: ClassVar[str] = "no_event_lost"
    summary: ClassVar[str] = "every client gets every event, reconnects and cuts included"
    source: ClassVar[str] = f"{WHATWG}#the-last-event-id-header"

    in_flight_s: Duration = 1.0

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "every event"
        accounts = evidence.ledgers(self.in_flight_s)
        owed = sum(len(it.owed) for it in accounts)
        if not owed:
            yield self.lacking(evidence, expected, "no event was due to any client")
            return
        losers = [(it, lost) for it in accounts if (lost := it.lost)]
        if losers:
            for account, lost in losers:
                yield self._lost(evidence, expected, account, lost)
            return
        unknown = [it for it in accounts if not it.is_whole]
        if any(it.basis == "places" for it in unknown):
            yield self.skipped(
                expected,
                f"{owed} events said and got, but no id or number in them tells what was said "
                "between two responses",
            )
            return
        rest = "; ids are not consecutive: only what was said to a client is counted"
        yield self.passed(expected, f"{owed} of {owed} events{rest if unknown else ''}")

    def _lost(
        self, evidence: Evidence, expected: str, account: Ledger, lost: Sequence[Owed]
    ) -> Finding:
        client = account.client
        altered = {it.key for it in account.got if it.is_altered}
        changed = sum(it.key in altered for it in lost)
        hop, fix, confirm, at = _blamed(evidence, account, lost)
        names = ", ".join(it.name for it in lost[:3]) + (", …" if len(lost) > 3 else "")
        return self.failed(
            expected,
            f"client {client.number} lost {len(lost)} of {len(account.owed)} events: {names}"
            + (f" ({changed} of them came altered)" if changed else ""),
            hop=hop,
            fix=fix,
            confirm=confirm,
            at=[*at, *(it.n for it in lost)],
        )


def _blamed(
    evidence: Evidence, account: Ledger, lost: Sequence[Owed]
) -> tuple[int | None, str, str, list[int]]:
    """The hop (None: the target), fix, confirmation and entries for the first loss of a client."""
    client = account.client
    unheard = account.unheard.get(lost[0].key)
    after = client.attempts if unheard is None else _after(client.attempts, unheard.attempt)
    resumed = [it for it in after if it.is_stream and it.last_event_id]
    if unheard is not None and not resumed:
        return _on_the_way(evidence, unheard)
    if unheard is None and len(client.attempts) == 1:
        # It listened all the time, and was not told.
        return (
            None,
            "tell every client every event: these were left out by the target itself",
            f"{curl(evidence)}  # twice, side by side: one has what the other has not",
            [],
        )
    if resumed:
        at = [it.request.n for it in resumed[:2]]
        last = resumed[0].last_event_id
        return (
            None,
            f"keep a history, and after Last-Event-ID {last} send what came after it",
            resume_curl(evidence, last or ""),
            at,
        )
    return (
        None,
        "send an id with every event, and after a reconnect what came after Last-Event-ID",
        resume_curl(evidence, "LAST"),
        [it.request.n for it in client.attempts[1:3]],
    )


def _on_the_way(evidence: Evidence, unheard: Unheard) -> tuple[int | None, str, str, list[int]]:
    """Who lost an event that the target said, and that the client had no chance to ask for again.

    It was held by a hop when the response, or the case, was over; or it was dropped or changed in
    mid-stream; or it was on its way when the target broke off.
    """
    attempt, said = unheard
    ending = evidence.ending(attempt)
    held = evidence.kept(attempt, said)
    at = [said.seen.n, *(() if ending is None else ending.entries)]
    if held.hop is not None and held.wait_s > _ON_ITS_WAY_S:
        return held.hop, *against_hold(evidence, attempt, held.hop), at
    is_passed_over = any(it.t_s > said.seen.t_s for it in attempt.stream.reads)
    if is_passed_over and (changer := evidence.changed_at(attempt)) is not None:
        fix = f"let hop {changer} pass on every byte as it came: send Cache-Control: no-transform"
        return changer, fix, f"{curl(evidence)}  # against the server itself, then compare", at
    hop = held.hop if ending is None or ending.hop is None else ending.hop
    fix = "send an id with every event, and after a reconnect what came after Last-Event-ID"
    return hop, fix, resume_curl(evidence, "LAST"), at


def _after(attempts: Sequence[Attempt], one: Attempt) -> Sequence[Attempt]:
    return attempts[attempts.index(one) + 1 :]

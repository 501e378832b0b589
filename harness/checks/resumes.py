"""See `Resumes`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from harness.checks.advice import at_hop, curl, resume_curl, seconds
from harness.checks.base import WHATWG, CheckConfig, bounded
from harness.checks.evidence import Evidence
from harness.checks.feed_index import FeedIndex
from harness.checks.ledger import Ledger
from harness.checks.places import Attempt, Client, last_event_id
from harness.model.journal import HopRequest, TapRequest
from harness.model.promises import Numbered, as_number
from harness.model.verdict import Finding


class Resumes(CheckConfig):
    """After every end the client comes back, and the target goes on where the client was.

    Three parties can spoil it: the client that gives up, a hop that drops Last-Event-ID, the target
    that begins anew, leaps, or takes an id it does not know in silence. An explicit answer to an id
    it cannot resume from is right: a status other than 200, or an event of a type of its own.
    """

    name: ClassVar[str] = "resumes"
    summary: ClassVar[str] = "after every end the stream goes on with the event after the last one"
    source: ClassVar[str] = f"{WHATWG}#the-last-event-id-header"

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        expected = "every reconnect goes on after the last id"
        index = evidence.feed_index
        told: list[Finding] = []
        good = 0
        for account in evidence.ledgers(1.0):
            told += self._given_up(evidence, account, index, expected)
            for step in _steps(account.client):
                wrong = self._wrong(evidence, step, account, index, expected)
                told += [] if wrong is None else [wrong]
                good += wrong is None and _is_answered(step, account, index)
        failed = [it for it in told if it.outcome != "SKIP"]
        if failed:
            yield from _gathered(failed)
        elif good:
            yield self.passed(expected, f"{good} of {good} reconnects went on after the last id")
        elif told:
            yield told[0]
        else:
            yield self.lacking(evidence, expected, "no stream ended that had an id to resume from")

    def _given_up(
        self, evidence: Evidence, account: Ledger, index: FeedIndex, expected: str
    ) -> Iterator[Finding]:
        client = account.client
        last = client.attempts[-1]
        if client.done is None or not client.done.is_fatal:
            return
        ending = evidence.ending(last)
        is_told = ending is not None and ending.by == "target" and last.status is not None
        if is_told and last.last_event_id and not _is_known(last.last_event_id, account, index):
            return  # an explicit answer to an id that cannot be resumed from
        hop = None if ending is None else ending.hop
        answer = "no answer" if last.status is None else f"status {last.status}"
        yield self.failed(
            expected,
            f"client {client.number} gave up for good: {answer} {at_hop(hop)}"
            f" ({client.done.reason})",
            hop=hop,
            fix="answer a reconnect with 200, or let the connection fail: any other status, a "
            "gateway's 50x too, stops a browser for good",
            confirm=resume_curl(evidence, last.last_event_id or "LAST"),
            at=[last.request.n, -1 if last.head is None else last.head.n, client.done.n],
        )

    def _wrong(
        self, evidence: Evidence, step: _Step, account: Ledger, index: FeedIndex, expected: str
    ) -> Finding | None:
        """What is wrong with one reconnect; None: nothing, or nothing that can be told."""
        attempt = step.attempt
        at = [attempt.request.n]
        window_s = evidence.case.target.promises.resume_window_s
        if window_s is not None and step.away_s > window_s:
            away = f"the client came back after {seconds(step.away_s)}"
            return self.skipped(
                expected, f"{away}, past the resume window of {window_s:g} s", at=at
            )
        if not any(step.ids):
            if not step.has_events:
                return None
            if not evidence.is_reference:
                return self.skipped(expected, "the target sends no ids to resume from", at=at)
            return self.failed(
                expected,
                "nothing to resume from: no event before the end had an id",
                fix='write "id:" in every event',
                confirm=f"{curl(evidence)}  # events without an id line",
                at=at,
            )
        if (attempt.last_event_id or "") not in step.ids:
            return self.failed(
                expected,
                f"the client sent Last-Event-ID {attempt.last_event_id!r}, having "
                f"{' or '.join(map(repr, sorted(step.ids)))}",
                fix="send back the id of the last block that ended, byte for byte",
                confirm=curl(evidence),
                at=at,
            )
        dropped = self._dropped(evidence, attempt, expected)
        if dropped is not None:
            return dropped
        if not attempt.last_event_id or not attempt.is_stream or not attempt.stream.events:
            return None
        return self._went_on(evidence, attempt, account, index, expected)

    def _dropped(self, evidence: Evidence, attempt: Attempt, expected: str) -> Finding | None:
        """A hop that did not pass on Last-Event-ID."""
        route = evidence.route(attempt)
        exchange = route.exchange
        if exchange is None or exchange.last_event_id == attempt.last_event_id:
            return None
        above: list[HopRequest | TapRequest] = [it.request for it in route.hops[1:]]
        above.append(exchange.request)
        hop = next(
            (
                it.hop
                for it, after in zip(route.hops, above, strict=True)
                if last_event_id(after.headers) != attempt.last_event_id
            ),
            evidence.chain[0] if len(evidence.chain) == 1 else None,
        )
        return self.failed(
            expected,
            f"Last-Event-ID {attempt.last_event_id} reached the target as "
            f"{exchange.last_event_id or 'nothing'}",
            hop=hop,
            fix=f"let {'the path' if hop is None else f'hop {hop}'} pass on Last-Event-ID",
            confirm=resume_curl(evidence, attempt.last_event_id or "LAST"),
            at=[attempt.request.n, exchange.request.n],
        )

    def _went_on(
        self,
        evidence: Evidence,
        attempt: Attempt,
        account: Ledger,
        index: FeedIndex,
        expected: str,
    ) -> Finding | None:
        """Whether the first event of a reconnect is the one after the id that was sent."""
        last = attempt.last_event_id or ""
        first = attempt.stream.events[0]
        observed = ""
        if evidence.is_reference:
            known = index.seq_of_id(last)
            seq, _ = index.seq_of(first.item, known)
            if known is None:
                # Whatever it says, the client has to be told that it missed something.
                if first.item.type == "message" and seq is not None:
                    observed = f"id {last} is not known, and nothing said so"
            elif seq is not None and seq != known + 1:
                observed = f"after id {last} (event {known}) came event {seq}"
        else:
            observed = _leap(attempt, account, evidence.case.target.promises.sequence)
        if not observed:
            return None
        return self.failed(
            expected,
            observed,
            fix="keep a history; after Last-Event-ID send what came after it, or answer an id that "
            "is not in it with an event of its own type",
            confirm=resume_curl(evidence, last),
            at=[attempt.request.n, first.n],
        )


def _gathered(findings: Sequence[Finding]) -> Iterator[Finding]:
    """One finding for all that have the same cure and the same hop to blame."""
    alike: dict[tuple[str, int | None], list[Finding]] = {}
    for it in findings:
        alike.setdefault((it.fix, it.hop), []).append(it)
    for first, *more in alike.values():
        observed = f"{first.observed} (and {len(more)} more)" if more else first.observed
        entries = bounded(n for it in (first, *more) for n in it.evidence)
        yield msgspec.structs.replace(first, observed=observed, evidence=entries)


class _Step(NamedTuple):
    """One reconnect: the attempt, what the client had before it, and how long it was away."""

    attempt: Attempt
    ids: frozenset[str]
    has_events: bool
    away_s: float


def _steps(client: Client) -> Iterator[_Step]:
    """Every reconnect of a client, and a first request that already has an id."""
    has_events = False
    heard_s: float | None = None
    for at, (attempt, ids) in enumerate(zip(client.attempts, client.ids_before, strict=True)):
        if not attempt.is_redirect and (at or attempt.last_event_id):
            away_s = 0.0 if heard_s is None else attempt.began_s - heard_s
            yield _Step(attempt, ids, has_events, away_s)
        heard_s = attempt.ended_s if attempt.is_stream else heard_s
        has_events = has_events or bool(attempt.stream.events)


def _is_known(last: str, account: Ledger, index: FeedIndex) -> bool:
    """Whether an id is one that the target gave to an event."""
    if account.basis == "feed":
        return index.seq_of_id(last) is not None
    return account.basis != "ids" or last in account.order


def _is_answered(step: _Step, account: Ledger, index: FeedIndex) -> bool:
    """Whether a reconnect shows how the target resumes: by events, or by a plain refusal."""
    attempt = step.attempt
    if not attempt.last_event_id or attempt.head is None:
        return False
    if attempt.is_stream:
        return bool(attempt.stream.events)
    return not _is_known(attempt.last_event_id, account, index)


def _leap(attempt: Attempt, account: Ledger, sequence: Numbered | None) -> str:
    """How the first event after a reconnect shows that a foreign target began anew; "": nohow."""
    last = attempt.last_event_id or ""
    first = attempt.stream.events[0].item
    if sequence is not None:
        named = (it.seen.item for it in account.got if it.attempt.x < attempt.x)
        had = next((sequence.of(it) for it in named if it.id_field == last), None)
        came = sequence.of(first)
        is_next = had is None or came is None or came == had + 1
        return "" if is_next else f"after id {last} (number {had}) came number {came}"
    if account.basis != "ids" or first.id_field is None:
        return ""
    if account.first_attempt.get(first.id_field, attempt.x) < attempt.x:
        return f"after id {last} came id {first.id_field} again"
    had, came = as_number(last), as_number(first.id_field)
    if had is None or came is None:
        return ""
    is_next = came == had + 1 if account.is_whole else came > had
    return "" if is_next else f"after id {last} came id {came}"

"""One cell: a stream that was observed, replayed through a chain, as a journal to be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.places import last_event_id
from harness.faults.base import RequestHead
from harness.hops import build
from harness.hops.observed import Asked, Got, Said
from harness.hops.replay import Replay
from harness.hops.replay_journal import Recording
from harness.model import journal
from harness.model.ask import Ask
from harness.model.journal import Journal
from harness.model.scenario import Case, Hop, Scenario, Target
from harness.model.verdict import Finding
from harness.survey.cadence import CarriedOn, beat_of
from harness.survey.cells import Cell
from harness.survey.observation import Observation
from harness.survey.replayed import Conditions, Replayed, Replays
from harness.survey.returning import Onward, comes_back, onward
from harness.version import VERSION
from harness.wire.accept_encoding import preferred

# An endless stream is carried on for a minute, or past its chain's slowest limit, which has then
# had its time, or half an hour beyond one of hours, and no further than so many reads.
_LEAST_S = 60.0
_LIMITS = 1.25
_PAST_S = 5.0
_MOST_BEYOND_S = 1800.0
_MOST_READS = 1200
# After a response that ended: time for hops to pass on what they hold, and to notice.
_SETTLE_S = 30.0
# After one that is left open, though all is said, and that its client leaves then: what is late is
# held.
_LINGER_S = 5.0


class NotAskedError(Exception):
    """A hop asks the target in a way that it was not asked in.

    Args:
        ask: How.
    """

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.ask = ask


class NotOnwardError(Exception):
    """A chain asks in a way, or with an id, of which it is not known how the target goes on."""


class Observed:
    """Everything a target was seen to say, by how it was asked.

    Args:
        first: The response to a client's own request.
        others: The responses to other ways of asking.
        together: What several streams at once showed; () nobody opened them.
        replays: What chains are known to do to it; None: nothing is known.
    """

    def __init__(
        self,
        first: Observation,
        others: Sequence[Observation] = (),
        together: Sequence[Finding] = (),
        replays: Replays | None = None,
    ) -> None:
        self.first = first
        self.together = tuple(together)
        self.replays = Replays() if replays is None else replays
        self._by_ask = {it.ask: it for it in (first, *others)}
        self._beat = beat_of(first)
        self._carried: dict[int, CarriedOn] = {}

    @property
    def resumed(self) -> Observation | None:
        """What the target said to a client that came back; None: it was not asked."""
        others = (it for it in self._by_ask.values() if it is not self.first)
        return next((it for it in others if it.ask.last_event_id is not None), None)

    def with_all(self, fixes: Iterable[Callable[[Observation], Observation]]) -> Observed:
        """The same, had the target done all of this besides."""
        first, *others = self._by_ask.values()
        fixes = tuple(fixes)
        for fix in fixes:
            first, *others = [fix(it) if it.is_stream else it for it in (first, *others)]
        # What is tried once is not kept: there is a lot of it.
        replays = Replays(keeps=False) if fixes else self.replays.unchanged()
        return Observed(first, others, self.together, replays)

    def and_also(self, others: Iterable[Observation], together: Sequence[Finding] = ()) -> Observed:
        """The same, and what was said to other ways of asking, and to several at once."""
        first, *known = self._by_ask.values()
        return Observed(first, [*known, *others], together, self.replays)

    def find(self, ask: Ask) -> Observation:
        """What the target says to one way of asking.

        Raises:
            NotAskedError: It was not asked so, and what it said otherwise does not tell.
        """
        if ask in self._by_ask:
            return self._by_ask[ask]
        for seen in self._by_ask.values():
            alike = (ask.version, ask.last_event_id) == (seen.ask.version, seen.ask.last_event_id)
            if alike and _is_same_coding(ask, seen):
                return seen
        raise NotAskedError(ask)

    def carried_on(self, seen: Observation) -> CarriedOn:
        """How what was seen of one way of asking goes on: by the beat of the first one.

        Args:
            seen: One of these.
        """
        known = self._carried.get(id(seen))  # which lives as long as this does
        if known is None:
            known = self._carried[id(seen)] = CarriedOn(seen, _MOST_READS, self._beat)
        return known


def _is_same_coding(ask: Ask, seen: Observation) -> bool:
    """Whether a target that was seen to answer one choice of codings answers another one alike."""
    if not seen.codings:
        # Who does not code although it may, does not where it may less.
        return _codings(ask.accept_encoding) <= _codings(seen.ask.accept_encoding)
    field = (("Accept-Encoding", ask.accept_encoding or ""),)
    return _codings(ask.accept_encoding) == _codings(seen.ask.accept_encoding) or (
        len(seen.codings) == 1
        and _codings(ask.accept_encoding) <= _codings(seen.ask.accept_encoding)
        and preferred(field, seen.codings) is not None
    )


def _codings(field: str | None) -> frozenset[str]:
    names = (it.partition(";")[0].strip().lower() for it in (field or "").split(","))
    return frozenset(filter(None, names))


@dataclass(frozen=True)
class Played:
    """A replay.

    Attributes:
        until_s: How far it went.
        projected_s: From how many seconds of what was seen it was carried on; None: it was not.
        asks: How the target was asked in it.
        has_lost_id: Whether a client came back with the id it had, and the target was asked
            without one: what it says then is not known.
    """

    entries: Journal
    until_s: float
    projected_s: float | None
    asks: tuple[Ask, ...]
    has_lost_id: bool = False


def asks_of(hops: Sequence[Hop], request: Asked, seed: int) -> list[Ask]:
    """How the target is asked through a chain, before anything is known of what it says."""
    asks: list[Ask] = []

    def said(head: RequestHead) -> Said:
        asks.append(Ask.of(head.version, head.headers))
        headers = (("Content-Type", "text/event-stream"),)
        return Said(200, "HTTP/1.1", "chunked", headers, 0.0, (), None, 0.0)

    machines = build.machines(hops, seed, lambda _entry: None)
    Replay(machines, said, 0.0, lambda _now_s: None).run([request])
    return asks


def request_of(seen: Observation, gone_s: float | None = None) -> Asked:
    """The request of a client, as it was sent, and when that client leaves; None: it stays."""
    sent = seen.request
    return Asked(
        1, 1, 0.0, sent.method, sent.target, sent.headers, gone_s=gone_s, version=sent.version
    )


def play(
    cell: Cell,
    observed: Observed,
    target: Target,
    expect: Mapping[str, Any],
    seed: int,
    until_s: float | None = None,
    gone_s: float | None = None,
    again: Observation | None = None,
) -> Played:
    """Replay what was observed through a chain.

    Args:
        cell: The chain.
        observed: What the target says.
        target: Which it is, without secrets.
        expect: What to judge by, as `expect:` in a scenario.
        seed: Decides what is random.
        until_s: How far, in seconds; None: as far as its limits are of interest.
        gone_s: When the client leaves, in seconds; None: it stays.
        again: What a target says that goes on (see `goes_on`) to a client that came back, as this
            one does, once, when its response is ended. None: it does not.

    Raises:
        NotAskedError: See `Observed.find`.
        NotOnwardError: The target is not known to go on for who asks as this chain does.
    """
    first = observed.first
    until_s = _until_s(cell, first) if until_s is None else until_s
    reach_s = until_s
    if not first.has_all:
        _, reach_s = observed.carried_on(first).until(until_s)
        if gone_s is not None:
            reach_s = min(reach_s, until_s)
    scenario = scenario_of(cell, expect, reach_s)
    case = Case(id=scenario.id, scenario=scenario, target=target, clock="real", seed=seed)
    is_projected = not first.has_all and reach_s > first.watched_s
    projected_s = first.watched_s if is_projected else None
    first_entry = _first_entry(case)
    if again is not None:
        recording = Recording(first_entry, first.lag_s, asks_again=True)
        visits = _Visits(observed, onward(first, again, reach_s, _MOST_READS), recording)
        machines = build.machines(cell.hops, seed, recording.record)
        replay = Replay(
            machines, visits.said, reach_s, recording.tick, recording, visits.comes_back
        )
        replay.run([request_of(first, gone_s)])
        entries = recording.over(reach_s, _replayed_for(reach_s))
        asks = tuple(visits.asks)
        return Played(entries, reach_s, projected_s, asks, has_lost_id=visits.has_lost_id)
    conditions = Conditions(cell.behaviour, seed, reach_s, gone_s)
    done = observed.replays.find(conditions, observed.find)
    if done is None:
        done = _replayed(cell, observed, first_entry, conditions)
        observed.replays.add(conditions, done)
    entries = Journal([first_entry, *done.entries])
    return Played(entries, reach_s, projected_s, tuple(ask for ask, _ in done.answers))


def _replayed(
    cell: Cell, observed: Observed, first_entry: journal.CaseEntry, conditions: Conditions
) -> Replayed:
    _, seed, reach_s, gone_s = conditions
    recording = Recording(first_entry, observed.first.lag_s)
    answers = _Answers(observed, reach_s, is_left=gone_s is not None)
    machines = build.machines(cell.hops, seed, recording.record)
    replay = Replay(machines, answers.said, reach_s, recording.tick, recording)
    replay.run([request_of(observed.first, gone_s)])
    entries = recording.over(reach_s, _replayed_for(reach_s))
    return Replayed(entries.entries[1:], tuple(answers.given))


def _replayed_for(reach_s: float) -> str:
    return f"replayed for {reach_s:g} s"


class _Answers:
    """What a target says, as it was seen to.

    Attributes:
        given: How it was asked, and what it was seen to say to that.
    """

    def __init__(self, observed: Observed, reach_s: float, *, is_left: bool) -> None:
        self.given: list[tuple[Ask, Observation]] = []
        self._observed = observed
        self._reach_s = reach_s
        # What it did when its client left is replayed where one leaves.
        is_heard = is_left and observed.first.notices_leaving
        self._answer = observed.first.said.answer if is_heard else None

    def said(self, head: RequestHead) -> Said:
        """What it says to one request."""
        ask = Ask.of(head.version, head.headers)
        seen = self._observed.find(ask)
        self.given.append((ask, seen))
        told = self._observed.carried_on(seen).until(self._reach_s)[0]
        return replace(told, answer=self._answer, answer_s=self._observed.first.said.answer_s)


class _Visits:
    """What a target says to a client that comes back, and that client.

    Attributes:
        asks: How the target was asked.
        has_lost_id: See `Played`.
    """

    def __init__(self, observed: Observed, target: Onward, recording: Recording) -> None:
        self.asks: list[Ask] = []
        self.has_lost_id = False
        self._observed = observed
        self._target = target
        self._recording = recording
        self._is_back = False

    def said(self, head: RequestHead) -> Said:
        """What the target says to one request."""
        ask = Ask.of(head.version, head.headers)
        self.asks.append(ask)
        like = self._observed.find(ask.model_copy(update={"last_event_id": None}))
        if like.has_all or not like.events:
            raise NotOnwardError
        if ask.last_event_id is None:
            self.has_lost_id = self.has_lost_id or self._is_back
            return self._target.from_the_beginning(like)
        said = self._target.after(ask.last_event_id, self._recording.now_s, like)
        if said is None:
            raise NotOnwardError
        return said

    def comes_back(self, request: Asked, got: Got, now_s: float) -> Asked | None:
        """What the client asks next."""
        again = comes_back(request, got, now_s)
        if again is not None:
            self._is_back = True
            waited = journal.ClientWait(
                client=again.client,
                delay_s=again.t_s - now_s,
                last_event_id=last_event_id(again.headers) or "",
            )
            self._recording.record(waited)
        return again


def scenario_of(cell: Cell, expect: Mapping[str, Any], watch_s: float) -> Scenario:
    """The scenario that a cell is a case of."""
    return Scenario(
        id=f"check/{cell.name}",
        why=f"the stream, through {cell.title}",
        through=cell.hops,
        expect=dict(expect),
        watch_s=watch_s,
    )


def _until_s(cell: Cell, first: Observation) -> float:
    if first.is_over:
        return first.said.end_s + _SETTLE_S
    if first.has_all:
        return first.long_s + _LINGER_S
    if not cell.hops:
        return first.watched_s
    limit_s = cell.longest_limit_s
    return max(
        _LEAST_S, first.watched_s, min(_LIMITS * limit_s + _PAST_S, limit_s + _MOST_BEYOND_S)
    )


def _first_entry(case: Case) -> journal.CaseEntry:
    return journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool=VERSION,
        case=case.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        clock=case.clock,
        seed=case.seed,
        target=case.target.url or "",
        is_reference=False,
        n=0,
        t_s=0.0,
    )

"""One chain on the wire, in real time, in place of its replay."""

from __future__ import annotations

from pathlib import Path

from harness.engine.case import perform
from harness.engine.real_hop import identified
from harness.engine.stage import Props, is_simulated
from harness.hops.mitm import need_mitmproxy
from harness.model.journal import (
    ClientEnd,
    ClientLeft,
    ClientWait,
    Entry,
    TapEnd,
    TapRequest,
)
from harness.model.scenario import Case, EventSource, Hop, Leave, Scenario, Target
from harness.survey.cadence import longest_silence_s
from harness.survey.cells import Cell
from harness.survey.judging import Judge, Judged
from harness.survey.leaving import Leaving
from harness.survey.play import Played, scenario_of
from harness.survey.returning import retry_s

# Past the limit that is waited for: time for the client to see what comes of it.
_AFTER_S = 5.0
_LEAST_S = 10.0
# To see that something did not come in time.
_NOTICE_S = 0.5
# So long a second response is watched at most.
_SECOND_S = 20.0
# Between its second end and its third request, if there is so much time, a client is sent home.
_BETWEEN_S = 0.3
# What a hop holds to the end comes after it, and the machine may be late.
_LONGER = 1.5


def wait_s(cell: Cell, judge: Judge) -> float:
    """How long a chain takes on the wire at most, in seconds: a stream, or its slowest limit."""
    seen = judge.observed.first
    if seen.has_all:
        return _LONGER * seen.long_s + _AFTER_S
    ends_s = cell.shortest_end_s
    if requests_of(cell, judge) > 1 and ends_s:
        # To the end of the second response, as in a replay, if that is not long; either may come
        # with the next event only.
        lasts_s = ends_s + longest_silence_s(seen)
        return lasts_s + retry_s(seen) + min(lasts_s, _SECOND_S) + _AFTER_S
    return max(_LEAST_S, seen.watched_s, cell.longest_limit_s + _AFTER_S)


def requests_of(cell: Cell, judge: Judge) -> int:
    """How often the client of `on_the_wire` asks at most: again, where a chain makes it."""
    return 1 if judge.again_of(cell) is None else 2


def on_the_wire(cell: Cell, judge: Judge, target: Target, folder: Path) -> Judged:
    """Ask through a chain, and judge what comes of it.

    A hop that breaks, or a target that cannot be reached any more, makes an ERROR of this chain.

    Args:
        cell: The chain.
        judge: Who knows what to expect of it.
        target: Whom to ask, secrets and all.
        folder: Where the journal is kept, and what programs leave.

    Raises:
        LocalEnvironmentError: A program is not installed, or nothing can be written.
    """
    scenario = scenario_of(cell, judge.expect_of(cell), wait_s(cell, judge))
    requests = requests_of(cell, judge)
    # One that gives up is owed what a hop holds in the end; this one would come back for it.
    stays = requests > 1 and retry_s(judge.observed.first) > _BETWEEN_S
    client = EventSource(reconnect=requests > 1, max_attempts=requests + stays)
    waits = _Waits(requests)
    props = Props(programs=folder, watch=waits.see, is_enough=waits.is_over)
    through, played = _performed(scenario, client, judge, target, props)
    return judge.of(Cell(cell.name, through), played)


def left_on_the_wire(
    cell: Cell, judge: Judge, leaving: Leaving, target: Target, folder: Path, patience_s: float
) -> Judged:
    """The same with a client that leaves in the middle, to see whether the target is told.

    Args:
        cell: The chain.
        judge: Who knows what to expect of it.
        leaving: When it leaves, and how soon the target has to be told.
        target: Whom to ask, secrets and all.
        folder: Where the journal is kept, and what programs leave.
        patience_s: How long is waited for that at most.

    Raises:
        LocalEnvironmentError: See `on_the_wire`.
    """
    wait_s = min(leaving.within_s, patience_s) + _NOTICE_S
    told = _Told()
    scenario = scenario_of(cell, leaving.expect, leaving.at_s + wait_s + _AFTER_S)
    client = EventSource(reconnect=False, leave=Leave(at_s=leaving.at_s))
    props = Props(programs=folder, settle_s=wait_s, is_settled=told.is_over, watch=told.see)
    through, played = _performed(scenario, client, judge, target, props)
    is_whole = patience_s >= leaving.within_s
    return judge.of(Cell(cell.name, through), played, is_whole=is_whole)


class _Waits:
    """Whether a client has been cut off for the last time that is of interest.

    Args:
        requests: After how many requests.
    """

    def __init__(self, requests: int) -> None:
        self._left = requests

    def see(self, entry: Entry) -> None:
        self._left -= isinstance(entry, ClientWait)

    def is_over(self) -> bool:
        return self._left <= 0


class _Told:
    """Whether the target has nobody left to tell, once a client has gone.

    An attempt that fails while the client is there, or is made again, tells the target nothing.
    """

    def __init__(self) -> None:
        self._is_gone = False
        self._is_told = False
        self._open: set[int] = set()

    def see(self, entry: Entry) -> None:
        match entry:
            case ClientLeft():
                self._is_gone = True
            case ClientEnd():
                # One that was cut off has no one to leave: nothing comes of it.
                self._is_told = self._is_told or not self._is_gone
            case TapRequest():
                self._open.add(entry.x)
            case TapEnd():
                self._open.discard(entry.x)
                self._is_told = self._is_told or self._is_gone
            case _:
                pass

    def is_over(self) -> bool:
        return self._is_told and not self._open


def _performed(
    scenario: Scenario, client: EventSource, judge: Judge, target: Target, props: Props
) -> tuple[tuple[Hop, ...], Played]:
    """One request on the wire, as if it had been replayed, and the chain as it stood there."""
    assert props.programs is not None
    scenario = scenario.model_copy(update={"client": (client,)})
    case = identified(
        Case(id=scenario.id, scenario=scenario, target=target, clock="real", seed=judge.seed)
    )
    if is_simulated(case):
        need_mitmproxy("--exact")
    entries, _ = perform(case, props, props.programs / "journal.jsonl")
    return case.scenario.through, Played(entries, entries[len(entries) - 1].t_s, None, ())

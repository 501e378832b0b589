"""What several streams at once show of a target that tells all its clients the same."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from harness.checks.advice import seconds
from harness.checks.evidence import Evidence
from harness.checks.no_event_lost import NoEventLost
from harness.model.journal import Journal
from harness.model.verdict import Finding
from harness.survey.observation import Observation

AT_ONCE = "at_once"
# Who has not begun to answer by then, and in twice the time that one client waited, answers when
# the other one is gone.
_PATIENCE_S = 3.0
_PATIENT = 2.0
MOST = 8
_LEAST = 2
# For whoever still has to be asked in another way, or comes back.
_KEPT_BACK = 3
# As long as a few events take, and no longer than is needed to see that none come.
_EVENTS = 4
_LEAST_S = 3.0
_MOST_S = 20.0
_EXPECTED = "several streams at once, all with the same events"


def how_many(left: int) -> int:
    """How many streams to open at once at most, of so many requests that are left; 0: none."""
    return 0 if left < _LEAST else min(MOST, max(_LEAST, left - _KEPT_BACK))


def patience_s(seen: Observation) -> float:
    """How long each of them has to be waited for, in seconds, from what one client was told."""
    return max(_PATIENCE_S, _PATIENT * seen.said.head_s)


def listen_s(seen: Observation) -> float:
    """How long all of them have to listen, in seconds, to be told something."""
    told_s = [it.t_s for it in seen.reads if it.events]
    if not told_s:
        return _MOST_S
    return min(_MOST_S, max(_LEAST_S, _EVENTS * seen.long_s / len(told_s)))


def together(entries: Journal) -> Iterator[Finding]:
    """What a journal shows of clients that came one after the other and stayed.

    Args:
        entries: Of a case without hops.
    """
    evidence = Evidence.of(entries)
    asked = len(evidence.attempts)
    answered = [it for it in evidence.attempts if it.is_stream]
    if asked < _LEAST:
        yield not_asked("the first of several streams was not answered in time")
        return
    if len(answered) < asked:
        at, last = next((n, it) for n, it in enumerate(evidence.attempts, 1) if not it.is_stream)
        waited = seconds(last.life_s)
        how = f"answered {last.status}" if last.head is not None else f"not answered in {waited}"
        yield Finding(
            check=AT_ONCE,
            outcome="FAIL",
            expected=_EXPECTED,
            observed=f"{len(answered)} at a time: stream {at} was {how} while the others were open",
            fix="serve a stream without holding a worker for it: an async server, threads, or a "
            "worker for each client",
            confirm="curl -N URL & curl -N URL  # the second one says nothing",
        )
    else:
        yield Finding(
            check=AT_ONCE,
            outcome="PASS",
            expected=_EXPECTED,
            observed=f"{asked} at once, each answered",
        )
    if len(answered) >= _LEAST:
        # Numbers of entries in a journal that is not the one that findings are told with.
        for finding in NoEventLost().judge(evidence):
            yield msgspec.structs.replace(finding, evidence=())


def not_asked(why: str) -> Finding:
    """The same, where it was not tried."""
    return Finding(check=AT_ONCE, outcome="SKIP", expected=_EXPECTED, observed=why)

"""Parity of the two drivers: what a client got on the wire, and what a replay of it gives.

    assert differences(entries) == []

The replay is fed with the clients' requests and with what the tap recorded of the target, and has
to give each client the same status, fields, arrivals (instants and bytes) and end.

One tie is left open. A client that leaves, or refuses a response, at an instant in which data also
arrives may have read it or not: on the wire that depends on who moves first within the instant, and
no fact about the chain hangs on it. What arrives then is left out on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from harness.faults.base import RequestHead
from harness.hops import build
from harness.hops.observed import SAME_INSTANT_S, Asked, Got, Said, asked, got, said
from harness.hops.replay import NothingLeftError, Replay
from harness.model import journal
from harness.model.journal import Entry, Journal
from harness.model.scenario import Case
from harness.wire.headers import Headers

# The journal's times are rounded to the microsecond, and a chain adds up several of them.
TOLERANCE_S = 5e-6

type Note = tuple[int, int, str, str]


def has_script(case: Case) -> bool:
    """Whether a hop runs an addon, which only mitmproxy can drive."""
    return any(fault.name == build.SCRIPT for hop in case.scenario.through for fault in hop.faults)


def differences(entries: Journal) -> list[str]:
    """What a replay of this journal gives otherwise than the wire did; nothing, if all is well."""
    case = Case.model_validate(entries.case.case)
    requests = asked(entries)
    notes: list[Entry] = []
    replayed = _replay(case, entries, requests, notes)
    on_wire = got(entries)
    found = [
        f"client {request.client}, request {request.x}: {difference}"
        for request, answer in zip(requests, replayed, strict=True)
        for difference in _compared(request, on_wire[request.client, request.x], answer)
    ]
    wire_notes, replay_notes = _notes(entries), _notes(notes)
    if wire_notes != replay_notes:
        found.append(f"faults: on the wire {wire_notes}, replayed {replay_notes}")
    return found


def _replay(case: Case, entries: Journal, requests: list[Asked], notes: list[Entry]) -> list[Got]:
    observed = iter(said(entries))

    def answer(_head: RequestHead) -> Said:
        try:
            return next(observed)
        except StopIteration:
            raise NothingLeftError from None

    machines = build.machines(
        case.scenario.through,
        case.seed,
        notes.append,
    )
    over_s = entries[len(entries) - 1].t_s
    return Replay(machines, answer, over_s, lambda _now_s: None).run(requests)


def _notes(entries: Journal | list[Entry]) -> list[Note]:
    """How the faults ended, in the order of the chain."""
    return sorted(
        (it.hop, it.x, it.name, it.what) for it in entries if isinstance(it, journal.FaultNote)
    )


def _compared(request: Asked, wire: Got, replayed: Got) -> Iterator[str]:
    if wire.status != replayed.status:
        yield f"status {wire.status}, replayed {replayed.status}"
    if _fields(wire.headers) != _fields(replayed.headers):
        yield f"fields {_fields(wire.headers)}, replayed {_fields(replayed.headers)}"
    if not _is_same_instant(wire.head_s, replayed.head_s):
        yield f"head at {wire.head_s} s, replayed at {replayed.head_s} s"
    pairs = zip_longest(_arrivals(request, wire), _arrivals(request, replayed))
    for number, (there, here) in enumerate(pairs, 1):
        if there is None or here is None or not _is_same_arrival(there, here):
            yield f"arrival {number}: {_shown(there)}, replayed {_shown(here)}"
            break  # all that follow differ too
    # That a client left is its own doing, and no fact about the chain.
    replayed_end = None if replayed.end == "left" else replayed.end
    if wire.end != replayed_end:
        yield f"end {wire.end}, replayed {replayed.end}"
    elif wire.end is not None and not _is_same_instant(wire.end_s, replayed.end_s):
        yield f"{wire.end} at {wire.end_s} s, replayed at {replayed.end_s} s"


def _arrivals(request: Asked, answer: Got) -> list[tuple[float, bytes]]:
    """The arrivals, but for those in the very instant of leaving."""
    gone_s = request.gone_s
    if gone_s is None or request.reads_on:
        return answer.body
    return [it for it in answer.body if abs(it[0] - gone_s) > SAME_INSTANT_S]


def _fields(headers: Headers) -> list[tuple[str, str]]:
    """The fields that are of the response; the others are of one connection."""
    return [
        (name.lower(), value)
        for name, value in headers
        if name.lower() not in {"connection", "transfer-encoding"}
    ]


def _is_same_arrival(there: tuple[float, bytes], here: tuple[float, bytes]) -> bool:
    return _is_same_instant(there[0], here[0]) and there[1] == here[1]


def _is_same_instant(there_s: float | None, here_s: float | None) -> bool:
    if there_s is None or here_s is None:
        return there_s is here_s
    return abs(there_s - here_s) <= TOLERANCE_S


def _shown(arrival: tuple[float, bytes] | None) -> str:
    return "none" if arrival is None else f"{len(arrival[1])} bytes by {arrival[0]} s"

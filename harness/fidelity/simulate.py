"""Run one probe through a simulated chain, and say what was seen as the log would."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.faults.base import RequestHead
from harness.fidelity import client, origin
from harness.fidelity.origin import Script
from harness.fidelity.record import KEPT_BURSTS, Ask, Other, Rest, Seen, Upstream
from harness.hops import build
from harness.hops.observed import Got, Said
from harness.hops.replay import Replay
from harness.model import journal
from harness.model.journal import Entry
from harness.model.scenario import Hop
from harness.wire.coding import decoder
from harness.wire.headers import value

_EVENT = re.compile(rb"id: \d+\ndata: [^\n]*\n\n")
_HEARTBEAT = b": hb\n\n"
_KEPT = (
    journal.HopAttempt,
    journal.HopClosedUpstream,
    journal.HopUpstreamEnd,
)
_H2_CODES = {0: "NO_ERROR", 2: "INTERNAL_ERROR", 8: "CANCEL"}
# The log counted what came so close together as one arrival.
_ONE_ARRIVAL_S = 0.005


class _Journal:
    """What the hops write, with the time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.entries: list[tuple[float, Entry]] = []

    def tick(self, now_s: float) -> None:
        self.now_s = now_s

    def record(self, entry: Entry) -> None:
        if isinstance(entry, _KEPT):
            self.entries.append((self.now_s, entry))


def simulate(hops: Sequence[Hop], ask: Ask) -> Seen:
    """One probe through a chain of hops, client first."""
    told = origin.script(ask)
    log = _Journal()
    heads: list[RequestHead] = []

    def said(head: RequestHead) -> Said:
        heads.append(head)
        return origin.said(ask, told, head)

    machines = build.machines(hops, 1, log.record)
    asked = client.requests(ask)
    answers = Replay(machines, said, ask.watch_s, log.tick).run(asked)
    if ask.third_s:
        return Seen(
            status=answers[0].status,
            others=tuple(
                _other(number, asked[number].t_s, answers[number], log.entries)
                for number in range(1, len(answers))
            ),
        )
    return seen(ask, told, answers[0], _upstream(len(machines), heads, log.entries))


def _other(number: int, asked_s: float, got: Got, entries: list[tuple[float, Entry]]) -> Other:
    is_own = any(
        isinstance(it, journal.HopAttempt) and it.hop == 1 and it.x == number + 1
        for _, it in entries
    )
    first_s = got.reads[0][0] - asked_s if got.reads else None
    return Other(is_own, first_s, events_in(got))


def events_in(got: Got) -> int:
    """How many whole events there are in a body that is not encoded."""
    return len(_EVENT.findall(got.body[-1][1])) if got.body else 0


def _upstream(
    last: int, heads: list[RequestHead], entries: list[tuple[float, Entry]]
) -> tuple[Upstream, ...]:
    began_s: dict[tuple[int, int], float] = {}
    closed: dict[tuple[int, int], tuple[str, float]] = {}
    for t_s, it in entries:
        match it:
            case journal.HopAttempt(hop=hop) if hop == last:
                began_s[it.x, it.attempt] = t_s
            case journal.HopClosedUpstream(hop=hop) if hop == last and it.how != "leave_open":
                closed.setdefault((it.x, it.attempt), (it.how, t_s))
            case journal.HopUpstreamEnd(hop=hop) if hop == last:
                closed.setdefault((it.x, it.attempt), ("origin", t_s))
            case _:
                pass
    out = []
    for (attempt, since_s), head in zip(began_s.items(), heads, strict=True):
        how, t_s = closed.get(attempt, ("open", 0.0))
        out.append(
            Upstream(
                close=how,  # type: ignore[arg-type]  # of the journal's words, less leave_open
                close_s=round(t_s - since_s, 3) if how in {"fin", "rst"} else None,
                version=head.version,
                fields=tuple((name.lower(), val) for name, val in head.headers),
            )
        )
    return tuple(out)


def seen(ask: Ask, told: Script, got: Got, upstream: tuple[Upstream, ...]) -> Seen:
    """What a client got of a script, as the log would say it.

    Args:
        ask: The probe.
        told: Of this `ask`.
        got: Times in seconds since the origin got the request.
        upstream: What became of the requests that the origin got.
    """
    arrivals = _decoded(got)
    body = b"".join(data for _, data in arrivals)
    ends = [found.end() for found in _EVENT.finditer(body)]
    left_s = client.requests(ask)[0].gone_s
    rest = None
    if ask.leaves == "half" and left_s is not None:
        before = sum(len(data) for t_s, data in arrivals if t_s <= left_s)
        rest = Rest(sum(end > before for end in ends), is_closed=got.end is not None)
    return Seen(
        status=got.status,
        head_s=got.head_s,
        fields=tuple((name.lower(), val) for name, val in got.headers),
        events=len(ends),
        comments=body.count(_HEARTBEAT),
        bursts=_bursts(arrivals),
        latest_s=_latest_s(told, arrivals, ends),
        end="left" if left_s is not None else _end(ask, got),
        end_s=got.end_s if left_s is None else None,
        framing=got.framing or "",
        has_goaway=got.goaway_s is not None,
        upstream=upstream,
        rest=rest,
    )


def _end(ask: Ask, got: Got) -> str:
    """How the response ended, in the log's words."""
    match got.end:
        case None:
            return "open"
        case "end":
            return "clean"
        case "truncation" | "reset" if ask.http == "2":
            # Before the head there is no word of how: it is RST_STREAM all the same.
            code = 2 if got.h2_code is None else got.h2_code
            return f"reset {_H2_CODES.get(code, code)}"
        case how:
            return how


def _decoded(got: Got) -> list[tuple[float, bytes]]:
    """Each arrival's bytes, decoded."""
    coding = (value(got.headers, "content-encoding") or "").lower()
    decode = decoder("" if coding == "none" else coding).decompress
    return [(t_s, decode(data)) for t_s, data in got.reads]


def _bursts(arrivals: list[tuple[float, bytes]]) -> tuple[tuple[float, int], ...]:
    out: list[tuple[float, int]] = []
    for t_s, data in arrivals:
        if not data:
            continue
        if out and t_s - out[-1][0] < _ONE_ARRIVAL_S:
            out[-1] = (out[-1][0], out[-1][1] + len(data))
        else:
            out.append((t_s, len(data)))
    return tuple(out[:KEPT_BURSTS])


def _latest_s(told: Script, arrivals: list[tuple[float, bytes]], ends: list[int]) -> float | None:
    if not ends:
        return None
    latest_s, size, number = 0.0, 0, 0
    for t_s, data in arrivals:
        size += len(data)
        while number < len(ends) and ends[number] <= size:
            latest_s = max(latest_s, t_s - told.events_s[number])
            number += 1
    return latest_s

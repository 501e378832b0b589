"""The journal of a replay says what the journal of the wire says: it is judged alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from harness.checks.compose import judge_case
from harness.engine.case import perform
from harness.engine.settling import settle_s
from harness.engine.stage import Props
from harness.faults.base import RequestHead
from harness.hops import build
from harness.hops.observed import Asked, Said, asked, said
from harness.hops.replay import Replay
from harness.hops.replay_journal import Recording
from harness.model import journal
from harness.model.journal import Entry, Journal
from harness.model.scenario import Case, Scenario
from harness.model.scenario import Target as CaseTarget
from harness.model.verdict import Outcome
from harness.scenario.chain import parse_chain
from harness.units import YAML_CONTEXT
from tests.testkit.stage import Yaml, hops

EXPECT = {
    "first_byte_within": "5s",
    "delivered_within": "1s",
    "heartbeat_within": "20s",
    "stays_open": "50s",
    "no_event_lost": True,
    "order_kept": True,
}
LIVELY = {"every": "1s"}
QUIET = {"every": "1s", "silence": [{"from": "3s", "to": "100s"}]}

HELD = "no-anti-buffering-headers"
CHAINS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "nothing": ("[]", LIVELY, None),
    "nginx": ("nginx", LIVELY, None),
    "nginx, held": ("nginx", LIVELY, HELD),
    "nginx, silent": ("nginx", QUIET, "no-heartbeat"),
    "lighttpd": ("lighttpd", LIVELY, None),
    "express-compression": ("express-compression", LIVELY, HELD),
    "envoy": ("envoy", LIVELY, None),
    "aws-api-gateway": ("aws-api-gateway", LIVELY, None),
    "akamai and nginx": ("akamai, nginx", LIVELY, HELD),
    "nginx and express-compression": ("nginx, express-compression", LIVELY, HELD),
    "a slow link": ("[{bandwidth: {rate: 20B/s, burst: 20B}}]", LIVELY, None),
}


def _on_wire(through: str, traffic: dict[str, Any], flaw: str | None, **otherwise: Any) -> Journal:
    written = {
        "id": "test/replay",
        "why": "a test",
        "traffic": traffic,
        "client": {"eventsource": {"reconnect": False}},
        "watch": "70s",
        "expect": EXPECT,
        **otherwise,
    }
    scenario = Scenario.model_validate(written, context=YAML_CONTEXT)
    case = Case(
        id="test/replay",
        scenario=scenario.model_copy(update={"through": parse_chain(through)}),
        target=CaseTarget(flaws=() if flaw is None else (flaw,)),
        clock="virtual",
        seed=3,
    )
    entries, _ = perform(case, Props(settle_s=settle_s(case)), None)
    return entries


def _foreign(entries: Journal) -> Journal:
    """The same as of a server that keeps no record of its own."""
    told = msgspec.structs.replace(
        entries.case,
        is_reference=False,
        case={**entries.case.case, "target": {"url": "http://127.0.0.1:1/events"}},
    )
    kept: list[Entry] = [
        it for it in entries if not type(it).__name__.startswith(("Server", "CaseEntry"))
    ]
    return Journal(msgspec.structs.replace(it, n=n) for n, it in enumerate([told, *kept]))


def _replayed(entries: Journal) -> Journal:
    case = Case.model_validate(entries.case.case)
    recording = Recording(msgspec.structs.replace(entries.case))
    answers = iter(said(entries))
    machines = build.machines(case.scenario.through, case.seed, recording.record)
    over_s = entries[len(entries) - 1].t_s
    Replay(machines, lambda _head: next(answers), over_s, recording.tick, recording).run(
        asked(entries)
    )
    return recording.over(over_s, "replayed")


def _verdict(entries: Journal) -> tuple[Outcome, list[tuple[str, Outcome, int | None, str]]]:
    case = judge_case(entries)
    return case.outcome, [(it.check, it.outcome, it.hop, it.fix) for it in case.findings]


@pytest.mark.parametrize("name", CHAINS)
def test_a_replay_is_judged_as_the_wire_is(name: str) -> None:
    through, traffic, flaw = CHAINS[name]
    on_wire = _foreign(_on_wire(through, traffic, flaw))

    assert _verdict(_replayed(on_wire)) == _verdict(on_wire)


LEAVING: dict[str, Any] = {
    "client": {"eventsource": {"reconnect": False, "leave": {"at": "5.5s", "by": "fin"}}},
    "expect": {"disconnect_noticed": {"within": "20s", "by": "path"}},
}
PAUSING = {"every": "1s", "silence": [{"from": "3s", "to": "25s"}]}
LEFT: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "caddy": ("caddy", LIVELY, None),
    "http-proxy": ("http-proxy", LIVELY, None),
    "haproxy": ("haproxy", LIVELY, None),
    "haproxy, heartbeats": ("haproxy", PAUSING, None),
    "haproxy, silent": ("haproxy", PAUSING, "no-heartbeat"),
    "varnish": ("varnish", LIVELY, None),
    "haproxy and varnish": ("haproxy, varnish", LIVELY, None),
    "lighttpd": ("lighttpd", LIVELY, HELD),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_client_that_leaves_is_seen_as_on_the_wire(name: str) -> None:
    on_wire = _foreign(_on_wire(*LEFT[name], **LEAVING))
    replayed = _replayed(on_wire)

    there, here = judge_case(on_wire).findings, judge_case(replayed).findings
    assert [(it.check, it.outcome, it.hop, it.observed) for it in here] == [
        (it.check, it.outcome, it.hop, it.observed) for it in there
    ]
    assert _leaving(replayed) == _leaving(on_wire)


def _leaving(entries: Journal) -> list[tuple[str, str, str, float]]:
    """Who left, who heard of it, how and when."""
    return [
        (type(it).__name__, getattr(it, "by", ""), getattr(it, "how", ""), round(it.t_s, 3))
        for it in entries
        if isinstance(
            it,
            journal.ClientLeft
            | journal.ClientEnd
            | journal.HopClientGone
            | journal.HopClosedUpstream
            | journal.TapEnd,
        )
    ]


def test_some_of_these_are_heard_of_and_some_are_not() -> None:
    outcomes = {
        name: judge_case(_foreign(_on_wire(*LEFT[name], **LEAVING))).findings[0].outcome
        for name in ("haproxy", "haproxy, silent")
    }

    assert outcomes == {"haproxy": "PASS", "haproxy, silent": "FAIL"}


def test_some_of_these_pass_and_some_fail() -> None:
    outcomes = {
        name: _verdict(_foreign(_on_wire(*CHAINS[name])))[0] for name in ("nginx", "nginx, held")
    }

    assert outcomes == {"nginx": "PASS", "nginx, held": "FAIL"}


# -- what it writes ----------------------------------------------------------------------------

EVENT = b"data: one\n\n"


def _recorded(
    through: list[Yaml], answer: Said, *, until_s: float = 50.0, headers: Iterable[Any] = ()
) -> Journal:
    scenario = Scenario(id="test/replay", why="a test", through=tuple(hops(through)))
    case = Case(id="t", scenario=scenario, target=CaseTarget(), clock="real", seed=1)
    first = journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool="test",
        case=case.model_dump(mode="json", by_alias=True),
        clock="real",
        seed=1,
        target="",
        is_reference=False,
    )
    recording = Recording(first, lag_s=0.02)

    def said_to(_head: RequestHead) -> Said:
        return answer

    machines = build.machines(hops(through), 1, recording.record)
    request = Asked(1, 1, 0.0, "GET", "/events?token=hush", tuple(headers))
    Replay(machines, said_to, until_s, recording.tick, recording).run([request])
    return recording.over(until_s, "over")


def _says(end: str | None = "end") -> Said:
    head = (("Content-Type", "text/event-stream"),)
    return Said(200, "HTTP/1.1", "chunked", head, 1.0, ((2.0, EVENT), (3.0, EVENT)), end, 4.0)


def _kinds(entries: Journal) -> list[str]:
    return [f"{it.t_s:g} {type(it).__name__}" for it in entries]


def test_what_crosses_each_border_is_there_with_its_time() -> None:
    assert _kinds(_recorded([{}], _says())) == [
        "0 CaseEntry",
        "0 StageReady",
        "0 StageLag",
        "0 ClientRequest",
        "0 HopRequest",
        "0 HopAttempt",
        "0 TapRequest",
        "1 TapHead",
        "1 HopHead",
        "1 HopForwardedHead",
        "1 ClientHead",
        *("2 TapRead", "2 HopBytes", "2 HopBytes", "2 ClientRead"),
        *("3 TapRead", "3 HopBytes", "3 HopBytes", "3 ClientRead"),
        *("4 TapEnd", "4 HopUpstreamEnd", "4 HopEnd", "4 ClientEnd"),
        "4 ClientDone",
        "50 StageOver",
    ]


def test_who_still_reads_in_the_end_is_sent_home() -> None:
    last = list(_recorded([{}], _says(None)))[-2:]

    assert [(type(it).__name__, it.t_s) for it in last] == [
        ("ClientEnd", 50.0),
        ("StageOver", 50.0),
    ]
    assert isinstance(last[0], journal.ClientEnd)
    assert last[0].how == "open"


def test_a_hop_that_cuts_leaves_the_target() -> None:
    entries = _recorded([{"max_duration": {"after": "2500ms"}}], _says(None))

    (end,) = [it for it in entries if isinstance(it, journal.TapEnd)]
    (client,) = [it for it in entries if isinstance(it, journal.ClientEnd)]
    assert (end.by, end.how, client.how) == ("downstream", "fin", "truncation")
    assert 2.5 < end.t_s < 2.6


def test_offsets_count_the_bytes_of_each_way() -> None:
    entries = _recorded([{}], _says())

    reads = [it for it in entries if isinstance(it, journal.ClientRead | journal.TapRead)]
    assert [(it.offset, it.size) for it in reads] == [(0, 11), (0, 11), (11, 11), (11, 11)]
    assert [it.body for it in entries if isinstance(it, journal.HopBytes)] == [11, 11, 22, 22]


def test_a_secret_does_not_reach_the_journal() -> None:
    entries = _recorded([{}], _says(), headers=[("Authorization", "Bearer hush")])

    lines = b"".join(journal.encode(it) for it in entries)
    assert b"hush" not in lines
    assert b"[redacted]" in lines


def test_it_can_be_read_back() -> None:
    entries = _recorded([{}], _says())

    again = Journal.read([journal.encode(it) for it in entries])
    assert again.entries == entries.entries

"""Facts: the same words for a measurement and a simulation, and how far apart they may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.fidelity import facts, origin
from harness.fidelity.compare import Compared, compared
from harness.fidelity.facts import Pattern
from harness.fidelity.held import RELAY
from harness.fidelity.record import Ask, Other, Record, Rest, Seen, Upstream
from harness.fidelity.simulate import simulate
from harness.scenario.chain import parse_chain

_ASK = Ask(n=10, dt=0.3, watch_s=8.0)


def _seen(through: str, ask: Ask = _ASK) -> Seen:
    return simulate(parse_chain(through), ask)


def _relayed(ask: Ask = _ASK) -> Seen:
    return simulate(RELAY, ask)


def _pattern(seen: Seen, ask: Ask = _ASK) -> Pattern:
    return facts.pattern(origin.script(ask), seen)


def _differ(there: Seen, here: Seen, ask: Ask = _ASK, product: str = "nginx") -> list[str]:
    record = Record("nginx", "1.22.1", "default", "hdr_hop_by_hop", ask, there)
    return [it.fact for it in compared(record, here, product) if not it.is_agreed]


def test_a_relay_agrees_with_itself_in_every_fact() -> None:
    assert _differ(_relayed(), _relayed()) == []


@pytest.mark.parametrize(
    ("through", "shown"),
    [
        ("[{latency: {delay: 1ms}}]", "immediate"),
        ("[{buffer: {until_end: true}}]", "held to the end"),
        ("[{latency: {delay: 200ms}}]", "delayed 0.20 s"),
        ("[{latency: {delay: 300ms}}]", "one event behind 0.30 s"),
        ("[{buffer: {block: 150B}}]", "blocks of 150 B (1st 150 B), up to 0.6 s late"),
        ("[{compress: {coding: [gzip], flush: false}}]", "held to the end"),
        ("[{compress: {coding: [gzip], flush: true}}]", "immediate"),
    ],
)
def test_an_arrival_pattern_has_a_name(through: str, shown: str) -> None:
    assert str(_pattern(_seen(through))) == shown


def test_no_event_no_pattern() -> None:
    assert str(_pattern(Seen(status=200))) == "none"


def test_a_first_event_that_waits_for_the_second_is_told_from_a_delay() -> None:
    seen = Seen(events=3, bursts=((0.3, 120), (0.6, 60)), latest_s=0.3, end_s=0.9)
    assert str(_pattern(seen)) == "first event late 0.30 s"


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"status": 502}, "status"),
        ({"head_s": 3.0}, "head at"),
        ({"events": 9}, "events"),
        ({"end": "truncation"}, "end"),
        ({"end_s": 2.0}, "end at"),
        ({"framing": "length"}, "framing"),
        ({"upstream": (Upstream("fin", 2.0),)}, "upstream closed"),
        ({"upstream": (Upstream("origin", version="HTTP/1.0"),)}, "upstream version"),
        ({"upstream": (Upstream("origin"), Upstream("origin"))}, "attempts"),
        ({"fields": (("x-a", "1"),)}, "response fields added"),
        ({"fields": ()}, "response fields lost"),
        ({"fields": (("content-encoding", "gzip"),)}, "coding"),
        ({"latest_s": 2.0, "bursts": ((3.0, 600),)}, "pattern"),
        ({"rest": Rest(0, is_closed=True)}, "after half-close"),
    ],
)
def test_every_kind_of_fact_can_disagree(changed: dict[str, Any], fact: str) -> None:
    assert fact in _differ(msgspec.structs.replace(_relayed(), **changed), _relayed())


def test_what_a_later_client_shares_is_a_fact() -> None:
    ask = Ask(n=15, dt=0.3, watch_s=30.0, third_s=7.5)
    shared = (Other(is_own=False, first_s=4.0, events=15), Other(True, 0.0, 15))
    seen = msgspec.structs.replace(_relayed(ask), others=shared)
    assert _differ(seen, _relayed(ask), ask) == ["second client", "second client's first data"]


@pytest.mark.parametrize(
    ("product", "measured_s", "differs"),
    [
        ("nginx", 2.2, []),
        ("nginx", 3.8, ["end at"]),
        ("nginx", 1.6, ["end at"]),
        ("lighttpd", 3.8, []),
        ("lighttpd", 4.4, ["end at"]),
        ("lighttpd", 1.6, ["end at"]),
    ],
)
def test_a_program_that_looks_at_its_limits_now_and_then_may_be_later_only(
    product: str, measured_s: float, differs: list[str]
) -> None:
    ask = Ask(n=2, dt=0.2, end="hang", watch_s=9.0)
    here = _seen("[{idle_timeout: {after: 1.8s, mid_stream: truncation}}]", ask)
    there = msgspec.structs.replace(here, end_s=measured_s)
    assert _differ(there, here, ask, product) == differs


def test_a_retry_over_kept_connections_is_no_disagreement() -> None:
    kept = Upstream("origin", is_reused=True, fields=_upstream_fields())
    fresh = Upstream("origin", fields=_upstream_fields())
    there = msgspec.structs.replace(_relayed(), upstream=(kept, kept, fresh))
    assert _differ(there, _relayed()) == []


def _upstream_fields() -> tuple[tuple[str, str], ...]:
    found = _relayed().upstream
    assert found is not None
    return found[0].fields


def test_a_fact_that_only_the_measurement_has_disagrees() -> None:
    there = msgspec.structs.replace(_relayed(), head_s=2.0, status=504)
    here = Seen(end="open")
    record = Record("nginx", "1.22.1", "default", "before_headers", _ASK, there)
    found = {it.fact: it for it in compared(record, here, "nginx")}
    assert found["head at"] == Compared(record, "head at", "2.0 s", "nothing", is_agreed=False)

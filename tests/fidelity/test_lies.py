"""A product that says what the program does not do is found out, each time by the fact about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from harness.fidelity.compare import compared
from harness.fidelity.simulate import simulate
from harness.model.scenario import FaultSpec, Hop
from tests.fidelity import configs, records

type Change = Callable[[Hop], Hop]


def _set(fault: str, **settings: Any) -> Change:
    """Change settings of a fault of the hop; None takes one away."""

    def change(hop: Hop) -> Hop:
        assert any(it.name == fault for it in hop.faults)
        return _each(hop, lambda it: _changed(it, settings) if it.name == fault else it)

    return change


def _changed(spec: FaultSpec, settings: dict[str, Any]) -> FaultSpec:
    merged = {key: it for key, it in {**spec.settings, **settings}.items() if it is not None}
    return spec.model_copy(update={"settings": merged})


def _drop(fault: str) -> Change:
    def change(hop: Hop) -> Hop:
        assert any(it.name == fault for it in hop.faults)
        return hop.model_copy(update={"faults": tuple(it for it in hop.faults if it.name != fault)})

    return change


def _as(fault: str, other: str) -> Change:
    """Put another fault in the place of one, with the same settings."""
    return lambda hop: _each(
        hop, lambda it: it.model_copy(update={"name": other}) if it.name == fault else it
    )


def _add(fault: str, **settings: Any) -> Change:
    spec = FaultSpec(name=fault, settings=settings)
    return lambda hop: hop.model_copy(update={"faults": (*hop.faults, spec)})


def _before(fault: str, **settings: Any) -> Change:
    spec = FaultSpec(name=fault, settings=settings)
    return lambda hop: hop.model_copy(update={"faults": (spec, *hop.faults)})


def _each(hop: Hop, change: Callable[[FaultSpec], FaultSpec]) -> Hop:
    return hop.model_copy(update={"faults": tuple(map(change, hop.faults))})


@dataclass(frozen=True, slots=True)
class Lie:
    """What is said otherwise, and the record and fact that know better."""

    what: str
    config: str
    probe: str
    fact: str
    change: Change


LIES = (
    Lie("blocks of twice the size", "default", "flow_dense60_chunked", "pattern",
        _set("buffer", block="8KiB")),
    Lie("no buffer", "default", "flow_small_chunked", "pattern", _drop("buffer")),
    Lie("a buffer that heeds no field", "default", "hdr_xab_no", "pattern",
        _set("buffer", unless_response_header={})),
    Lie("a limit of twice the time", "h11_timeout2", "idle_midstream", "end at",
        _set("idle_timeout", after="4s")),
    Lie("a clean end where the program truncates", "h11_timeout2", "idle_midstream", "end",
        _set("idle_timeout", mid_stream="end")),
    Lie("another status at the limit", "h11_timeout2", "before_headers", "status",
        _set("idle_timeout", before_head={"status": 502})),
    Lie("a limit that heartbeats do not rescue from", "h11_timeout2", "idle_heartbeat_1s", "end",
        _as("idle_timeout", "max_duration")),
    Lie("an upstream that is left open", "h11_timeout2", "idle_midstream", "upstream closed",
        _set("idle_timeout", upstream="leave_open")),
    Lie("an end over HTTP/2 without a reset", "h2_timeout2", "h2_idle_midstream", "end",
        _add("http2", truncation="end")),
    Lie("another status for a dead upstream", "h11", "upstream_fin_nohdr", "status",
        _set("upstream_death", before_head={"status": 503})),
    Lie("a clean end of a broken response", "h11", "upstream_fin_small", "end",
        _set("upstream_death", truncation="end")),
    Lie("held bytes that outlive a reset", "default", "upstream_rst_small", "events",
        _drop("drop_held")),
    Lie("another version upstream", "default", "flow_small_chunked", "upstream version",
        _set("http_version", upstream="1.1")),
    Lie("a head that does not wait", "h11", "first_event_late", "head at", _drop("late_headers")),
    Lie("a client whose leaving nobody notices", "h11", "leave_idle_fin", "upstream closed",
        _add("client_gone", notices="never")),
    Lie("a client whose leaving the next write tells", "h11", "leave_active_fin",
        "upstream closed at", _add("client_gone", notices="next_write", writes=2)),
    Lie("a request that is sent again", "h11", "upstream_fin_nohdr", "attempts",
        _before("resend", times=2)),
    Lie("a field that is not stripped", "default", "hdr_xab_no", "response fields lost",
        _drop("rewrite_headers")),
    Lie("a field that is added", "h11", "hdr_hop_by_hop", "response fields added",
        _add("rewrite_headers", response={"set": {"X-Cache": "MISS"}})),
    Lie("another coding", "gzip_h11_bufoff", "gz_small", "coding", _set("compress", coding="br")),
    Lie("compression that is not flushed", "gzip_h11_bufoff", "gz_small", "pattern",
        _set("compress", flush=False)),
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda it: it.what)
def test_a_lie_about_nginx_is_found_out(lie: Lie) -> None:
    found = configs.configs("nginx")
    (record,) = [
        it for it in records.of(["nginx"]) if (it.config, it.probe) == (lie.config, lie.probe)
    ]
    (hop,) = configs.chain(found, lie.config)

    def agrees(hop: Hop) -> bool:
        facts = compared(record, simulate([hop], record.ask), "nginx")
        return {it.fact: it.is_agreed for it in facts}[lie.fact]

    assert (agrees(hop), agrees(lie.change(hop))) == (True, False)

"""Both drivers, one chain: what a client got on the wire is what a replay gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from harness.engine.case import perform
from harness.engine.stage import Props
from harness.faults import registry
from harness.model import journal
from harness.model.scenario import Case, Scenario
from harness.model.scenario import Target as CaseTarget
from harness.units import YAML_CONTEXT
from tests.hops.parity_chains import CHAINS
from tests.testkit.parity import differences
from tests.testkit.stage import CHUNKED, STREAM, Peer, Yaml, chunk
from tests.testkit.stage_faults import FAULTS, known
from tests.testkit.stage_observed import Target, observed

EVENT = b"id: 1\ndata: one\n\n"

# -- before the reference server: events each second for half a minute ---------------------------


@pytest.mark.parametrize("name", CHAINS)
def test_both_drivers_agree_before_the_reference_server(name: str, ca: Path) -> None:
    through, more = CHAINS[name]
    written = {
        "id": "test/parity",
        "why": "a test",
        "traffic": {"every": "1s", "end_after": "30s"},
        "through": through,
        **more,
    }
    case = Case(
        id="test/parity",
        scenario=Scenario.model_validate(written, context=YAML_CONTEXT),
        target=CaseTarget(),
        clock="virtual",
        seed=3,
    )
    entries, _ = perform(case, Props(ca=ca), None)
    assert differences(entries) == []
    assert any(isinstance(it, journal.ClientRead) for it in entries)


# -- before a target that says what no reference server does -------------------------------------

LENGTH = STREAM + b"Content-Length: 9999\r\n\r\n"


async def resets(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(CHUNKED, chunk(EVENT))
    await trio.sleep(2)
    peer.reset()


async def truncates(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(CHUNKED)
    await trio.sleep(1)
    await peer.send(chunk(EVENT))


async def closes(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(STREAM + b"\r\n", EVENT)
    await trio.sleep(2)


async def closes_with_a_reset(peer: Peer, number: int) -> None:
    await closes(peer, number)
    peer.reset()


async def promises_too_much(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(LENGTH, EVENT)
    await trio.sleep(2)


async def says_too_much(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(STREAM + b"Content-Length: %d\r\n\r\n" % len(EVENT), EVENT + EVENT)
    await trio.sleep(2)


async def hints_and_trails(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + CHUNKED, chunk(EVENT))
    await peer.send(b"0\r\nX-Sum: 1\r\n\r\n")


async def closes_at_once(peer: Peer, number: int) -> None:
    await peer.head()


async def is_not_http(peer: Peer, number: int) -> None:
    await peer.head()
    await peer.send(b"SSH-2.0-OpenSSH\r\n\r\n")


async def is_down_at_first(peer: Peer, number: int) -> None:
    await peer.head()
    if number == 1:
        await peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
        return
    await peer.send(CHUNKED, chunk(EVENT), chunk(b""))


async def says_no_more(peer: Peer, number: int) -> None:
    await peer.head()
    if number > 1:
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        return
    await peer.send(CHUNKED, chunk(EVENT), chunk(b"stop"))
    await trio.sleep(20)


TARGETS = (
    resets,
    truncates,
    closes,
    closes_with_a_reset,
    promises_too_much,
    says_too_much,
    hints_and_trails,
    closes_at_once,
    is_not_http,
    is_down_at_first,
    says_no_more,
)
RAW_CHAINS: dict[str, list[Yaml]] = {
    "one hop": [{}],
    "latency": [{"latency": {"delay": "300ms", "jitter": "2s"}}, {}],
    "late headers": [{"late_headers": {}}, {"lag_one_event": {}}],
    "held": [{"idle_timeout": {"after": "10s"}}, {"buffer": {"block": "24B"}}],
    "cut": [{}, {"cut": {"after_bytes": "5B", "how": "end", "times": 2}}],
    "by the close": [{"ends_at": {"by_close": True}}, {"ends_at": {"how": "reset"}}],
    "ends and leaves open": [{}, {"ends_at": {"upstream": "leave_open"}}],
    "stubborn": [{"ends_at": {"how": "truncation"}}, {"stubborn": None}],
    "pauses": [{"pauses": {"word": "one", "for": "5s"}}, {}],
    "tries twice": [{}, {"tries_twice": None}],
    "upstream dies": [
        {"http_version": {"close_delimited": "pass"}},
        {
            "upstream_death": {
                "truncation": "end",
                "reset": "truncation",
                "close_reset": "end",
                "before_head": {"status": 503},
            },
            "delayed_close": {"after": "700ms"},
        },
    ],
    "upstream dies, stall": [{"upstream_death": {"truncation": "stall", "before_head": "reset"}}],
    "by the close, after chunks": [
        {"http_version": {"close_delimited": "pass"}},
        {"http_version": {"chunked": False}, "drop_held": {}, "buffer": {"until_end": True}},
    ],
    "resends": [
        {"upstream_death": {"before_head": {"status": 504}}},
        {"resend": {"times": 3, "on": ["5xx", "refused", "truncation"], "delay": "1s"}},
    ],
    "http/1.0 between hops": [{"old_upstream": None}, {"max_duration": {"after": "1s"}}],
}


@pytest.mark.parametrize("chain", RAW_CHAINS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda it: it.__name__)
def test_both_drivers_agree_before_a_target_that_misbehaves(target: Target, chain: str) -> None:
    entries = observed(
        RAW_CHAINS[chain], target, client={"max_attempts": 4, "retry_5xx": True}, seed=5
    )
    with known(FAULTS):
        assert differences(entries) == []


@pytest.mark.parametrize("fault", registry.FAULTS)
def test_every_fault_stands_in_a_chain_that_both_drivers_play(fault: str) -> None:
    chains = [*(chain for chain, _ in CHAINS.values()), *RAW_CHAINS.values()]
    is_there = any(fault in hop for chain in chains for hop in chain)
    assert is_there, f"no chain with {fault} in CHAINS of tests/hops/parity_chains.py"

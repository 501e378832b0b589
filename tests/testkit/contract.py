"""The conformance kit: what every fault must do, whatever else it does.

`run` drives a fault through a `Plan` as a driver would and watches every action; `check_fault` runs
it several times, cut into other reads, and compares. What a fault declares it conserves it is held
to. A violation is an AssertionError that says what was broken, at what time, in which exchange.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.faults.base import (
    CaseOver,
    Conserves,
    End,
    RequestData,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    passed,
)
from harness.wire.headers import value
from tests.testkit.driver import Driver, Seen, Subject
from tests.testkit.plans import Plan, at_random, byte_by_byte


def run(subject: Subject, plan: Plan, seed: int = 0) -> Driver:
    """Run a plan to its end and check every rule that one run can show."""
    driver = Driver(subject, seed)
    now_s = 0.0
    for at_s, x, event in plan.moments:
        driver.wake_until(at_s)
        driver.deliver(at_s, x, event)
        now_s = at_s
    if plan.is_drained:
        now_s += subject.limit_s + 1.0
        driver.wake_until(now_s)
    for x in list(driver.seen):
        driver.deliver(now_s, x, CaseOver())
    for x, seen in driver.seen.items():
        _check_end(subject, plan, x, seen)
        if subject.shares and not seen.request_sent:
            _check_shared(x, seen, driver.seen.values())
    return driver


def _check_shared(x: int, seen: Seen, others: Iterable[Seen]) -> None:
    """Who asked for nothing upstream got the beginning of what somebody did, or all of it."""
    is_whole = seen.end == End("end")
    assert seen.head_out is None or any(
        it.given == seen.forwarded if is_whole else it.given.startswith(seen.forwarded)
        for it in others
    ), f"forwarded {bytes(seen.forwarded)!r} in exchange {x}, which nobody was given"


def _check_end(subject: Subject, plan: Plan, x: int, seen: Seen) -> None:
    silent = seen.armed - seen.outcomes.keys()
    assert not silent, f"no outcome of stage {min(silent)} in exchange {x}"
    if seen.is_local:
        return
    _check_body(subject.conserves, x, bytes(seen.given), bytes(seen.forwarded))
    _check_length(x, seen)
    if not plan.is_drained:
        return
    if seen.upstream_end is not None and not (seen.is_gone or subject.stalls_inside):
        assert seen.end is not None, f"loses the end of exchange {x}"
        is_cut = seen.is_early or seen.end != passed(seen.upstream_end)
        is_lost = isinstance(seen.upstream_end, UpstreamEnd) and seen.upstream_end.is_dropping
        is_whole = seen.given == seen.forwarded
        assert (
            is_whole or is_cut or is_lost or subject.conserves is not Conserves.BYTES_AND_ORDER
        ), f"loses {len(seen.given) - len(seen.forwarded)} bytes at the end of exchange {x}"
    is_left_alone = seen.is_gone and seen.end is None and seen.upstream_end is None
    if is_left_alone and not subject.ignores_leaving:
        assert seen.is_closed, f"leaves upstream open in exchange {x} though the client left"
    is_sent = bool(seen.request_sent) or seen.is_over or subject.may_wait
    assert is_sent, f"never sends the request in exchange {x}"
    # Who answered or lost its client before the request was sent need not send it.
    if SendEnd(seen.attempt) in seen.last_sent or not seen.is_over:
        _check_request(subject.conserves, x, seen)


def _check_body(conserves: Conserves, x: int, given: bytes, forwarded: bytes) -> None:
    rest = iter(given)
    is_kept = {
        Conserves.BYTES_AND_ORDER: given.startswith(forwarded),
        Conserves.ORDER: all(byte in rest for byte in forwarded),
        Conserves.NOTHING: True,
    }
    assert is_kept[conserves], f"given {given!r}, forwarded {forwarded!r} in exchange {x}"


def _check_length(x: int, seen: Seen) -> None:
    """A body that upstream has ended is as long as its head says, or a client takes it for cut."""
    is_whole = seen.end == End("end") and seen.upstream_end == UpstreamEnd("end", seen.attempt)
    told = None if seen.head_out is None else value(seen.head_out.headers, "content-length")
    assert told is None or not is_whole or seen.is_early or int(told) == seen.written_bytes, (
        f"sends {seen.written_bytes} bytes under Content-Length: {told} in exchange {x}"
    )


def _check_request(conserves: Conserves, x: int, seen: Seen) -> None:
    given = b"".join(it.data for it in seen.request_given if isinstance(it, RequestData))
    for attempt, actions in seen.request_sent.items():
        sent = b"".join(it.data for it in actions if isinstance(it, SendData))
        kinds = [type(it) for it in actions if not isinstance(it, SendData)]
        is_kept = isinstance(actions[0], SendRequest) and given.startswith(sent)
        if attempt == seen.attempt or len(kinds) > 1:
            is_whole = kinds == [SendRequest, SendEnd] and isinstance(actions[-1], SendEnd)
            is_kept = is_kept and is_whole and given == sent
        assert is_kept or conserves is not Conserves.BYTES_AND_ORDER, (
            f"given {given!r} to send, sent {actions} in exchange {x}"
        )


def check_fault(subject: Subject, plan: Plan, seed: int = 0) -> None:
    """Hold a fault to the whole contract.

    Args:
        subject: The fault.
        plan: What happens to it.
        seed: What its draws, and the sizes of random reads, come from.
    """
    first = run(subject, plan, seed)
    again = run(subject, plan, seed)
    assert first.transcript == again.transcript, "two runs with one seed differ"
    for cut in (byte_by_byte, at_random(seed)):
        split = run(subject, plan.resplit(cut), seed)
        if plan.is_drained and subject.splits_alike:
            for x in first.seen:
                whole, parts = _summary(first.seen[x]), _summary(split.seen[x])
                assert whole == parts, f"exchange {x} depends on the reads: {whole} or {parts}"
        if plan.is_drained and subject.outcomes_alike:
            for x in first.seen:
                outcome, other = _outcomes(first.seen[x]), _outcomes(split.seen[x])
                assert outcome == other, f"exchange {x} depends on the reads: {outcome} or {other}"


def _summary(seen: Seen) -> tuple[object, ...]:
    # How much is held when it is lost depends on the reads.
    return seen.head_out, b"" if seen.is_lossy else bytes(seen.forwarded), seen.end


def _outcomes(seen: Seen) -> dict[int, str]:
    return {stage: note.what for stage, note in seen.outcomes.items()}

"""The conformance kit: what every fault must do, whatever else it does.

`run` drives a fault through a `Plan` as a driver would and watches every action; `check_fault` runs
it several times, cut into other reads, and compares. What a fault declares it conserves it is held
to. A violation is an AssertionError that says what was broken, at what time, in which exchange.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Conserves,
    Data,
    End,
    Event,
    Fault,
    FaultConfig,
    Forward,
    ForwardHead,
    GoAway,
    Note,
    PauseDownstream,
    PauseUpstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    ResumeDownstream,
    ResumeUpstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.wire.coding import decoder
from harness.wire.headers import value
from tests.testkit.plans import Plan, at_random, byte_by_byte

# More wakes than this at one instant mean that a fault wakes itself for ever.
MAX_WAKES = 50


@dataclass(frozen=True, slots=True)
class Subject:
    """A fault under test, and what it promises.

    Args:
        start: Makes the fault; called once for each run.
        conserves: What it declares.
        limit_s: The longest time it may take to act, in seconds.
        bound_bytes: What it declares to hold at most, decoded, with one read on top.
        holds_bytes: Most body bytes held back at any time, decoded; inf: no promise.
        holds_s: Longest time a body byte is held back, in seconds; inf: no promise.
        splits_alike: Whether other reads give the same bytes and end. Without it they still have
            to be conserved.
        outcomes_alike: Whether other reads give the same outcome.
        invents_heads: Whether a head may come without one from upstream, as when one stage of a
            pipeline answers and another passes that on.
        ignores_leaving: Whether upstream may be left open although the client has left.
        shares: Whether one exchange may be given what another one got.
        may_wait: Whether a request may wait for others as long as these last.
        stalls_inside: Whether a stage may stall before the last one. Then an end may stay out, or
            come later from another stage.
    """

    start: Callable[[Callable[[], float]], Fault]
    conserves: Conserves = Conserves.BYTES_AND_ORDER
    limit_s: float = 0.0
    holds_bytes: float = math.inf
    holds_s: float = math.inf
    splits_alike: bool = True
    outcomes_alike: bool = True
    invents_heads: bool = False
    ignores_leaving: bool = False
    shares: bool = False
    may_wait: bool = False
    stalls_inside: bool = False
    bound_bytes: float = math.inf


def subject(
    config: FaultConfig, *, holds_bytes: float = math.inf, holds_s: float = math.inf
) -> Subject:
    """A configured fault, as it declares itself."""
    return Subject(
        config.start,
        config.conserves,
        config.limit_s(),
        holds_bytes,
        holds_s,
        bound_bytes=config.held_bytes,
    )


@dataclass(slots=True)
class Seen:
    """What was seen of one exchange: of its response, what the last attempt gave."""

    attempt: int = 0
    given: bytearray = field(default_factory=bytearray)
    given_at: list[tuple[float, int]] = field(default_factory=list)
    forwarded: bytearray = field(default_factory=bytearray)
    decode: Callable[[bytes], bytes] = bytes
    upstream_end: Event | None = None
    head_in: ResponseHead | None = None
    head_out: ResponseHead | None = None
    end: End | Answer | None = None
    is_early: bool = False
    is_local: bool = False
    is_gone: bool = False
    is_closed: bool = False
    request_given: list[Event] = field(default_factory=list)
    request_sent: dict[int, list[Action]] = field(default_factory=dict)
    armed: set[int] = field(default_factory=set)
    unarmed: set[int] = field(default_factory=set)
    outcomes: dict[int, Note] = field(default_factory=dict)
    is_paused: bool = False
    unread: list[ResponseHead | Data | UpstreamEnd] = field(default_factory=list)
    is_client_paused: bool = False
    unheard: list[Event] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.end is not None or self.is_gone

    @property
    def is_readable(self) -> bool:
        """Whether there is something to read that waited."""
        is_made = bool(self.unread) and self.unread[0].attempt in self.request_sent
        return is_made and not self.is_paused

    @property
    def last_sent(self) -> list[Action]:
        """What was sent of the request in the last attempt."""
        return self.request_sent.get(self.attempt, [])

    def try_again(self, attempt: int, where: str) -> None:
        """A further attempt was made: what the one before gave counts no more."""
        assert attempt == self.attempt + 1, f"skips an attempt {where}"
        assert self.head_out is None, f"tries again after the head {where}"
        self.attempt = attempt
        self.head_in = self.upstream_end = None
        self.is_closed = False
        self.given.clear()
        self.given_at.clear()

    @property
    def is_lossy(self) -> bool:
        """Whether upstream's end takes with it what is held."""
        return isinstance(self.upstream_end, UpstreamEnd) and self.upstream_end.is_dropping


class Driver:
    """Deliver events and wakes to one fault, and hold every action to the contract."""

    def __init__(self, subject: Subject, seed: int) -> None:
        self.subject = subject
        self.fault = subject.start(random.Random(seed).random)
        self.seen: dict[int, Seen] = {}
        self.wakes_s: dict[int, float] = {}
        self.transcript: list[str] = []

    def wake_until(self, now_s: float) -> None:
        """Deliver every wake that falls due, in order of time."""
        count, last_s = 0, -math.inf
        while due := [(at_s, x) for x, at_s in self.wakes_s.items() if at_s <= now_s]:
            at_s, x = min(due)
            count = count + 1 if at_s == last_s else 1
            last_s = at_s
            assert count <= MAX_WAKES, f"wakes for ever: {count} times at {at_s} s"
            del self.wakes_s[x]
            self.deliver(at_s, x, Wake())

    def deliver(self, now_s: float, x: int, event: Event) -> None:
        """Deliver one event, unless it comes from a side that is not read, and what waited."""
        seen = self.seen.setdefault(x, Seen())
        # An attempt gives nothing before it is made, if ever it is.
        if isinstance(event, ResponseHead | Data | UpstreamEnd) and (
            seen.is_paused or seen.unread or event.attempt not in seen.request_sent
        ):
            seen.unread.append(event)
            return
        if isinstance(event, RequestData | RequestEnd | ClientGone) and seen.is_client_paused:
            seen.unheard.append(event)
            return
        self._deliver(now_s, x, event)
        for y, other in self.seen.items():
            while other.is_readable:
                self._deliver(now_s, y, other.unread.pop(0))
            while other.unheard and not other.is_client_paused:
                self._deliver(now_s, y, other.unheard.pop(0))

    def _deliver(self, now_s: float, x: int, event: Event) -> None:
        self.transcript.append(f">> {now_s} x{x} {event}")
        seen = self.seen[x]
        if isinstance(event, ResponseHead | Data | UpstreamEnd) and event.attempt < seen.attempt:
            return  # of an attempt that was given up
        before = len(seen.given)
        self._take(now_s, seen, event)
        for y, action in self.fault.step(now_s, x, event):
            self.transcript.append(f"<< x{y} {action}")
            where = f"at {now_s} s in exchange {y}"
            assert y in self.seen, f"speaks {where}, which does not exist"
            assert isinstance(action, Note) or not isinstance(event, CaseOver), (
                f"answers the end of the case with {action}"
            )
            self._watch(now_s, y, action, where)
            if isinstance(action, Note) and action.stage == 0 and y == x:
                assert before <= action.offset <= len(seen.given), f"wrong offset {where}: {action}"
        for y, other in self.seen.items():
            self._check_held(now_s, y, other)
            self._check_request_held(y, other)

    def _take(self, now_s: float, seen: Seen, event: Event) -> None:
        match event:
            case RequestHead() | RequestData() | RequestEnd():
                seen.request_given.append(event)
            case ResponseHead():
                seen.head_in = event
            case Data(data):
                seen.given += data
                seen.given_at.append((now_s, len(seen.given)))
            case UpstreamEnd():
                seen.upstream_end = event
            case ClientGone():
                seen.is_gone = True
            case Wake() | CaseOver():
                pass

    def _watch(self, now_s: float, x: int, action: Action, where: str) -> None:
        seen = self.seen[x]
        match action:
            case ForwardHead() | Forward() | Answer() | End() if seen.end is not None:
                raise AssertionError(f"speaks after the end {where}: {action}")
            case ForwardHead(head):
                assert seen.head_out is None, f"sends two heads {where}"
                seen.is_local = seen.head_in is None
                assert self.subject.invents_heads or not seen.is_local, f"invents a head {where}"
                seen.head_out = head
                seen.decode = _decoding(seen.head_in, head)
            case Forward(data):
                assert seen.head_out is not None, f"sends body before the head {where}"
                assert data, f"sends no bytes {where}"
                seen.forwarded += seen.decode(data)
            case Answer():
                assert seen.head_out is None, f"answers after the head {where}"
                seen.end, seen.is_early = action, seen.upstream_end is None
            case End(how):
                has_head = how != "end" or seen.head_out is not None
                assert has_head, f"ends cleanly before the head {where}"
                seen.end, seen.is_early = action, seen.upstream_end is None
            case CloseUpstream(how):
                seen.is_closed = seen.is_closed or how != "leave_open"
            case GoAway():
                assert not seen.is_gone, f"warns a client that has gone {where}"
            case (
                SendRequest(attempt=attempt) | SendData(attempt=attempt) | SendEnd(attempt=attempt)
            ):
                if attempt > seen.attempt:
                    seen.try_again(attempt, where)
                seen.request_sent.setdefault(attempt, []).append(action)
            case PauseUpstream():
                seen.is_paused = True
            case ResumeUpstream():
                seen.is_paused = False
            case PauseDownstream():
                seen.is_client_paused = True
            case ResumeDownstream():
                seen.is_client_paused = False
            case WakeAt(at_s):
                assert at_s >= now_s, f"wakes in the past {where}: {at_s}"
                self.wakes_s[x] = at_s
            case Note(what="not_armed"):
                is_silent = action.stage not in seen.armed and action.stage not in seen.unarmed
                assert is_silent, f"arms and does not {where}: {action}"
                assert action.reason, f"is not armed without a reason {where}"
                seen.unarmed.add(action.stage)
            case Note(what="armed"):
                assert action.stage not in seen.unarmed, f"arms though it was not {where}"
                assert action.stage not in seen.armed, f"arms twice {where}"
                seen.armed.add(action.stage)
            case Note():
                assert action.stage in seen.armed, f"outcome before it was armed {where}: {action}"
                assert action.stage not in seen.outcomes, f"two outcomes {where}: {action}"
                assert action.reason, f"outcome without a reason {where}"
                seen.outcomes[action.stage] = action

    def _check_request_held(self, x: int, seen: Seen) -> None:
        given = [len(it.data) for it in seen.request_given if isinstance(it, RequestData)]
        sent = sum(len(it.data) for it in seen.last_sent if isinstance(it, SendData))
        held = sum(given) - sent
        is_bound = held <= self.subject.bound_bytes + max(given, default=0)
        assert seen.is_over or is_bound, f"holds {held} bytes of the request in exchange {x}"

    def _check_held(self, now_s: float, x: int, seen: Seen) -> None:
        if seen.is_over or seen.is_local or self.subject.conserves is not Conserves.BYTES_AND_ORDER:
            return
        held = len(seen.given) - len(seen.forwarded)
        assert held <= self.subject.holds_bytes, f"holds {held} bytes at {now_s} s in exchange {x}"
        totals = [0, *(total for _, total in seen.given_at[-2:])]
        read = totals[-1] - totals[-2] if len(totals) > 1 else 0
        assert held <= self.subject.bound_bytes + read, (
            f"holds {held} bytes, declares {self.subject.bound_bytes}, in exchange {x}"
        )
        oldest_s = next(
            (at_s for at_s, total in seen.given_at if total > len(seen.forwarded)), now_s
        )
        # A wake at this very instant may still be to come.
        is_kept = now_s - oldest_s <= self.subject.holds_s + 1e-9
        assert is_kept, f"holds bytes for {now_s - oldest_s} s at {now_s} s in exchange {x}"


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


def _decoding(head_in: ResponseHead | None, head_out: ResponseHead) -> Callable[[bytes], bytes]:
    """How to undo a content coding the fault added."""
    before = None if head_in is None else value(head_in.headers, "content-encoding")
    after = value(head_out.headers, "content-encoding")
    return bytes if after is None or after == before else decoder(after).decompress


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

"""A driver of one fault that holds every event and action to the contract; see `contract`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
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
)
from harness.wire.coding import decoder
from harness.wire.headers import value

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
    written_bytes: int = 0  # of it, as it was coded
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
                seen.written_bytes += len(data)
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


def _decoding(head_in: ResponseHead | None, head_out: ResponseHead) -> Callable[[bytes], bytes]:
    """How to undo a content coding the fault added."""
    before = None if head_in is None else value(head_in.headers, "content-encoding")
    after = value(head_out.headers, "content-encoding")
    return bytes if after is None or after == before else decoder(after).decompress

"""Drive a chain over an observed stream: pure, no sockets, no clock of its own.

Between two hops there is HTTP without a wire: what one machine sends, the next one gets, at the
same instant and in order. The last hop's requests are answered by what the target was seen to say.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from harness.faults.base import (
    Action,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Event,
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
from harness.hops.machine import RANK_S, HopMachine
from harness.hops.observed import Asked, Got, Said
from harness.hops.replay_links import END, FRAMING, Link, Sent, Target, declared, framed
from harness.hops.witness import Witness

# A wake that is due within a float's error of now is due now.
_SLACK_S = 1e-9


class NothingLeftError(Exception):
    """A hop asked the target once more than was observed."""


class Replay:
    """One chain, one observation.

    Args:
        machines: The hops, client first.
        said: What the target says to the next request. Raises `NothingLeftError` at the end.
        until_s: Nothing happens after this time, in seconds.
        tick: Told the time of every step, before it: the recorder's clock.
        witness: Told what crosses every border; None: nobody looks.
        comes_back: Told of a response that has ended at a client, in how many seconds since the
            case began; what that client asks next, and when. None: it asks nothing more.
    """

    def __init__(
        self,
        machines: Sequence[HopMachine],
        said: Callable[[RequestHead], Said],
        until_s: float,
        tick: Callable[[float], None],
        witness: Witness | None = None,
        comes_back: Callable[[Asked, Got, float], Asked | None] | None = None,
    ) -> None:
        self._machines = machines
        self._witness = Witness() if witness is None else witness
        self._comes_back = comes_back
        self._said = said
        self._until_s = until_s
        self._tick = tick
        self._now_s = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._inbox: deque[tuple[int, int, Event]] = deque()
        # (hop, its exchange) → whose attempt it is; and the other way round
        self._down: dict[tuple[int, int], Link] = {}
        self._up: dict[Link, int] = {}
        self._targets: dict[Link, Target] = {}
        self._wakes: dict[tuple[int, int], float] = {}
        self._asked: list[Asked] = []
        self._got: list[Got] = []
        self._sent: dict[tuple[int, int], Sent] = {}
        self._held: dict[Link, list[Event]] = {}
        self._half_closed: set[int] = set()
        # (hop, its exchange) whose client has closed, and meets the next write with a reset
        self._closed: set[tuple[int, int]] = set()
        self._over_h2: set[int] = set()

    def run(self, requests: Iterable[Asked]) -> list[Got]:
        """Replay; what each request got, in the order of `requests`, and then what came of it."""
        for request in requests:
            self._expect(request)
        while self._due and self._due[0][0] <= self._until_s:
            at_s, _, act = heapq.heappop(self._due)
            self._now_s = max(self._now_s, at_s)
            self._tick(self._now_s)
            act()
            self._deliver()
            self._close_the_other_half()
        for machine in self._machines:
            machine.close(self._until_s)
        return self._got

    def _expect(self, request: Asked) -> None:
        """A client is going to ask, and may be going to leave."""
        number = len(self._asked)
        self._asked.append(request)
        self._got.append(Got())
        self._at(request.t_s, partial(self._ask, number, request))
        if request.gone_s is not None:
            # After what comes at that very instant: a client refuses what it has seen.
            self._at(request.gone_s + RANK_S, partial(self._leave, number, request))

    def _at(self, t_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (t_s, next(self._order), act))

    # -- the client's end ----------------------------------------------------------------------

    def _ask(self, number: int, request: Asked) -> None:
        head = RequestHead(request.method, request.target, request.headers, request.version)
        self._witness.asked(number, request)
        self._request(Link(0, number), head)
        self._to(Link(0, number), RequestEnd())

    def _leave(self, number: int, request: Asked) -> None:
        if self._got[number].end is None:
            self._witness.went(number, request)
            if not request.reads_on:
                self._got[number].end = "left"
            elif self._machines:
                self._half_closed.add(number)
            elif (target := self._targets.get(Link(0, number))) and target.said.answer:
                answer = UpstreamEnd(END[target.said.answer])
                self._say(target, target.said.answer_s, answer)
            if request.gone_how == "fin" and not request.reads_on:
                self._close_down(Link(0, number))
            self._to(Link(0, number), ClientGone(request.gone_how))

    def _close_the_other_half(self) -> None:
        """A hop that has nothing left to do for a client which shut down its side closes too."""
        for number in sorted(self._half_closed):
            if self._machines[0].is_over(self._up[Link(0, number)]):
                self._half_closed.remove(number)
                self._reach_client(number, End("truncation"))

    def _reach_client(self, number: int, action: ForwardHead | Forward | End) -> None:
        got = self._got[number]
        if got.end is not None:
            return
        match action:
            case ForwardHead(head):
                got.status, got.headers, got.head_s = head.status, head.headers, self._now_s
                got.framing = head.framing
                self._witness.answered(number, head)
                if head.framing == "h2":
                    self._over_h2.add(number)
            case Forward(data):
                got.add(self._now_s, data)
                self._witness.arrived(number, data)
            case End("stall"):
                pass
            case End("truncation" | "reset", h2=h2) if number in self._over_h2:
                # Over HTTP/2 there is one abrupt end of a stream: RST_STREAM.
                got.h2_code = h2.code if h2.how == "reset" else None
                self._end(number, h2.how)
            case End(how):
                self._end(number, how)

    def _end(self, number: int, how: str) -> None:
        """A response has ended at its client."""
        got = self._got[number]
        got.end, got.end_s = how, self._now_s
        self._witness.ended(number, how)
        if self._comes_back is not None:
            again = self._comes_back(self._asked[number], got, self._now_s)
            if again is not None:
                self._expect(again)

    def _warn_client(self, link: Link) -> None:
        """A GOAWAY, which only a client that speaks HTTP/2 can be told."""
        if link.hop == 0 and link.x in self._over_h2:
            self._got[link.x].goaway_s = self._now_s

    # -- between the hops ------------------------------------------------------------------------

    def _request(self, link: Link, head: RequestHead) -> None:
        """An attempt leaves hop `link.hop` (0: a client) towards the next one, or the target."""
        if link.hop == len(self._machines):
            self._ask_target(link, head)
            return
        x = self._machines[link.hop].new_exchange()
        self._down[link.hop + 1, x] = link
        self._up[link] = x
        self._inbox.append((link.hop + 1, x, head))

    def _to(self, link: Link, event: Event) -> None:
        """Tell the hop upstream of `link`; what is meant for the target needs no telling."""
        if (x := self._up.get(link)) is not None:
            self._inbox.append((link.hop + 1, x, event))

    def _deliver(self) -> None:
        while self._inbox:
            hop, x, event = self._inbox.popleft()
            if isinstance(event, Data):
                self._witness.read(hop, x, event)
            for y, action in self._machines[hop - 1].step(self._now_s, x, event):
                self._do(hop, y, action)

    def _do(self, hop: int, x: int, action: Action) -> None:
        match action:
            case ForwardHead() | Forward() | End():  # first, as most are
                self._downstream(hop, x, action)
            case SendRequest(head, attempt):
                self._request(Link(hop, x, attempt), head)
            case SendData(data, attempt):
                self._to(Link(hop, x, attempt), RequestData(data))
            case SendEnd(attempt):
                self._to(Link(hop, x, attempt), RequestEnd())
            case CloseUpstream("leave_open"):
                pass
            case CloseUpstream(how, attempt):
                self._close(Link(hop, x, attempt), ClientGone("rst" if how == "rst" else "fin"))
            case WakeAt(at_s):
                self._arm(hop, x, at_s)
            case PauseUpstream(attempt):
                # No back-pressure without a wire: a paused stream is read, only not passed on.
                self._held.setdefault(Link(hop, x, attempt), [])
            case ResumeUpstream(attempt):
                link = Link(hop, x, attempt)
                self._inbox.extend((hop, x, event) for event in self._held.pop(link, ()))
            case GoAway():
                self._warn_client(self._down[hop, x])
            case PauseDownstream() | ResumeDownstream() | Note():
                pass  # a replayed request has no body
            case _:
                raise AssertionError(f"a machine never gives {action}")

    def _downstream(self, hop: int, x: int, action: ForwardHead | Forward | End) -> None:
        sent = self._sent.setdefault((hop, x), Sent())
        if sent.is_over:
            return
        match action:
            case ForwardHead(head):
                sent.framing, sent.declared = head.framing, declared(head)
            case Forward(data):
                if sent.framing == "length":
                    action = Forward(data[: sent.declared - sent.size])
                sent.size += len(data)
                self._witness.wrote(hop, x, sent.size)
            case End(how):
                action = replace(action, how=sent.seen(how))
        link = self._down[hop, x]
        self._receive(link, action)
        if (hop, x) in self._closed:
            self._closed.discard((hop, x))
            self._inbox.append((hop, x, ClientGone("rst")))
        if sent.is_whole and not isinstance(action, End):
            action = End("end")
            self._receive(link, action)
        if isinstance(action, End) and action.how != "stall":
            sent.is_over = True
        if action == End("end"):
            # Who has all of a response closes its connection: after what upstream has said by now.
            self._at(self._now_s, partial(self._to, link, ClientGone("fin")))

    def _receive(self, link: Link, action: ForwardHead | Forward | End) -> None:
        """What hop `link.hop + 1` sends reaches hop `link.hop` (0: a client)."""
        if link.hop == 0:
            self._reach_client(link.x, action)
            return
        match action:
            case ForwardHead(head):
                event = replace(head, attempt=link.attempt, headers=framed(head))
                self._tell(link, event)
            case Forward(data):
                self._tell(link, Data(data, link.attempt))
            case End("stall"):
                pass
            case End(how):
                self._tell(link, UpstreamEnd(END[how], link.attempt))
            case _:
                assert_never(action)

    def _tell(self, link: Link, event: Event) -> None:
        """Tell a hop what came from upstream, unless it does not read just now."""
        if link in self._held:
            self._held[link].append(event)
        else:
            self._inbox.append((link.hop, link.x, event))

    def _arm(self, hop: int, x: int, at_s: float) -> None:
        if at_s == math.inf or self._wakes.get((hop, x), math.inf) <= at_s:
            return
        self._wakes[hop, x] = at_s
        rank_s = (len(self._machines) - hop) * RANK_S
        self._at(max(at_s, self._now_s) + rank_s, partial(self._wake, hop, x, at_s))

    def _wake(self, hop: int, x: int, at_s: float) -> None:
        if self._wakes.get((hop, x)) != at_s:
            return
        del self._wakes[hop, x]
        wanted_s = self._machines[hop - 1].wake_s(x)
        if wanted_s <= self._now_s + _SLACK_S:
            self._inbox.append((hop, x, Wake()))
        else:
            self._arm(hop, x, wanted_s)

    # -- the target's end ------------------------------------------------------------------------

    def _ask_target(self, link: Link, head: RequestHead) -> None:
        number = len(self._targets) + 1
        self._witness.reached(number, head)
        said = self._said(head)
        target = self._targets[link] = Target(link, said, number)
        if said.status:
            response = ResponseHead(
                said.status,
                said.headers,
                said.version,
                FRAMING[said.framing],
                link.attempt,
            )
            self._say(target, said.head_s, response)
        for t_s, data in said.reads:
            self._say(target, t_s, Data(data, link.attempt))
        if said.end is not None:
            self._say(target, said.end_s, UpstreamEnd(END[said.end], link.attempt))

    def _say(self, target: Target, t_s: float, event: Event) -> None:
        def say() -> None:
            if target.is_closed:
                return
            self._witness.said(target.number, event)
            if target.link.hop:
                self._tell(target.link, event)
            else:
                self._straight(target.link.x, event)

        self._at(self._now_s + t_s, say)

    def _straight(self, number: int, event: Event) -> None:
        """No hop at all: the client gets what the target says."""
        match event:
            case ResponseHead():
                self._reach_client(number, ForwardHead(event))
            case Data(data):
                self._reach_client(number, Forward(data))
            case UpstreamEnd("refused"):
                self._end(number, "refused")
            case UpstreamEnd("end" | "truncation" | "reset" as how):
                self._reach_client(number, End(how))
            case _:
                raise AssertionError(f"a target never says {event}")

    def _close(self, link: Link, gone: ClientGone) -> None:
        if (target := self._targets.get(link)) is not None and not target.is_closed:
            target.is_closed = True
            self._witness.left(target.number, gone)
            if gone.how == "fin" and target.said.answer:
                answer = UpstreamEnd(END[target.said.answer])
                end = partial(self._witness.said, target.number, answer)
                self._at(self._now_s + target.said.answer_s, end)
        if gone.how == "fin":
            self._close_down(link)
        self._to(link, gone)

    def _close_down(self, link: Link) -> None:
        """Nobody reads at the lower end of `link` any more."""
        if (x := self._up.get(link)) is not None:
            self._closed.add((link.hop + 1, x))

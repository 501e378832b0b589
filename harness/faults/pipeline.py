"""Several faults in series behave as one fault.

Bytes from upstream meet stage 0 first, requests and leaving clients the last one first:

    request, leaving   client ─▶ stage n-1 ─▶ … ─▶ stage 0 ─▶ upstream
    response           client ◀─ stage n-1 ◀─ … ◀─ stage 0 ◀─ upstream

What one stage asks of the driver is what its neighbour is told:

    Forward, ForwardHead, End        Data, ResponseHead, UpstreamEnd of the next stage downstream
    Answer                           all three, ended cleanly; UpstreamEnd("refused") for a refusal
    End("stall")                     nothing: a silence is learnt by waiting
    SendRequest, SendData, SendEnd   RequestHead, RequestData, RequestEnd of the next one upstream
    CloseUpstream                    ClientGone, once; nothing for `leave_open`
    GoAway                           nothing: straight to the driver, whose connection it is about
    PauseUpstream, ResumeUpstream    nothing: straight to the driver, which reads again once no
                                     stage wants the pause any more; so are those of downstream
    WakeAt                           nothing: each stage has a pending wake of its own

Hence order is meaning: a buffer after a cut holds what the cut let through, a buffer before it is
cut in the middle of a block. A stall reaches the driver from the last stage only; before that the
stages downstream live on, and one of them may well end the silence. The journal has the stalling
stage's note either way.

A fault that makes attempts of its own (a retry) has to be stage 0: seen from any other place, its
second `SendRequest` would be one exchange asking twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.faults.base import (
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Event,
    Fault,
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
from harness.wire.headers import replaced

# Two sums of the same seconds may differ in the last bit.
_TOLERANCE_S = 1e-9


class _Through:
    """The only stage of a pipeline that has none."""

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:  # noqa: ARG002 - the contract's
        if not isinstance(event, Wake | CaseOver):
            yield x, passed(event)


@dataclass(slots=True)
class _Flow:
    """What the pipeline knows of one exchange."""

    is_head_request: bool = False
    attempt: int = 0
    framing: Literal["close"] | None = None
    reached: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    paused: set[tuple[int, int]] = field(default_factory=set)
    paused_down: set[int] = field(default_factory=set)
    wakes_s: dict[int, float] = field(default_factory=dict)
    asked_s: float = math.inf

    def is_due(self, stage: int, now_s: float) -> bool:
        return self.wakes_s.get(stage, math.inf) <= now_s + _TOLERANCE_S


class Pipeline:
    """Run `stages` in series; stage 0 is nearest upstream.

    A stage is told to say how it stands (`CaseOver`) only in exchanges that reached it: one that
    another stage answered gave it no chance. With that the exchange is forgotten.
    """

    def __init__(self, stages: Sequence[Fault]) -> None:
        self._stages: list[Fault] = list(stages) or [_Through()]
        self._last = len(self._stages) - 1
        self._flows: dict[int, _Flow] = {}
        self._queue: deque[tuple[int, int, Event]] = deque()
        self._out: list[tuple[int, Action]] = []
        self._touched: dict[int, _Flow] = {}

    def step(self, now_s: float, x: int, event: Event) -> list[tuple[int, Action]]:
        """See `Fault.step`."""
        match event:
            case RequestHead():
                self._flow(x).is_head_request = event.method.upper() == "HEAD"
                self._run(now_s, self._last, x, event)
            case RequestData() | RequestEnd() | ClientGone():
                self._run(now_s, self._last, x, event)
            case ResponseHead() | Data() | UpstreamEnd():
                self._run(now_s, 0, x, event)
            case Wake():
                self._wake(now_s, x)
            case CaseOver():
                ended = self._flows.get(x)
                for stage in sorted(ended.reached) if ended else ():
                    self._run(now_s, stage, x, event)
                self._flows.pop(x, None)
        for y, flow in self._touched.items():
            earliest_s = min(flow.wakes_s.values(), default=math.inf)
            if earliest_s != flow.asked_s:
                flow.asked_s = earliest_s
                self._out.append((y, WakeAt(earliest_s)))
        self._touched.clear()
        out, self._out = self._out, []
        return out

    def _flow(self, x: int) -> _Flow:
        flow = self._flows.get(x)
        if flow is None:
            flow = self._flows[x] = _Flow()
        return flow

    def _wake(self, now_s: float, x: int) -> None:
        flow = self._touched[x] = self._flow(x)
        flow.asked_s = math.inf  # the driver's only wake is spent, even when it came too early
        for stage in range(len(self._stages)):
            # Asked anew each time: what a stage does may cancel the wake of the next one.
            if flow.is_due(stage, now_s):
                del flow.wakes_s[stage]
                self._run(now_s, stage, x, Wake())

    def _run(self, now_s: float, stage: int, x: int, event: Event) -> None:
        """Hand `event` to `stage`, and what comes of it to the others, until all is quiet.

        First come, first served, and one step is over before the next begins: a stage is never
        entered again while it is still speaking.
        """
        self._tell(stage, x, event)
        queue, stages = self._queue, self._stages
        while queue:
            at, y, now = queue.popleft()
            for z, action in stages[at].step(now_s, y, now):
                if type(action) is Forward and type(now) is Data:  # nearly all of them
                    self._forward(at, z, action)
                    continue
                assert isinstance(action, Note) or not isinstance(now, CaseOver), (
                    f"stage {at} answers the end of the case with {action}"
                )
                self._route(at, z, action)

    def _forward(self, stage: int, x: int, action: Forward) -> None:
        """Hand on body bytes: as `_route` does, without looking what else it may be."""
        flow = self._flows.get(x)
        if flow is None or stage in flow.ended:
            return
        if stage == self._last:
            self._out.append((x, action))
            return
        self._queue.append((stage + 1, x, Data(action.data)))
        flow.reached.add(stage + 1)

    def _tell(self, stage: int, x: int, event: Event) -> None:
        self._queue.append((stage, x, event))
        # From now on and not from its turn on: what follows in this very step counts on it.
        self._flow(x).reached.add(stage)

    def _route(self, stage: int, x: int, action: Action) -> None:
        """Hand on what `stage` asked for: to a neighbour, or to the driver."""
        flow = self._flows.get(x)
        if flow is None:
            return  # another exchange spoke for `x` after `x` was over
        match action:
            case WakeAt(at_s):
                self._touched[x] = flow
                if math.isinf(at_s):
                    flow.wakes_s.pop(stage, None)
                else:
                    flow.wakes_s[stage] = at_s
            case Note():
                self._out.append((x, replace(action, stage=stage)))
            case GoAway():
                self._out.append((x, action))
            case PauseUpstream() | ResumeUpstream():
                # Only stage 0 makes attempts; the others mean the one it is at.
                attempt = action.attempt if stage == 0 else flow.attempt
                if isinstance(action, PauseUpstream):
                    flow.paused.add((stage, attempt))
                else:
                    flow.paused.discard((stage, attempt))
                    if any(other == attempt for _, other in flow.paused):
                        return
                self._out.append((x, replace(action, attempt=attempt)))
            case PauseDownstream():
                flow.paused_down.add(stage)
                self._out.append((x, action))
            case ResumeDownstream():
                flow.paused_down.discard(stage)
                if not flow.paused_down:
                    self._out.append((x, action))
            case SendRequest() | SendData() | SendEnd() | CloseUpstream():
                if stage == 0:
                    if isinstance(action, SendRequest):
                        flow.attempt = action.attempt
                    self._out.append((x, action))
                else:
                    self._up(flow, stage - 1, x, action)
            case Forward():
                self._forward(stage, x, action)
            case ForwardHead() | Answer() | End():
                if stage in flow.ended:
                    return
                match action:
                    case Answer() | End():
                        flow.ended.add(stage)
                    case ForwardHead(framing=framing):
                        # What one stage has chosen the ones downstream of it cannot know.
                        flow.framing = flow.framing or framing
                        action = replace(action, framing=flow.framing)
                if stage == self._last:
                    self._out.append((x, action))
                else:
                    self._down(flow, stage + 1, x, action)

    def _up(
        self,
        flow: _Flow,
        stage: int,
        x: int,
        action: SendRequest | SendData | SendEnd | CloseUpstream,
    ) -> None:
        match action:
            case SendRequest(head):
                self._tell(stage, x, head)
            case SendData(data):
                self._tell(stage, x, RequestData(data))
            case SendEnd():
                self._tell(stage, x, RequestEnd())
            case CloseUpstream(how="leave_open"):
                pass
            case CloseUpstream(how):
                # A stage that never saw the request has no client to lose.
                if stage in flow.reached - flow.gone:
                    flow.gone.add(stage)
                    self._tell(stage, x, ClientGone("rst" if how == "rst" else "fin"))

    def _down(self, flow: _Flow, stage: int, x: int, action: ForwardHead | Answer | End) -> None:
        match action:
            case ForwardHead(head):
                # Attempts are stage 0's affair: to the others there is one response.
                self._tell(stage, x, replace(head, attempt=0))
            case Answer(is_refusal=True):
                self._tell(stage, x, UpstreamEnd("refused"))
            case Answer():
                self._tell(stage, x, _head_of(action))
                if action.body and not flow.is_head_request:
                    self._tell(stage, x, Data(action.body))
                self._tell(stage, x, UpstreamEnd("end"))
            case End("end" | "truncation" | "reset" as how, is_dropping, h2):
                self._tell(stage, x, UpstreamEnd(how, is_dropping=is_dropping, h2=h2))
            case End():
                pass


def _head_of(answer: Answer) -> ResponseHead:
    headers = replaced(answer.headers, "Content-Length", str(len(answer.body)))
    return ResponseHead(answer.status, headers, framing="length")

"""One hop, sans-IO: its faults, and what any HTTP intermediary does around them.

Both drivers hold one machine a hop: it strips hop-by-hop fields, chooses the framing towards the
client, keeps the faults from speaking after an end, and writes the hop's part of the journal. What
a machine returns is final: a driver does it, in order, and never looks at a fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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
    Framing,
    GoAway,
    GoneHow,
    Note,
    PauseDownstream,
    PauseUpstream,
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
from harness.model import journal, redaction
from harness.model.journal import Entry
from harness.wire.headers import Headers, end_to_end, replaced, tokens, value, without
from harness.wire.http1 import response_framing

# The hop nearest the target fires first among equal limits: each hop further downstream wakes this
# much later. Far below the journal's microsecond, far above a float's error after a day.
RANK_S = 1e-7

# RFC 9110 §8.6: these must not declare a length.
_NO_CONTENT = frozenset({204, 304})

type Open = Literal["open", "ended", "closed"]


@dataclass(slots=True)
class _State:
    """What a hop knows of one exchange."""

    request: RequestHead
    attempts: dict[int, Open] = field(default_factory=dict)
    is_head_forwarded: bool = False
    is_ended: bool = False
    gone: GoneHow | None = None
    wake_s: float = math.inf

    @property
    def is_reached(self) -> bool:
        """Whether what is sent may still reach the client: over HTTP/1 a FIN closes one side."""
        is_half = self.gone == "fin" and self.request.version != "HTTP/2"
        return self.gone is None or is_half

    @property
    def is_shut(self) -> bool:
        """Whether nothing more can be sent to the client."""
        return self.is_ended or not self.is_reached


class HopMachine:
    """One hop of a chain.

    Args:
        number: 1 is nearest the client.
        names: The names of the hop's faults, in order.
        fault: Its pipeline.
        record: Where entries go.
    """

    def __init__(
        self,
        number: int,
        names: Sequence[str],
        fault: Fault,
        record: Callable[[Entry], None],
    ) -> None:
        self.number = number
        self._names = names
        self._fault = fault
        self.record = record
        self._states: dict[int, _State] = {}
        self._count = 0

    def new_exchange(self) -> int:
        """The number of the next exchange."""
        self._count += 1
        return self._count

    def is_over(self, x: int) -> bool:
        """Whether nothing can happen in exchange `x` any more."""
        state = self._states.get(x)
        return state is None or (
            (state.is_ended or state.gone is not None) and "open" not in state.attempts.values()
        )

    def wake_s(self, x: int) -> float:
        """When `x` wants to be woken; infinity for never."""
        state = self._states.get(x)
        return math.inf if state is None else state.wake_s

    def step(self, now_s: float, x: int, event: Event) -> list[tuple[int, Action]]:
        """Take one event; return what the driver has to do, in order.

        An exchange that is over by then is forgotten: what still comes for it is ignored.
        """
        taken = self._take(x, event)
        if taken is None:
            return []
        done: list[tuple[int, Action]] = []
        touched = {x}
        for y, action in self._fault.step(now_s, x, taken):
            touched.add(y)
            if type(action) is Forward:  # nearly all of them
                if self._may_forward(y, action):
                    done.append((y, action))
            else:
                done += ((y, final) for final in self._give(y, action))
        for y in sorted(touched):
            if y in self._states and self.is_over(y):
                self._finish(now_s, y)
        return done

    def close(self, now_s: float) -> None:
        """The case is over: let every fault say how it stands in what is still under way."""
        for x in list(self._states):
            self._finish(now_s, x)

    def _finish(self, now_s: float, x: int) -> None:
        """Tell the faults that `x` is over, the last they hear of it, and forget it."""
        for y, action in self._fault.step(now_s, x, CaseOver()):
            if isinstance(action, Note):
                self._note(y, action)
        del self._states[x]

    # -- events in ---------------------------------------------------------------------------

    def _take(self, x: int, event: Event) -> Event | None:
        """Journal an event and make it what a fault may see; None: it comes too late."""
        if isinstance(event, RequestHead):
            self._states[x] = _State(event)
        state = self._states.get(x)
        if state is None:
            return None  # an alarm, a read or a goodbye that was under way when `x` was over
        match event:
            case Data(attempt=attempt):  # first, as most events are
                return event if state.attempts.get(attempt) == "open" else None
            case ResponseHead(attempt=attempt) | UpstreamEnd(attempt=attempt) if (
                state.attempts.get(attempt) != "open"
            ):
                return None  # it was under way when the hop closed that attempt
            case RequestHead():
                self.record(
                    journal.HopRequest(
                        hop=self.number,
                        x=x,
                        method=event.method,
                        target=redaction.url(event.target),
                        version=event.version,
                        headers=redaction.headers(event.headers),
                    )
                )
                kept = without(_end_to_end(event.headers), ["expect"])
                return replace(
                    event, headers=kept, version="HTTP/1.1", client_version=event.version
                )
            case ResponseHead(attempt=attempt):
                self.record(
                    journal.HopHead(
                        hop=self.number,
                        x=x,
                        attempt=attempt,
                        status=event.status,
                        version=event.version,
                        framing=event.framing,
                        headers=redaction.headers(event.headers),
                    )
                )
                return replace(event, headers=_end_to_end(event.headers))
            case UpstreamEnd(how, attempt):
                state.attempts[attempt] = "ended"
                self.record(journal.HopUpstreamEnd(hop=self.number, x=x, attempt=attempt, how=how))
            case ClientGone(how):
                is_news = state.gone is None or (state.gone, how) == ("fin", "rst")
                if not is_news or self.is_over(x):
                    return None
                if state.gone is None:
                    self.record(journal.HopClientGone(hop=self.number, x=x, how=how))
                state.gone = how
            case Wake():
                state.wake_s = math.inf
            case _:
                pass
        return event

    # -- actions out -------------------------------------------------------------------------

    def _give(self, x: int, action: Action) -> Iterable[Action]:
        """Journal an action and make it final; nothing for what comes too late."""
        state = self._states.get(x)
        if state is None:
            return  # another exchange spoke for `x` after `x` was over
        is_shut = state.is_shut
        match action:
            case SendRequest(head, attempt):
                yield from self._send(x, state, head, attempt)
            case ForwardHead(head, framing):
                if not is_shut and not state.is_head_forwarded:
                    yield self._forward_head(x, state, head, framing)
            case Forward():
                if self._may_forward(x, action):
                    yield action
            case Answer():
                if not is_shut and not state.is_head_forwarded:
                    yield from self._answer(x, state, action)
            case GoAway():
                if not is_shut:
                    yield action
            case End(how):
                if not state.is_ended:
                    state.is_ended = True
                    if state.is_reached:
                        self.record(journal.HopEnd(hop=self.number, x=x, how=how))
                        yield action
            case CloseUpstream(how, attempt):
                if state.attempts.get(attempt) == "open":
                    if how != "leave_open":
                        state.attempts[attempt] = "closed"
                    self.record(
                        journal.HopClosedUpstream(hop=self.number, x=x, attempt=attempt, how=how)
                    )
                    yield action
            case WakeAt(at_s):
                state.wake_s = at_s
                yield action
            case Note():
                self._note(x, action)
            case SendData(attempt=attempt) | SendEnd(attempt=attempt):
                if state.attempts.get(attempt) == "open":
                    yield action
            case PauseUpstream() | ResumeUpstream() | PauseDownstream() | ResumeDownstream():
                yield action

    def _may_forward(self, x: int, action: Forward) -> bool:
        """Whether body bytes can still reach the client."""
        state = self._states.get(x)
        return state is not None and bool(action.data) and not state.is_shut

    def _send(self, x: int, state: _State, head: RequestHead, attempt: int) -> Iterable[Action]:
        assert attempt not in state.attempts, f"attempt {attempt} sent twice"
        state.attempts[attempt] = "open"
        headers = head.headers
        if value(state.request.headers, "transfer-encoding") is not None:
            headers = replaced(headers, "Transfer-Encoding", "chunked")
        if head.version == "HTTP/1.0":
            headers = replaced(headers, "Connection", "close")
        self.record(
            journal.HopAttempt(
                hop=self.number,
                x=x,
                attempt=attempt,
                version=head.version,
                headers=redaction.headers(headers),
            )
        )
        yield SendRequest(replace(head, headers=headers), attempt)

    def _forward_head(
        self, x: int, state: _State, head: ResponseHead, framing: Literal["close"] | None
    ) -> Action:
        state.is_head_forwarded = True
        self.record(
            journal.HopForwardedHead(
                hop=self.number, x=x, status=head.status, headers=redaction.headers(head.headers)
            )
        )
        framed = self._framing(state.request, head)
        if framing == "close" and framed == "chunked":
            framed = "close"
        return ForwardHead(replace(head, framing=framed))

    def _answer(self, x: int, state: _State, answer: Answer) -> Iterable[Action]:
        state.is_head_forwarded = state.is_ended = True
        headers = without(answer.headers, ["content-length"])
        if answer.status not in _NO_CONTENT:
            headers = replaced(answer.headers, "Content-Length", str(len(answer.body)))
        head = ResponseHead(answer.status, headers)
        self.record(
            journal.HopForwardedHead(
                hop=self.number,
                x=x,
                status=head.status,
                headers=redaction.headers(headers),
                is_answer=True,
            )
        )
        framing = self._framing(state.request, head)
        yield ForwardHead(replace(head, framing=framing))
        if answer.body and framing != "none":
            yield Forward(answer.body)
        self.record(journal.HopEnd(hop=self.number, x=x, how="end"))
        yield End("end")

    def _framing(self, request: RequestHead, head: ResponseHead) -> Framing:
        """How the end of this body is told to the client of this hop."""
        framing = response_framing(request.method, head.status, head.headers)
        if framing in {"none", "length"}:
            return framing
        if request.version == "HTTP/2":
            return "h2"
        # A close-delimited body is chunked anew, or its truncation would look like a clean end.
        return "close" if request.version == "HTTP/1.0" else "chunked"

    def _note(self, x: int, note: Note) -> None:
        self.record(
            journal.FaultNote(
                hop=self.number,
                fault=note.stage,
                name=self._names[note.stage],
                x=x,
                what=note.what,
                reason=note.reason,
                offset=note.offset,
                share=round(note.share, 6),
            )
        )


def _end_to_end(headers: Headers) -> Headers:
    """What goes on: without a length that chunks have overridden (RFC 9112 §6.3)."""
    if "chunked" in tokens(headers, "transfer-encoding"):
        headers = without(headers, ["content-length"])
    return end_to_end(headers)

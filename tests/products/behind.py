"""A server behind one hop of a product, and what its client sees of it and when."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from harness.faults import registry
from harness.faults.base import (
    TIE_S,
    Action,
    Answer,
    CloseUpstream,
    Data,
    End,
    Event,
    Forward,
    ForwardHead,
    Framing,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendRequest,
    UpstreamEnd,
    Wake,
    WakeAt,
)
from harness.faults.pipeline import Pipeline
from harness.scenario.chain import parse_chain

STREAM = "text/event-stream"
EVENT = b"data: x\n\n"
GET = RequestHead("GET", "/", (("Host", "t"), ("Accept-Encoding", "gzip")))

type Said = Iterable[tuple[float, Event]]


def head(framing: Framing = "chunked", **fields: str) -> ResponseHead:
    """A response head; `Cache_Control="no-cache"` is a field of it."""
    named = {"Content-Type": STREAM} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    return ResponseHead(200, tuple(named.items()), framing=framing)


def mute() -> Said:
    """A server that never answers."""
    return ()


def quiet() -> Said:
    """A server that answers at once, with one event, and then falls silent."""
    return ((0.0, head()), (0.0, Data(EVENT)))


def lively(every_s: float = 4.0) -> Iterator[tuple[float, Event]]:
    """A server that never falls silent and never ends."""
    yield 0.0, head()
    for number in itertools.count():
        yield number * every_s, Data(EVENT)


def brief(answer: ResponseHead, *, end_s: float = 10.0) -> Said:
    """A server that sends three events, one a second, and then ends."""
    return (
        (0.0, answer),
        *((float(at_s), Data(EVENT)) for at_s in (1, 2, 3)),
        (end_s, UpstreamEnd("end")),
    )


@dataclass(slots=True)
class Seen:
    """What the client saw.

    Args:
        began_s: When the first byte of a body came.
        ended_s: When the response was over, the tie of limits taken off.
        ending: How: the status of an answer of the hop's own, or the end of a stream.
        upstream: How upstream was closed; "": not at all.
        body: What came of the body.
        request: The head that upstream got.
        head: The head that the client got.
    """

    began_s: float = math.inf
    ended_s: float = math.inf
    ending: str = ""
    upstream: str = ""
    body: bytearray = field(default_factory=bytearray)
    request: RequestHead | None = None
    head: ResponseHead | None = None


def behind(chain: str, said: Said, method: str = "GET", *, until_s: float = 20_000.0) -> Seen:
    """Let a client ask `method` through a chain of one hop, at 0 s.

    Args:
        chain: As `--through` takes it.
        said: What the server says, and when.
        method: The request's.
        until_s: How long it is watched.
    """
    pipeline = _pipeline(chain)
    seen = Seen()
    wakes: list[float] = []
    server = iter(said)
    request = replace(GET, method=method)
    now: list[tuple[float, Event]] = [(0.0, request), (0.0, RequestEnd())]
    coming = heapq.merge(now, server, key=lambda it: it[0])
    waiting = next(coming, None)
    while not seen.ending:
        wake_s = wakes[0] if wakes else math.inf
        if waiting is not None and waiting[0] <= wake_s:
            (now_s, event), waiting = waiting, next(coming, None)
        else:
            now_s, event = wake_s, Wake()
            wakes.clear()
        if now_s > until_s:
            break
        for _, action in pipeline.step(now_s, 1, event):
            _see(seen, now_s, action, wakes)
    return seen


def _pipeline(chain: str) -> Pipeline:
    (hop,) = parse_chain(chain)
    configs = [registry.build(spec.name, spec.settings) for spec in hop.faults]
    return Pipeline([config.start(lambda: 0.5) for config in configs])


def _see(seen: Seen, now_s: float, action: Action, wakes: list[float]) -> None:
    match action:
        case SendRequest(request):
            seen.request = request
        case ForwardHead(response):
            seen.head = response
        case Forward(data):
            seen.began_s = min(seen.began_s, now_s)
            seen.body += data
        case Answer(status, headers, body):
            seen.head, seen.body = ResponseHead(status, headers), bytearray(body)
            seen.ending, seen.ended_s = str(status), round(now_s - TIE_S, 6)
        case End(how):
            is_own = seen.head is not None and seen.head.status != HTTPStatus.OK
            seen.ending = str(seen.head.status) if is_own and seen.head else how
            seen.ended_s = round(now_s - TIE_S, 6)
        case CloseUpstream(how):
            seen.upstream = how
        case WakeAt(at_s):
            wakes[:] = [at_s] if at_s < math.inf else []
        case _:
            pass


def requests_of_two(chain: str, answer: ResponseHead, *, at_once: bool) -> int:
    """How many requests reach a server that answers so, of two clients that ask for the same.

    Args:
        chain: As `--through` takes it.
        answer: The head of the first response, of one event.
        at_once: Whether the second client comes before that event, or after the end.
    """
    pipeline = _pipeline(chain)
    head_1: list[tuple[int, Event]] = [(1, GET), (1, RequestEnd()), (1, answer)]
    body_1: list[tuple[int, Event]] = [(1, Data(EVENT)), (1, UpstreamEnd("end"))]
    asked_2: list[tuple[int, Event]] = [(2, GET), (2, RequestEnd())]
    script = head_1 + (asked_2 + body_1 if at_once else body_1 + asked_2)
    return sum(
        isinstance(action, SendRequest)
        for at_s, (x, event) in enumerate(script)
        for _, action in pipeline.step(float(at_s), x, event)
    )
